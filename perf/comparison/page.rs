//! The page of results: everything on it comes from the state on disk.

use std::fmt::Write;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::args::Args;
use crate::bounds;
use crate::charts;
use crate::columns::{ALL, Column, KAFKA, KAFKA_OPERATED, KAFKA_SAME_PROMISE, KLAMM, KLAMM_BEFORE};
use crate::goals::{self, GOALS, Goal, Measure};
use crate::lifecycle::{self, Lifecycle};
use crate::machine::{DOCTOR, MACHINE, Machine, PROBE};
use crate::run::HIGHEST_RATE;
use crate::state::State;
use crate::statistics::Spread;
use crate::tools::{self, Said};
use crate::window::Window;

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
    for label in labels(state) {
        row(&mut page, state, &label, &name, args)?;
    }
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
medians; ratios are medians of pairs of one round [quartiles]. A pair between whose windows the machine changed its speed by \
more than 15 % does not count. Load above 85 % busy: the throughput is the load's. Every acknowledged record of the first \
round is read back and checked.
";

fn goal_table(page: &mut String, state: &State) -> Outcome<()> {
    writeln!(
        page,
        "## Goals\n\n| goal | klamm is better by | pairs | |\n|---|---|---|---|"
    )?;
    for goal in GOALS {
        goal_row(page, state, goal)?;
    }
    writeln!(page, "\n| goal | found | |\n|---|---|---|")?;
    for judged in bounds::judge(state) {
        let word = if judged.met { "met" } else { "**missed**" };
        writeln!(page, "| {} | {} | {word} |", judged.text, judged.found)?;
    }
    writeln!(page)?;
    Ok(())
}

fn goal_row(page: &mut String, state: &State, goal: &Goal) -> Outcome<()> {
    let found = goals::advantage(state, goal.label, &KLAMM, goal.than, goal.measure);
    let Some(found) = found else {
        writeln!(
            page,
            "| {} ({}) | not measured | | |",
            goal.text, goal.than.title
        )?;
        return Ok(());
    };
    let met = found.lower_quartile >= goal.times;
    writeln!(
        page,
        "| {} ({}) | {} | {} | {} |",
        goal.text,
        goal.than.title,
        times(&found),
        found.count,
        if met { "met" } else { "**missed**" }
    )?;
    Ok(())
}

/// Rows in the order in which they were measured.
fn labels(state: &State) -> Vec<String> {
    let mut labels = Vec::new();
    for window in state.all() {
        if !labels.contains(&window.label) {
            labels.push(window.label.clone());
        }
    }
    labels
}

fn row(page: &mut String, state: &State, label: &str, name: &str, args: &Args) -> Outcome<()> {
    let Some(first) = state.all().iter().find(|window| window.label == label) else {
        return Ok(());
    };
    writeln!(page, "## {label}\n\n{}", first.report.workload.about)?;
    if let (true, Some(rate)) = (
        label.starts_with("latency-"),
        state.read::<u64>(HIGHEST_RATE),
    ) {
        writeln!(
            page,
            "\nKafka sustains {rate} records/s with the same promise; this is a share of that."
        )?;
    }
    writeln!(page, "\n{TABLE}")?;
    let measured = ALL
        .iter()
        .filter(|column| state.windows(label, column.key).next().is_some());
    for column in measured.clone() {
        column_row(page, state, label, column)?;
    }
    ratios(page, state, label)?;
    for file in charts::draw(state, label, name, &args.out)? {
        writeln!(page, "\n![{label}]({file})")?;
    }
    let short = first
        .command
        .rsplit_once("klamm bench")
        .map_or("", |(_, rest)| rest);
    writeln!(page, "\n`klamm bench{short}`\n")?;
    Ok(())
}

const TABLE: &str = "\
| | MB/s | records/s | CPU s/GB (own + kernel) | CPU µs/request | p50 / p99 / p99.9 µs | end to end p50 / p99 µs | \
memory peak / resident MB | device bytes | load busy |
|---|---|---|---|---|---|---|---|---|---|";

