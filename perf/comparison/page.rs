//! The page of results: everything on it comes from the state on disk.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::args::Args;
use crate::bounds;
use crate::columns::{ALL, Column, KAFKA, KLAMM, PROCESSES};
use crate::goals::{self, Found};
use crate::groups;
use crate::lifecycle::{self, Lifecycle};
use crate::machine::{DOCTOR, MACHINE, Machine, PROBE};
use crate::paths::relative;
use crate::rows;
use crate::run::FAILED;
use crate::state::State;
use crate::statistics::Spread;
use crate::tools::{self, Said};

/// What a broker was started with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) command: String,
    pub(crate) settings: String,
}

/// Writes the page and its plots.
pub(crate) fn write(state: &State, args: &Args) -> Outcome<()> {
    let machine: Machine = state.read(MACHINE).unwrap_or_default();
    let name = format!("{}-{}", today(), machine.host);
    let name = format!("{name}{}", kind(args));
    fs::create_dir_all(&args.out)?;
    let mut page = String::new();
    head(&mut page, &machine, args)?;
    if args.against.is_none() {
        goal_table(&mut page, state)?;
    }
    reasons(&mut page, &args.out.join(format!("{name}-why.md")))?;
    failures(&mut page, state)?;
    for label in rows::labels(state) {
        rows::write(&mut page, state, &label, &name, args)?;
    }
    groups::write(&mut page, state, &name, args)?;
    lifecycles(&mut page, state)?;
    tool_table(&mut page, state)?;
    machine_section(&mut page, state, &machine)?;
    configurations(&mut page, state)?;
    let file = args.out.join(format!("{name}.md"));
    fs::write(&file, page)?;
    println!("{}", file.display());
    Ok(())
}

/// Pages of different circumstances stand beside each other.
fn kind(args: &Args) -> String {
    let pinned = args.broker_cores().is_some();
    let mut kind = String::new();
    for (holds, word) in [
        (args.against.is_some(), "-quick".to_owned()),
        (!pinned, "-unpinned".to_owned()),
        (args.host != "found", format!("-{}", args.host)),
    ] {
        if holds {
            kind.push_str(&word);
        }
    }
    kind
}

fn head(page: &mut String, machine: &Machine, args: &Args) -> Outcome<()> {
    match args.against {
        Some(_) => writeln!(page, "# klamm now and before, {}\n", today())?,
        None => writeln!(
            page,
            "# klamm and Apache Kafka {}, {}\n",
            machine.kafka,
            today()
        )?,
    }
    writeln!(
        page,
        "{}, {} processors, {:.0} GB, Linux {}; broker and load on processors {} (BROKER:LOAD); host as {}. \
         {} ({:.1} MB binary).{}\n",
        machine.processor,
        machine.processors,
        machine.memory_bytes as f64 / 1e9,
        machine.kernel,
        args.cores,
        args.host,
        machine.klamm,
        machine.klamm_binary_bytes as f64 / 1e6,
        match args.against {
            Some(_) => String::new(),
            None => format!(
                " Kafka as shipped: {}, 1 GB heap; as operated: {}, 6 GB heap, 2 network and 4 request threads; \
                 flush.messages=1 is a topic setting on the former (Kafka has no group commit).",
                machine.java, machine.java_operated
            ),
        }
    )?;
    writeln!(page, "{HOW}")?;
    Ok(())
}

const HOW: &str = "\
All brokers stay up and are measured in turn, window by window; every second round goes the other way round. CPU is the \
broker's threads (own) plus kernel threads until all is written back (kernel), both without what runs anyway. Figures are \
medians of the windows; † marks a percentile of all windows together, where one alone has too few samples (100 must lie \
beyond it). Ratios are medians of pairs of one round [quartiles], and a goal is met if its lower quartile meets it. A pair \
between whose windows the machine changed its speed by more than 15 % does not count. Load above 85 % busy: the throughput \
is the load's. Every acknowledged record of the first round is read back and checked.

A JVM counts as warm when three windows in a row cost the same CPU per byte within 5 %, or when they scatter more than that \
but the last three are on the whole what the three before were (within 2.5 % of their middle). *Never settled* says that the \
windows allowed were over before: its figures may still flatter klamm.
";

fn goal_table(page: &mut String, state: &State) -> Outcome<()> {
    writeln!(page, "## Goals\n\n| goal | found | |\n|---|---|---|")?;
    for judged in goals::judge(state)
        .into_iter()
        .chain(bounds::judge(state))
        .chain(groups::judge(state))
    {
        let (found, word) = match judged.result {
            None => (String::new(), "not measured"),
            Some(Found { text, met: true }) => (text, "met"),
            Some(Found { text, met: false }) => (text, "**missed**"),
        };
        writeln!(page, "| {} | {found} | {word} |", judged.text)?;
    }
    writeln!(page)?;
    Ok(())
}

