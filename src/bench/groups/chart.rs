//! Pauses as a chart.

use super::report::RebalanceReport;
use crate::plot::{Axis, Figure, Line, Panel, Scale};

/// The share of partitions whose pause was no longer, a line for each report by its name.
pub fn pauses_chart(title: &str, reports: &[(String, Vec<&RebalanceReport>)]) -> String {
    let line = |(name, reports): &(String, Vec<&RebalanceReport>)| {
        let pauses = reports.iter().flat_map(|report| report.pauses_us());
        let mut pauses: Vec<u64> = pauses.collect();
        pauses.sort_unstable();
        Line {
            name: name.clone(),
            points: distribution(&pauses),
        }
    };
    let figure = Figure {
        title: title.to_owned(),
        panels: vec![Panel {
            x: Axis::new("share of the partitions that paused, %", Scale::Linear),
            y: Axis::new("pause, ms", Scale::Log),
            lines: reports.iter().map(line).collect(),
        }],
    };
    figure.to_svg()
}

/// At most so many points make a line.
const POINTS_MAX: usize = 400;

fn distribution(sorted_us: &[u64]) -> Vec<(f64, Option<f64>)> {
    let step = sorted_us.len().div_ceil(POINTS_MAX).max(1);
    let mut places: Vec<usize> = (0..sorted_us.len()).step_by(step).collect();
    places.extend(sorted_us.len().checked_sub(1));
    places.dedup();
    let point = |place: usize| {
        let share = (place + 1) as f64 / sorted_us.len() as f64 * 100.0;
        (share, Some(sorted_us[place] as f64 / 1000.0))
    };
    places.into_iter().map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_ends_with_the_longest() {
        assert!(distribution(&[]).is_empty());
        assert_eq!(distribution(&[2000]), [(100.0, Some(2.0))]);
        let many: Vec<u64> = (1..=10_000).map(|ms| ms * 1000).collect();
        let points = distribution(&many);
        assert!(points.len() <= POINTS_MAX + 1);
        assert_eq!(points.last(), Some(&(100.0, Some(10_000.0))));
    }
}
