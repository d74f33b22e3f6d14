//! A report as charts.

use super::{Latency, Report, Second};
use crate::plot::{Axis, Figure, Line, Panel, Scale};

/// Latency by percentile, if any was measured: what of the histogram is beyond the last percentile
/// with enough samples is left out.
pub fn by_percentile(report: &Report) -> Option<String> {
    let of = [
        ("acknowledged", &report.produce_latency),
        ("end to end", &report.end_to_end_latency),
    ];
    let lines: Vec<Line> = of
        .into_iter()
        .filter_map(|(name, latency)| percentile_line(name, latency.as_ref()?))
        .collect();
    let figure = Figure {
        title: format!("{}: latency by percentile", report.workload.name),
        panels: vec![Panel {
            x: Axis::new("percentile", Scale::Percentile),
            y: Axis::new("latency, ms", Scale::Log),
            lines,
        }],
    };
    (!figure.panels[0].lines.is_empty()).then(|| figure.to_svg())
}

/// Throughput and latency second by second.
pub fn over_time(report: &Report) -> String {
    let throughput = Panel {
        x: Axis::new("time, s", Scale::Linear),
        y: Axis::new("MB/s", Scale::Linear),
        lines: throughput_lines(report),
    };
    let latency = Panel {
        x: Axis::new("time, s", Scale::Linear),
        y: Axis::new("latency, ms", Scale::Log),
        lines: latency_lines(report),
    };
    let mut panels = vec![throughput, latency];
    panels.retain(|panel| !panel.lines.is_empty());
    let title = format!("{}: second by second", report.workload.name);
    Figure { title, panels }.to_svg()
}

/// A percentile needs so many samples beyond it, as in the report.
const BEYOND_MIN: f64 = 100.0;

fn percentile_line(name: &str, latency: &Latency) -> Option<Line> {
    let histogram = latency.decode()?;
    let last = 1.0 - BEYOND_MIN / histogram.len().max(1) as f64;
    let steps = histogram.iter_quantiles(10);
    let points: Vec<_> = steps
        .take_while(|step| step.quantile_iterated_to() <= last)
        .map(|step| {
            let percentile = step.quantile_iterated_to() * 100.0;
            (percentile, Some(step.value_iterated_to() as f64 / 1000.0))
        })
        .collect();
    (!points.is_empty()).then(|| Line {
        name: name.to_owned(),
        points,
    })
}

fn throughput_lines(report: &Report) -> Vec<Line> {
    type Bytes = fn(&Second) -> u64;
    let lines: [(&str, Bytes); 3] = [
        ("written", |second| second.produced.bytes),
        ("read", |second| second.consumed.bytes),
        ("read by laggards", |second| second.lagging.bytes),
    ];
    let whole = whole_seconds(report);
    let moving = lines
        .iter()
        .filter(|(_, bytes)| whole.iter().any(|s| bytes(s) > 0));
    let line = |(name, bytes): &(&str, Bytes)| Line {
        name: (*name).to_owned(),
        points: whole
            .iter()
            .map(|s| (f64::from(s.second), Some(bytes(s) as f64 / 1e6)))
            .collect(),
    };
    moving.map(line).collect()
}

fn latency_lines(report: &Report) -> Vec<Line> {
    type Value = fn(&Second) -> Option<u64>;
    let lines: [(&str, Value); 6] = [
        ("acknowledged p50", |s| s.produce_us.p50),
        ("p99", |s| s.produce_us.p99),
        ("max", |s| s.produce_us.max),
        ("end to end p50", |s| s.end_to_end_us.p50),
        ("p99", |s| s.end_to_end_us.p99),
        ("max", |s| s.end_to_end_us.max),
    ];
    let line = |(name, us): &(&str, Value)| Line {
        name: (*name).to_owned(),
        points: report
            .series
            .iter()
            .map(|s| (f64::from(s.second), us(s).map(|us| us as f64 / 1000.0)))
            .collect(),
    };
    let seen = |line: &Line| line.points.iter().any(|(_, y)| y.is_some());
    lines.iter().map(line).filter(seen).collect()
}

/// The last second is cut, unless it is the only one: its bytes are no rate.
fn whole_seconds(report: &Report) -> &[Second] {
    let whole = (report.seconds.floor() as usize).max(1);
    &report.series[..report.series.len().min(whole)]
}