/// What somebody who looked at the profiles has to say about the goals: a file beside the page, which
/// stays when the page is made anew.
fn reasons(page: &mut String, file: &Path) -> Outcome<()> {
    match fs::read_to_string(file) {
        Ok(text) => writeln!(page, "{}\n", text.trim_end())?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(format!("{}: {error}", file.display()).into()),
    }
    Ok(())
}

/// The last run's, in a line each.
fn failures(page: &mut String, state: &State) -> Outcome<()> {
    let failed: Vec<String> = state.read(FAILED).unwrap_or_default();
    for failure in &failed {
        let first = failure.lines().next().unwrap_or_default();
        writeln!(page, "**Could not be measured:** {}\n", relative(first))?;
    }
    Ok(())
}

fn lifecycles(page: &mut String, state: &State) -> Outcome<()> {
    let seen: Vec<(&Column, Lifecycle)> = [&KLAMM, &KAFKA]
        .into_iter()
        .filter_map(|column| Some((column, state.read(&lifecycle::file_name(column))?)))
        .collect();
    if seen.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "## Starts and kills\n\n| | exec on an empty directory to the first record with acks=all, ms | idle, resident MB | \
         kill -9 with | to every partition written and read, caches warm, ms | caches dropped, ms |\n|---|---|---|---|---|---|"
    )?;
    for (column, seen) in seen {
        writeln!(
            page,
            "| {} | {} | {:.1} | {:.0} GB in 18 partitions | {} | {} |",
            column.title,
            middle(&seen.first_record_ms),
            seen.idle_resident_bytes as f64 / 1e6,
            seen.killed_with_bytes as f64 / 1e9,
            middle(&seen.after_kill_warm_ms),
            middle(&seen.after_kill_cold_ms),
        )?;
    }
    writeln!(page)?;
    Ok(())
}

fn middle(values: &[f64]) -> String {
    let most = values.iter().copied().fold(0.0, f64::max);
    let spread = Spread::of(values.iter().copied());
    spread.map_or("–".to_owned(), |spread| {
        format!("{:.0} (most {most:.0})", spread.median)
    })
}

fn tool_table(page: &mut String, state: &State) -> Outcome<()> {
    let columns = ALL.iter();
    let said = columns.filter_map(|column| {
        let said: Vec<Said> = state.read(&tools::file_name(column))?;
        Some((column, said))
    });
    let said: Vec<_> = said.collect();
    if said.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "## Kafka's own tools\n\nOne run each, the tool on any processor; printed, not compared. ConsumerPerformance says: start, end, \
         MB, MB/s, records, records/s, ms for joining, ms for fetching, MB/s and records/s of the fetching alone.\n"
    )?;
    writeln!(page, "| tool | on | says |\n|---|---|---|")?;
    for (column, said) in &said {
        for said in said {
            writeln!(page, "| {} | {} | {} |", said.tool, column.title, said.line)?;
        }
    }
    writeln!(page)?;
    let most = said
        .iter()
        .map(|(_, said)| said)
        .max_by_key(|said| said.iter().filter(|said| !said.command.is_empty()).count());
    for said in most.into_iter().flatten() {
        writeln!(page, "    {}", said.command)?;
    }
    writeln!(page)?;
    Ok(())
}

fn machine_section(page: &mut String, state: &State, machine: &Machine) -> Outcome<()> {
    writeln!(
        page,
        "## The machine\n\nFile system: {}\n",
        machine.file_system
    )?;
    for (title, name) in [("klamm probe", PROBE), ("klamm doctor", DOCTOR)] {
        if let Some(found) = state.read::<serde_json::Value>(name) {
            let text = serde_json::to_string(&found)?;
            writeln!(
                page,
                "<details><summary>{title}</summary>\n\n```json\n{text}\n```\n</details>\n"
            )?;
        }
    }
    Ok(())
}

fn configurations(page: &mut String, state: &State) -> Outcome<()> {
    writeln!(page, "## How they were started\n")?;
    for process in PROCESSES {
        if let Some(told) = state.read::<Told>(&format!("broker-{process}.json")) {
            let (command, settings) = (relative(&told.command), relative(&told.settings));
            writeln!(
                page,
                "**{process}**\n\n```\n{command}\n\n{}\n```\n",
                settings.trim()
            )?;
        }
    }
    Ok(())
}

/// Days since 1970 as a date, by the civil calendar.
fn today() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let (year, month, day) = civil((seconds / 86_400) as i64);
    format!("{year:04}-{month:02}-{day:02}")
}

fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_shifted + 2) / 5 + 1;
    let month = if month_shifted < 10 {
        month_shifted + 3
    } else {
        month_shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(20_778), (2026, 11, 21));
        assert_eq!(civil(11_016), (2000, 2, 29));
    }
}
