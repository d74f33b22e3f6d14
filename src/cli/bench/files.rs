use std::fs;
use std::path::Path;

use crate::bench::{Report, charts, percentile_distribution};
use crate::cli::error::CliError;

/// Writes the result: one JSON file, and a directory of everything.
pub(super) fn write(
    report: &Report,
    out: Option<&Path>,
    json: Option<&Path>,
) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(report).expect("a report is plain data");
    if let Some(path) = json {
        put(path, &text)?;
    }
    match out {
        Some(directory) => write_all(report, &text, directory),
        None => Ok(()),
    }
}

fn write_all(report: &Report, json: &str, directory: &Path) -> Result<(), CliError> {
    fs::create_dir_all(directory).map_err(|error| CliError::unwritable(directory, &error))?;
    let name = &report.workload.name;
    put(&directory.join(format!("{name}.json")), json)?;
    let latencies = [
        ("produce", &report.produce_latency),
        ("end-to-end", &report.end_to_end_latency),
    ];
    for (what, latency) in latencies {
        if let Some(text) = latency.as_ref().and_then(percentile_distribution) {
            put(&directory.join(format!("{name}-{what}.hgrm")), &text)?;
        }
    }
    if let Some(svg) = charts::by_percentile(report) {
        put(&directory.join(format!("{name}-latency.svg")), &svg)?;
    }
    put(
        &directory.join(format!("{name}-time.svg")),
        &charts::over_time(report),
    )
}

fn put(path: &Path, text: &str) -> Result<(), CliError> {
    fs::write(path, text).map_err(|error| CliError::unwritable(path, &error))
}
