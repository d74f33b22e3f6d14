//! A report as charts.

use super::{Latency, Report, Second, SecondLatency};
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
    let acknowledged = latency_panel(report, "acknowledged", |second| &second.produce_us);
    let end_to_end = latency_panel(report, "end to end", |second| &second.end_to_end_us);
    let mut panels = vec![throughput, acknowledged, end_to_end];
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

fn latency_panel(report: &Report, name: &str, of: fn(&Second) -> &SecondLatency) -> Panel {
    type Value = fn(&SecondLatency) -> Option<u64>;
    let values: [(&str, Value); 4] = [
        ("p50", |latency| latency.p50),
        ("p99", |latency| latency.p99),
        ("p99.9", |latency| latency.p999),
        ("max", |latency| latency.max),
    ];
    let line = |(name, us): &(&str, Value)| Line {
        name: (*name).to_owned(),
        points: report
            .series
            .iter()
            .map(|s| (f64::from(s.second), us(of(s)).map(|us| us as f64 / 1000.0)))
            .collect(),
    };
    let seen = |line: &Line| line.points.iter().any(|(_, y)| y.is_some());
    Panel {
        x: Axis::new("time, s", Scale::Linear),
        y: Axis::new(format!("{name}, ms"), Scale::Log),
        lines: values.iter().map(line).filter(seen).collect(),
    }
}

/// The last second is cut, unless it is the only one: its bytes are no rate.
fn whole_seconds(report: &Report) -> &[Second] {
    let whole = (report.seconds.floor() as usize).max(1);
    &report.series[..report.series.len().min(whole)]
}
