use std::fmt::Display;
use std::io::{self, Write};

use crate::bench::groups::{CommitReport, GroupCpu, HeartbeatReport, RebalanceReport, quantile_us};
use crate::bench::{BUSY_MAX, Latency, LoadThread, Verdict};
use crate::cli::output::Count;

/// Prints a window of heartbeats for people.
pub(super) fn heartbeats(report: &HeartbeatReport, out: &mut impl Write) -> io::Result<()> {
    let workload = &report.workload;
    writeln!(
        out,
        "{} groups of {} members, {}, a heartbeat every {:.0} ms",
        Count(workload.groups.into()),
        workload.members,
        workload.protocol.name(),
        report.heartbeat_ms
    )?;
    row(out, "verdict", verdict(&report.verdict))?;
    row(
        out,
        "joined",
        format_args!("in {:.1} s", report.joined_seconds),
    )?;
    let rate = report.heartbeats as f64 / report.seconds;
    let (count, seconds) = (Count(report.heartbeats), report.seconds);
    row(
        out,
        "heartbeats",
        format_args!("{count} in {seconds:.1} s, {rate:.0}/s"),
    )?;
    latency(out, "heartbeat", report.heartbeat_latency.as_ref())?;
    if report.commits > 0 {
        let rate = report.commits as f64 / report.seconds;
        let count = Count(report.commits);
        row(out, "commits", format_args!("{count}, {rate:.0}/s"))?;
        latency(out, "commit", report.commit_latency.as_ref())?;
    }
    load(out, report.load)?;
    broker_cpu(out, report.broker_cpu, report.seconds)?;
    out.flush()
}

/// Prints a load of commits for people.
pub(super) fn commits(report: &CommitReport, keep: bool, out: &mut impl Write) -> io::Result<()> {
    let workload = &report.workload;
    writeln!(
        out,
        "commits of {} offsets, {} groups on {} connections",
        workload.partitions,
        Count(workload.groups.into()),
        workload.connections
    )?;
    let rate = |count: u64| count as f64 / report.seconds;
    row(
        out,
        "commits",
        format_args!(
            "{} in {:.1} s, {:.0}/s",
            Count(report.commits),
            report.seconds,
            rate(report.commits)
        ),
    )?;
    let (offsets, per_second) = (Count(report.offsets), Count(rate(report.offsets) as u64));
    row(out, "offsets", format_args!("{offsets}, {per_second}/s"))?;
    latency(out, "commit", report.commit_latency.as_ref())?;
    load(out, report.load)?;
    broker_cpu(out, report.broker_cpu, report.seconds)?;
    if keep {
        row(
            out,
            "topic",
            format_args!("{}, id {}", report.topic, report.topic_id),
        )?;
    }
    out.flush()
}

/// Prints pauses for people.
pub(super) fn rebalance(report: &RebalanceReport, out: &mut impl Write) -> io::Result<()> {
    let workload = &report.workload;
    writeln!(
        out,
        "a member joins {} others on {} partitions, {}, a heartbeat every {:.0} ms",
        workload.members,
        workload.partitions,
        workload.protocol.name(),
        report.heartbeat_ms
    )?;
    row(out, "verdict", verdict(&report.verdict))?;
    let moves = report.moves_per_round();
    let rounds = report.rounds.len();
    row(
        out,
        "paused",
        format_args!("{moves:.1} partitions at each of {rounds} joins"),
    )?;
    let pauses = report.pauses_us();
    let at = |share| ms(quantile_us(&pauses, share));
    row(
        out,
        "pause",
        format_args!(
            "min {}, median {}, p90 {}, max {} ms; a record is due every {} ms",
            at(0.0),
            at(0.5),
            at(0.9),
            at(1.0),
            workload.record_ms
        ),
    )?;
    let mut settled: Vec<u64> = report.rounds.iter().map(|round| round.settled_us).collect();
    settled.sort_unstable();
    let (median, most) = (quantile_us(&settled, 0.5), quantile_us(&settled, 1.0));
    let (median, most) = (ms(median), ms(most));
    row(
        out,
        "at rest after",
        format_args!("median {median}, max {most} ms"),
    )?;
    if report.uncommitted + report.missed_writes > 0 {
        let (late, missed) = (report.uncommitted, report.missed_writes);
        row(
            out,
            "beside",
            format_args!("{late} commits too late, {missed} writes left out"),
        )?;
    }
    load(out, report.load)?;
    out.flush()
}

fn row(out: &mut impl Write, name: &str, value: impl Display) -> io::Result<()> {
    writeln!(out, "  {name:<18} {value}")
}

fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Valid => "valid".to_owned(),
        Verdict::NotSustained { achieved } => {
            format!("NOT SUSTAINED, the broker was behind: {achieved:.1}/s")
        }
        Verdict::Failed { why } => format!("FAILED: {why}"),
    }
}

fn latency(out: &mut impl Write, name: &str, latency: Option<&Latency>) -> io::Result<()> {
    let Some(latency) = latency else {
        return Ok(());
    };
    let at = |percentile| ms(latency.at(percentile));
    let max = ms(Some(latency.max_us));
    row(
        out,
        &format!("{name}, ms"),
        format_args!(
            "p50 {}  p99 {}  p99.9 {}  max {max}",
            at(50.0),
            at(99.0),
            at(99.9)
        ),
    )
}

fn load(out: &mut impl Write, load: LoadThread) -> io::Result<()> {
    let busy = load.busy * 100.0;
    let word = match load.busy >= BUSY_MAX {
        true => ": it is the bottleneck",
        false => "",
    };
    row(out, "load", format_args!("{busy:.0} % busy{word}"))
}

fn broker_cpu(out: &mut impl Write, cpu: Option<GroupCpu>, seconds: f64) -> io::Result<()> {
    let Some(cpu) = cpu else {
        return Ok(());
    };
    let share = cpu.seconds / seconds * 100.0;
    let each = cpu.us_per_request.unwrap_or(f64::NAN);
    row(
        out,
        "broker CPU",
        format_args!(
            "{:.2} s, {share:.1} % of a core, {each:.1} us a request",
            cpu.seconds
        ),
    )
}

fn ms(us: Option<u64>) -> String {
    us.map_or("-".to_owned(), |us| format!("{:.1}", us as f64 / 1000.0))
}
