use std::fmt::Display;
use std::io::{self, Write};

use super::machine::Machine;
use super::{named, told};
use crate::bench::{EndToEndSample, Flow, Latency, Report, Verdict};
use crate::cli::output::{Bytes, Count};

/// Prints a result for people.
pub(super) fn print(
    report: &Report,
    machine: Option<&Machine>,
    out: &mut impl Write,
) -> io::Result<()> {
    let workload = &report.workload;
    writeln!(out, "{}: {}", workload.name, workload.about)?;
    row(out, "verdict", verdict(report))?;
    row(out, "window", format_args!("{:.1} s", report.seconds))?;
    flows(report, out)?;
    latencies(report, out)?;
    load(report, out)?;
    if let Some(cpu) = report.broker_cpu {
        row(
            out,
            "broker CPU",
            broker_cpu(cpu.seconds, cpu.seconds_per_gb, cpu.us_per_request),
        )?;
    }
    for line in machine
        .map(|machine| machine.shares(report))
        .unwrap_or_default()
    {
        row(out, "machine", line)?;
    }
    checks(report, out)?;
    out.flush()
}

fn row(out: &mut impl Write, name: &str, value: impl Display) -> io::Result<()> {
    writeln!(out, "  {name:<18} {value}")
}

fn verdict(report: &Report) -> String {
    match &report.verdict {
        Verdict::Valid => match report.sustained {
            Some(true) => format!(
                "valid: {} records/s sustained",
                Count(report.workload.producers.rate)
            ),
            _ => "valid".to_owned(),
        },
        Verdict::NotSustained { achieved } => format!(
            "NOT SUSTAINED: {} of {} records/s, hence no percentiles",
            Count(*achieved as u64),
            Count(report.workload.producers.rate)
        ),
        Verdict::Failed { why } => format!("FAILED: {why}"),
    }
}

fn flows(report: &Report, out: &mut impl Write) -> io::Result<()> {
    flow(out, "written", report.produced, report.seconds)?;
    flow(out, "read", report.consumed, report.seconds)?;
    readers(
        out,
        "each reader",
        &report.reader_rates,
        report.reader_cap_reached,
    )?;
    if let Some(lagging) = &report.lagging {
        flow(out, "read by laggards", lagging.flow, report.seconds)?;
        readers(out, "each laggard", &lagging.rates, lagging.cap_reached)?;
    }
    Ok(())
}

fn flow(out: &mut impl Write, name: &str, flow: Flow, seconds: f64) -> io::Result<()> {
    if flow.requests == 0 {
        return Ok(());
    }
    let rates = format!(
        "{}/s, {} records/s, {} batches/s, {} requests/s",
        Bytes(flow.bytes_per_second(seconds)),
        Count(flow.records_per_second(seconds) as u64),
        Count(flow.batches_per_second(seconds) as u64),
        Count(flow.requests_per_second(seconds) as u64),
    );
    row(out, name, rates)
}

fn readers(
    out: &mut impl Write,
    name: &str,
    rates: &[f64],
    cap_reached: Option<bool>,
) -> io::Result<()> {
    let cap = match cap_reached {
        Some(true) => "; held back by its cap",
        Some(false) => "; the cap was NOT reached",
        None => "",
    };
    if rates.len() < 2 && cap.is_empty() {
        return Ok(());
    }
    let least = rates.iter().copied().fold(f64::INFINITY, f64::min);
    let most = rates.iter().copied().fold(0.0, f64::max);
    row(
        out,
        name,
        format_args!("{}/s to {}/s{cap}", Bytes(least), Bytes(most)),
    )
}

fn latencies(report: &Report, out: &mut impl Write) -> io::Result<()> {
    if let Some(latency) = &report.produce_latency {
        row(out, "acknowledged", percentiles(latency))?;
    }
    let sample = match report.end_to_end_sample {
        Some(EndToEndSample::FirstOfBatch) => "  (first record of each batch)",
        Some(EndToEndSample::FirstOfBurst) => "  (first record of each burst)",
        Some(EndToEndSample::EveryRecord) | None => "",
    };
    match &report.end_to_end_latency {
        Some(latency) => row(out, "end to end", percentiles(latency) + sample),
        None => Ok(()),
    }
}

/// `50: 1.2 ms  99: 3.4 ms  99.99: -  max: 5.6 ms`.
fn percentiles(latency: &Latency) -> String {
    let shown = latency.percentiles.iter().map(|entry| {
        let us = entry.us.map_or("-".to_owned(), milliseconds);
        format!("p{} {us}", entry.percentile)
    });
    let mut parts: Vec<String> = shown.collect();
    parts.push(format!("max {}", milliseconds(latency.max_us)));
    parts.join("  ")
}

