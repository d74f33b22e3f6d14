//! A probe's report for people: one figure a line, aligned.

use std::io;

use super::super::output::{Bytes, Count, Output};
use crate::probe::{DiskRead, DiskWrite, FetchBy, Floor, Latency, Report};

/// Writes all of it.
pub(super) fn write(output: &mut Output, report: &Report) -> io::Result<()> {
    machine(output, report)?;
    disk(output, report)?;
    memory(output, report)?;
    fetch(output, report)?;
    floor(output, &report.floor)
}

fn machine(output: &mut Output, report: &Report) -> io::Result<()> {
    let memory = Bytes(report.memory_bytes as f64);
    let (processor, processors) = (&report.processor, report.processors);
    output.line(format_args!(
        "machine    {processors} x {processor}, {memory}, Linux {}",
        report.kernel
    ))
}

fn disk(output: &mut Output, report: &Report) -> io::Result<()> {
    output.line("")?;
    output
        .line("disk, direct and sequential                depth 1       depth 4       depth 8")?;
    let writes = |unwritten| {
        let wanted = move |write: &&DiskWrite| write.unwritten == unwritten;
        report
            .disk_write
            .iter()
            .filter(wanted)
            .map(|write| (write.block_bytes, write.bytes_per_second))
    };
    rates(output, "overwrite", writes(false))?;
    rates(output, "write preallocated", writes(true))?;
    let read = |read: &DiskRead| (read.block_bytes, read.bytes_per_second);
    rates(output, "read", report.disk_read.iter().map(read))?;
    output.line("")?;
    latency(output, "data sync after a direct write", &report.sync_us)?;
    latency(
        output,
        "buffered write and data sync",
        &report.buffered_sync_us,
    )?;
    let cached = match report.sync_cached {
        Some(true) => "from a cache",
        Some(false) => "from the medium",
        None => "unknown",
    };
    output.line(format_args!(
        "sync is answered {cached}: {}",
        report.sync_cached_why
    ))
}

/// One line for each block size; the rates stand in the order of the depths.
fn rates(
    output: &mut Output,
    what: &str,
    rates: impl Iterator<Item = (usize, u64)>,
) -> io::Result<()> {
    let all: Vec<_> = rates.collect();
    for row in all.chunk_by(|one, next| one.0 == next.0) {
        let shown = row
            .iter()
            .map(|(_, rate)| format!("{:>12}/s", Bytes(*rate as f64).to_string()));
        let kib = row[0].0 >> 10;
        output.line(format_args!(
            "  {what:<20} {kib:>5} KiB  {}",
            shown.collect::<String>()
        ))?;
    }
    Ok(())
}

fn latency(output: &mut Output, what: &str, us: &Latency) -> io::Result<()> {
    output.line(format_args!(
        "{what:<32} p50 {:>8.1} us   p99 {:>8.1} us   max {:>8.1} us   of {}",
        us.p50,
        us.p99,
        us.max,
        Count(us.count as u64),
    ))
}

fn memory(output: &mut Output, report: &Report) -> io::Result<()> {
    output.line("")?;
    for (what, rate) in [
        ("CRC-32C from cache", report.crc32c_bytes_per_second),
        ("CRC-32C from memory", report.crc32c_memory_bytes_per_second),
        ("copy in memory", report.copy_bytes_per_second),
        ("loopback, one connection", report.loopback_bytes_per_second),
    ] {
        let rate = Bytes(rate as f64).to_string();
        output.line(format_args!("{what:<32} {rate:>12}/s"))?;
    }
    Ok(())
}

fn fetch(output: &mut Output, report: &Report) -> io::Result<()> {
    output.line("")?;
    output.line("sending responses                  bytes    CPU s/GB            rate")?;
    for one in &report.fetch {
        let rate = Bytes(one.bytes_per_second as f64).to_string();
        let (path, bytes) = (name(one.path), Count(one.response_bytes as u64).to_string());
        output.line(format_args!(
            "  {path:<26} {bytes:>11} {:>11.3} {rate:>13}/s",
            one.cpu_seconds_per_gb
        ))?;
    }
    Ok(())
}

fn floor(output: &mut Output, floor: &Floor) -> io::Result<()> {
    output.line("")?;
    output.line("the floor                          bytes    CPU s/GB  + kernel's     us each            rate")?;
    for one in &floor.produce {
        let synced = if one.synced { ", synced" } else { "" };
        let connections = if one.connections > 1 { ", grouped" } else { "" };
        floor_line(
            output,
            &format!("produce{connections}{synced}"),
            one.request_bytes,
            Costs {
                cpu: one.cpu_seconds_per_gb,
                kernel: one.kernel_cpu_seconds_per_gb,
                us: one.us_per_request,
                rate: one.bytes_per_second,
            },
        )?;
    }
    for one in &floor.fetch {
        floor_line(
            output,
            &format!("fetch, {}", name(one.path)),
            one.response_bytes,
            Costs {
                cpu: one.cpu_seconds_per_gb,
                kernel: one.kernel_cpu_seconds_per_gb,
                us: one.us_per_request,
                rate: one.bytes_per_second,
            },
        )?;
    }
    Ok(())
}

struct Costs {
    cpu: f64,
    kernel: Option<f64>,
    us: f64,
    rate: u64,
}

fn floor_line(output: &mut Output, what: &str, bytes: usize, costs: Costs) -> io::Result<()> {
    let kernel = costs
        .kernel
        .map_or("-".to_owned(), |kernel| format!("{kernel:.3}"));
    let (bytes, rate) = (
        Count(bytes as u64).to_string(),
        Bytes(costs.rate as f64).to_string(),
    );
    let Costs { cpu, us, .. } = costs;
    output.line(format_args!(
        "  {what:<26} {bytes:>11} {cpu:>11.3} {kernel:>11} {us:>11.1} {rate:>13}/s"
    ))
}

fn name(path: FetchBy) -> &'static str {
    match path {
        FetchBy::Write => "write from memory",
        FetchBy::SendfileFile => "sendfile, file",
        FetchBy::SendfileMemfd => "sendfile, memfd",
        FetchBy::SendfileMemfdHuge => "sendfile, huge memfd",
    }
}
