//! The plots of one row: bars of what it cost and how fast it was, and latency by percentile.

use std::fs;
use std::path::Path;

use klamm::plot::{Axis, Figure, Line, Panel, Scale};

use crate::Outcome;
use crate::bars::{self, Bar};
use crate::columns::{ALL, Column};
use crate::percentiles;
use crate::state::State;
use crate::statistics::Spread;
use crate::window::Window;

/// A figure that is drawn.
struct Drawn {
    name: &'static str,
    title: &'static str,
    unit: &'static str,
    of: fn(&Window) -> Option<f64>,
}

const DRAWN: &[Drawn] = &[
    Drawn {
        name: "cpu",
        title: "CPU of the broker",
        unit: "seconds per GB, own and kernel threads; less is better",
        of: |window| (window.bytes() > 1 << 20).then(|| window.cpu_per_gb()),
    },
    Drawn {
        name: "throughput",
        title: "Throughput",
        unit: "MB a second; more is better",
        of: |window| {
            let free = window.report.sustained.is_none() && window.bytes() > 1 << 20;
            free.then(|| window.throughput() / 1e6)
        },
    },
    Drawn {
        name: "p99",
        title: "99th percentile to the acknowledgement",
        unit: "microseconds from when a record was due; less is better",
        of: |window| {
            window.report.sustained?;
            window.produce_us(99.0)
        },
    },
];

/// Draws what there is for a row; the names of the files, beside the page.
pub(crate) fn draw(state: &State, label: &str, page: &str, out: &Path) -> Outcome<Vec<String>> {
    let mut files = Vec::new();
    for drawn in DRAWN {
        let bars: Vec<Bar> = ALL
            .iter()
            .filter_map(|column| bar(state, label, column, drawn))
            .collect();
        if bars.len() < 2 {
            continue;
        }
        let file = format!("{page}-{label}-{}.svg", drawn.name);
        let title = format!("{}: {label}", drawn.title);
        fs::write(out.join(&file), bars::svg(&title, drawn.unit, &bars))?;
        files.push(file);
    }
    files.extend(latency_chart(state, label, page, out)?);
    Ok(files)
}

fn bar(state: &State, label: &str, column: &Column, drawn: &Drawn) -> Option<Bar> {
    let windows = state.windows(label, column.key);
    let spread = Spread::of(windows.filter_map(drawn.of))?;
    Some(Bar {
        name: column.title.to_owned(),
        value: spread.median,
        quartiles: (spread.lower_quartile, spread.upper_quartile),
        ours: column.key == "klamm",
    })
}

/// The whole distribution, of rows with a set rate.
fn latency_chart(state: &State, label: &str, page: &str, out: &Path) -> Outcome<Option<String>> {
    let lines: Vec<Line> = ALL
        .iter()
        .filter_map(|column| line(state, label, column))
        .collect();
    if lines.len() < 2 {
        return Ok(None);
    }
    let figure = Figure {
        title: format!("From due to acknowledged: {label}"),
        panels: vec![Panel {
            x: Axis::new("percentile", Scale::Percentile),
            y: Axis::new("µs", Scale::Log),
            lines,
        }],
    };
    let file = format!("{page}-{label}-percentiles.svg");
    fs::write(out.join(&file), figure.to_svg())?;
    Ok(Some(file))
}

/// The latencies of all windows of a column together; none if a window was not sustained.
fn line(state: &State, label: &str, column: &Column) -> Option<Line> {
    let windows: Vec<&Window> = state.windows(label, column.key).collect();
    let open_loop = |window: &&Window| window.report.sustained.is_some();
    if !windows.iter().all(open_loop) {
        return None;
    }
    let all = percentiles::together(&windows, percentiles::produce)?;
    let point = |percentile: &f64| (*percentile, percentiles::at(&all, *percentile));
    Some(Line {
        name: column.title.to_owned(),
        points: PERCENTILES.iter().map(point).collect(),
    })
}

const PERCENTILES: [f64; 17] = [
    0.0, 10.0, 25.0, 50.0, 60.0, 70.0, 75.0, 80.0, 85.0, 90.0, 95.0, 97.0, 98.0, 99.0, 99.5, 99.9,
    99.99,
];
