//! Percentiles of a column: of its windows where each has samples enough, else of all together.

use hdrhistogram::Histogram;
use klamm::bench::Latency;

use crate::statistics::Spread;
use crate::window::Window;

/// A percentile needs so many samples beyond it, as with the load tool.
const SAMPLES_BEYOND: f64 = 100.0;

/// What is looked at of a window.
pub(crate) type Which = fn(&Window) -> Option<&Latency>;

/// From due to acknowledged.
pub(crate) fn produce(window: &Window) -> Option<&Latency> {
    window.report.produce_latency.as_ref()
}

/// From due to read at the tail.
pub(crate) fn end_to_end(window: &Window) -> Option<&Latency> {
    window.report.end_to_end_latency.as_ref()
}

/// For the page, microseconds: the windows' median, or with a dagger that of all windows together.
pub(crate) fn shown(windows: &[&Window], which: Which, percentile: f64) -> String {
    let each = windows.iter().map(|window| which(window)?.at(percentile));
    let each: Option<Vec<u64>> = each.collect();
    if let Some(median) = each.and_then(|each| Spread::of(each.iter().map(|us| *us as f64))) {
        return format!("{:.0}", median.median);
    }
    let all = together(windows, which);
    let us = all.and_then(|all| at(&all, percentile));
    us.map_or("–".to_owned(), |us| format!("{us:.0}†"))
}

/// The latencies of all windows; none if a window has none.
pub(crate) fn together(windows: &[&Window], which: Which) -> Option<Histogram<u64>> {
    let mut all: Option<Histogram<u64>> = None;
    for window in windows {
        let histogram = which(window)?.decode()?;
        match &mut all {
            None => all = Some(histogram),
            Some(all) => all.add(&histogram).ok()?,
        }
    }
    all
}

/// A percentile in microseconds, if enough samples lie beyond it.
pub(crate) fn at(all: &Histogram<u64>, percentile: f64) -> Option<f64> {
    let beyond = all.len() as f64 * (1.0 - percentile / 100.0);
    (beyond >= SAMPLES_BEYOND - 1e-6).then(|| all.value_at_percentile(percentile) as f64)
}