fn milliseconds(us: u64) -> String {
    let ms = us as f64 / 1000.0;
    match ms {
        100.0.. => format!("{ms:.0} ms"),
        10.0.. => format!("{ms:.1} ms"),
        _ => format!("{ms:.2} ms"),
    }
}

fn load(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let busiest = report.load.busiest() * 100.0;
    let threads = report.load.threads.len();
    let void = match report.load.bottleneck {
        true => ": the load was the bottleneck, VOID for comparing throughput",
        false => "",
    };
    row(
        out,
        "load",
        format_args!("busiest of {threads} threads {busiest:.0} %{void}"),
    )
}

fn broker_cpu(seconds: f64, per_gb: Option<f64>, per_request: Option<f64>) -> String {
    let mut text = format!("{seconds:.2} s");
    if let Some(per_gb) = per_gb {
        text += &format!(", {per_gb:.2} s per GB");
    }
    if let Some(per_request) = per_request {
        text += &format!(", {per_request:.0} us per request");
    }
    text
}

fn checks(report: &Report, out: &mut impl Write) -> io::Result<()> {
    match &report.verification {
        None => row(out, "records", "not verified")?,
        Some(found) if found.is_clean() => {
            let (records, seconds) = (Count(found.records), found.seconds);
            row(
                out,
                "records",
                format_args!(
                    "all {records} read back in {seconds:.1} s: none lost, doubled, reordered or changed"
                ),
            )?;
        }
        Some(found) => row(
            out,
            "records",
            format_args!(
                "{} read back: {} lost, {} duplicated, {} reordered, {} corrupt",
                Count(found.records),
                found.lost,
                found.duplicated,
                found.reordered,
                found.corrupt
            ),
        )?,
    }
    let Some(check) = &report.corruption_check else {
        return row(out, "damaged batches", "not tried");
    };
    for (what, outcome) in named(check) {
        row(out, what, told(outcome))?;
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::bench::{BrokerCpu, Load, LoadThread, Percentile, builtin};

    /// A gigabyte in ten seconds by requests of a megabyte.
    pub(in crate::cli::bench) fn report() -> Report {
        let produced = Flow {
            records: 1_000_000,
            bytes: 1_000_000_000,
            payload_bytes: 990_000_000,
            batches: 1000,
            requests: 1000,
        };
        Report {
            version: "0".to_owned(),
            workload: builtin("large-batches").unwrap(),
            bootstrap: "b:1".to_owned(),
            started_ms: 0,
            seconds: 10.0,
            produced,
            consumed: Flow::default(),
            reader_rates: Vec::new(),
            reader_cap_reached: None,
            lagging: None,
            sustained: None,
            produce_latency: Some(Latency {
                count: 20_000,
                min_us: 1,
                mean_us: 2.0,
                max_us: 250_000,
                percentiles: vec![
                    Percentile {
                        percentile: 99.0,
                        us: Some(1000),
                    },
                    Percentile {
                        percentile: 99.9,
                        us: None,
                    },
                ],
                histogram: String::new(),
            }),
            end_to_end_latency: None,
            end_to_end_sample: None,
            series: Vec::new(),
            load: Load::of(vec![LoadThread {
                core: Some(1),
                busy: 0.9,
            }]),
            verification: None,
            corruption_check: None,
            broker_cpu: Some(BrokerCpu::of(1, 1.0, produced)),
            verdict: Verdict::Valid,
        }
    }

    fn printed(report: &Report) -> String {
        let mut out = Vec::new();
        print(report, None, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_result_says_what_to_distrust() {
        let text = printed(&report());
        for expected in [
            "100.0 MB/s, 100,000 records/s",
            "p99 1.00 ms  p99.9 -  max 250 ms",
            "VOID for comparing throughput",
            "not verified",
            "1.00 s per GB",
        ] {
            assert!(text.contains(expected), "{expected} in\n{text}");
        }
    }

    #[test]
    fn a_rate_that_was_not_sustained_has_no_percentile() {
        let mut report = report();
        report.sustained = Some(false);
        report.verdict = Verdict::NotSustained { achieved: 10.0 };
        report.produce_latency = None;
        let text = printed(&report);
        assert!(
            text.contains("NOT SUSTAINED") && !text.contains("p99"),
            "{text}"
        );
    }
}