fn column_row(page: &mut String, state: &State, label: &str, column: &Column) -> Outcome<()> {
    let windows: Vec<&Window> = state.windows(label, column.key).collect();
    let middle = |of: &dyn Fn(&Window) -> f64| {
        Spread::of(windows.iter().map(|window| of(window))).map(|spread| spread.median)
    };
    let number = |of: &dyn Fn(&Window) -> f64, digits: usize| {
        middle(of).map_or("–".to_owned(), |value| format!("{value:.digits$}"))
    };
    let optional = |of: &dyn Fn(&Window) -> Option<f64>| {
        let found = Spread::of(windows.iter().filter_map(|window| of(window)));
        found.map_or("–".to_owned(), |spread| format!("{:.0}", spread.median))
    };
    let sustained = windows
        .iter()
        .all(|window| window.report.sustained != Some(false));
    let unsettled = state.read::<bool>(&format!("unsettled-{label}-{}.json", column.key));
    let title = match (sustained, unsettled) {
        (false, _) => format!("{} (not sustained)", column.title),
        (true, Some(true)) => format!("{} (never settled)", column.title),
        (true, _) => column.title.to_owned(),
    };
    writeln!(
        page,
        "| {title} | {} | {} | {} ({} + {}) | {} | {} / {} / {} | {} / {} | {} / {} | {} | {} % |",
        number(&|w| w.throughput() / 1e6, 1),
        number(&Window::records_per_second, 0),
        number(&Window::cpu_per_gb, 3),
        number(&|w| w.own_seconds / (w.bytes() as f64 / 1e9), 3),
        number(&|w| w.kernel_seconds / (w.bytes() as f64 / 1e9), 3),
        number(&Window::cpu_us_per_request, 1),
        optional(&|w| w.produce_us(50.0)),
        optional(&|w| w.produce_us(99.0)),
        optional(&|w| w.produce_us(99.9)),
        optional(&|w| w.end_to_end_us(50.0)),
        optional(&|w| w.end_to_end_us(99.0)),
        optional(&|w| w.memory_peak_bytes.map(|bytes| bytes as f64 / 1e6)),
        number(&|w| w.resident_bytes as f64 / 1e6, 0),
        number(
            &|w| w.device_bytes as f64 / w.report.produced.bytes as f64,
            2
        ),
        number(&|w| w.load_busy() * 100.0, 0),
    )?;
    Ok(())
}

/// klamm against each other column, in every measure that both have.
fn ratios(page: &mut String, state: &State, label: &str) -> Outcome<()> {
    let others = [&KAFKA, &KAFKA_OPERATED, &KAFKA_SAME_PROMISE, &KLAMM_BEFORE];
    let measures = [
        Measure::CpuPerGb,
        Measure::CpuPerRequest,
        Measure::Throughput,
        Measure::ProduceP99,
    ];
    let mut lines = String::new();
    for other in others {
        let told: Vec<String> = measures
            .iter()
            .filter(|measure| **measure != Measure::Throughput || has_room(state, label, other))
            .filter_map(|measure| {
                let found = goals::advantage(state, label, &KLAMM, other, *measure)?;
                Some(format!("{} {}", measure.name(), times(&found)))
            })
            .collect();
        if !told.is_empty() {
            writeln!(lines, "- against {}: {}", other.title, told.join("; "))?;
        }
    }
    if !lines.is_empty() {
        writeln!(
            page,
            "\nklamm, durable, is so many times as good:\n\n{lines}"
        )?;
    }
    let best = goals::advantage_over_best(state, label, Measure::CpuPerGb);
    if let Some((column, found)) = best {
        writeln!(
            page,
            "Against the better column for CPU ({}): {}.",
            column.title,
            times(&found)
        )?;
    }
    Ok(())
}

fn has_room(state: &State, label: &str, other: &Column) -> bool {
    goals::load_had_room(state, label, &KLAMM) && goals::load_had_room(state, label, other)
}

fn times(spread: &Spread) -> String {
    format!(
        "**{:.2}** [{:.2} – {:.2}]",
        spread.median, spread.lower_quartile, spread.upper_quartile
    )
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
        "## Kafka's own tools\n\nOne run each, unpinned; printed, not compared.\n"
    )?;
    writeln!(page, "| tool | on | says |\n|---|---|---|")?;
    for (column, said) in &said {
        for said in said {
            writeln!(page, "| {} | {} | {} |", said.tool, column.title, said.line)?;
        }
    }
    writeln!(page)?;
    for said in &said[0].1 {
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
    for process in [
        "klamm",
        "klamm-written",
        "klamm-before",
        "kafka",
        "kafka-operated",
    ] {
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

/// Paths as seen from the repository: where it lies is nobody's business.
fn relative(text: &str) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    text.replace(&format!("{}/", here.display()), "")
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
