//! `klamm probe` and `klamm doctor` through the binary: what scripts read of them.

use std::path::Path;
use std::process::{Command, Output};

use klamm::doctor::{Finding, Severity};
use klamm::probe::{FetchBy, Report};

/// Under target/, not under /tmp: not every tmpfs can do direct I/O.
const DIR: &str = env!("CARGO_TARGET_TMPDIR");

#[test]
fn a_short_probe_measures_everything_and_leaves_nothing() {
    let dir = tempfile::tempdir_in(DIR).expect("a directory");
    let output = klamm(&["probe", "--short", "--json", "-", "--dir"], dir.path());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Report = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        report.disk_write.len(),
        24,
        "four sizes, three depths, written and not"
    );
    assert_eq!(report.disk_read.len(), 12);
    assert!(report.disk_write.iter().all(|one| one.bytes_per_second > 0));
    assert!(report.sync_us.count > 0 && report.sync_us.p50 <= report.sync_us.max);
    assert!(report.crc32c_bytes_per_second > 0 && report.copy_bytes_per_second > 0);
    assert!(
        report
            .fetch
            .iter()
            .any(|one| one.path == FetchBy::SendfileFile)
    );
    assert_eq!(report.floor.produce.len(), 10);
    assert!(
        report
            .floor
            .fetch
            .iter()
            .all(|one| one.cpu_seconds_per_gb > 0.0)
    );
    assert_eq!(std::fs::read_dir(dir.path()).expect("readable").count(), 0);
}

#[test]
fn a_probe_of_a_core_that_is_not_there_is_a_wrong_command_line() {
    let output = klamm(
        &["probe", "--short", "--cores", "0,9999", "--dir"],
        Path::new(DIR),
    );
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("core 9999"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn the_doctor_says_the_same_to_people_and_scripts() {
    let output = klamm(&["doctor", "--json", "--data-dir"], Path::new(DIR));
    let findings: Vec<Finding> = serde_json::from_slice(&output.stdout).expect("JSON");
    let sick = findings
        .iter()
        .any(|finding| finding.severity == Severity::Problem);
    assert_eq!(output.status.code(), Some(i32::from(sick)));
    assert!(findings.len() > 10);
    let table = klamm(&["doctor", "--data-dir"], Path::new(DIR));
    let table = text(&table.stdout);
    assert!(
        findings
            .iter()
            .all(|finding| table.contains(&finding.check)),
        "{table}"
    );
    let script = klamm(&["doctor", "--script", "--data-dir"], Path::new(DIR));
    assert!(text(&script.stdout).starts_with("#!/bin/sh\n"));
}

fn klamm(arguments: &[&str], last: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_klamm"));
    command.args(arguments).arg(last).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
