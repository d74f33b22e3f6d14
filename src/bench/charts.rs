//! A report as charts.

use super::Report;

/// Latency by percentile, if any was measured.
pub fn by_percentile(_report: &Report) -> Option<String> {
    None
}

/// Throughput and latency second by second.
pub fn over_time(_report: &Report) -> String {
    String::new()
}
