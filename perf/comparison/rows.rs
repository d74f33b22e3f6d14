//! One workload on the page: its table, ratios, checks, plots and command.

use std::fmt::Write;

use klamm::bench::Verdict;

use crate::Outcome;
use crate::args::Args;
use crate::bounds;
use crate::charts;
use crate::columns::{ALL, Column, KAFKA, KAFKA_OPERATED, KAFKA_SAME_PROMISE, KLAMM, KLAMM_BEFORE};
use crate::goals::{self, Measure};
use crate::paths::relative;
use crate::percentiles;
use crate::run::HIGHEST_RATE;
use crate::state::State;
use crate::statistics::Spread;
use crate::warmth;
use crate::window::Window;

/// Rows in the order in which they were measured.
pub(crate) fn labels(state: &State) -> Vec<String> {
    let mut labels = Vec::new();
    for window in state.all() {
        if !labels.contains(&window.label) {
            labels.push(window.label.clone());
        }
    }
    labels
}

/// Writes a row; `name` is the page's, whose plots lie beside it.
pub(crate) fn write(
    page: &mut String,
    state: &State,
    label: &str,
    name: &str,
    args: &Args,
) -> Outcome<()> {
    let Some(first) = state.all().iter().find(|window| window.label == label) else {
        return Ok(());
    };
    writeln!(page, "## {label}\n\n{}", first.report.workload.about)?;
    if label == bounds::ALONE {
        writeln!(page, "\nHere without the reader of old records.")?;
    }
    if let (true, Some(rate)) = (
        label.starts_with("latency-"),
        state.read::<u64>(HIGHEST_RATE),
    ) {
        let share = first.report.workload.producers.rate;
        writeln!(
            page,
            "\nKafka sustains {rate} records/s with the same promise; here all have {share} records/s."
        )?;
    }
    writeln!(page, "\n{TABLE}")?;
    let measured: Vec<Measured<'_>> = ALL
        .iter()
        .filter_map(|column| Measured::of(state, label, column))
        .collect();
    for column in &measured {
        column.write(page, state)?;
    }
    match measured.iter().all(Measured::is_at_rest) {
        true => at_rest(page, &measured)?,
        false => ratios(page, state, label)?,
    }
    checks(page, &measured)?;
    for file in charts::draw(state, label, name, &args.out)? {
        writeln!(page, "\n![{label}]({file})")?;
    }
    let command = relative(&first.command);
    writeln!(page, "\n`{command}`\n")?;
    Ok(())
}

const TABLE: &str = "\
| | MB/s | records/s | CPU s/GB (own + kernel) | CPU µs/request | p50 / p99 / p99.9 µs | end to end p50 / p99 µs | \
memory peak / resident MB | device bytes | load busy | windows |
|---|---|---|---|---|---|---|---|---|---|---|";

/// All windows of one column.
struct Measured<'a> {
    label: &'a str,
    column: &'a Column,
    windows: Vec<&'a Window>,
}

impl<'a> Measured<'a> {
    fn of(state: &'a State, label: &'a str, column: &'a Column) -> Option<Self> {
        let windows: Vec<&Window> = state.windows(label, column.key).collect();
        (!windows.is_empty()).then_some(Self {
            label,
            column,
            windows,
        })
    }

    fn write(&self, page: &mut String, state: &State) -> Outcome<()> {
        let produce =
            |percentile| percentiles::shown(&self.windows, percentiles::produce, percentile);
        let end_to_end =
            |percentile| percentiles::shown(&self.windows, percentiles::end_to_end, percentile);
        let per_gb = |seconds: f64, window: &Window| seconds / (window.bytes() as f64 / 1e9);
        writeln!(
            page,
            "| {} | {} | {} | {} ({} + {}) | {} | {} / {} / {} | {} / {} | {} / {} | {} | {} % | {} |",
            self.title(state),
            self.middle(|w| w.throughput() / 1e6, 1),
            self.middle(Window::records_per_second, 0),
            self.middle(Window::cpu_per_gb, 3),
            self.middle(|w| per_gb(w.own_seconds, w), 3),
            self.middle(|w| per_gb(w.kernel_seconds, w), 3),
            self.middle(Window::cpu_us_per_request, 1),
            produce(50.0),
            produce(99.0),
            produce(99.9),
            end_to_end(50.0),
            end_to_end(99.0),
            self.middle(
                |w| w
                    .memory_peak_bytes
                    .map_or(f64::NAN, |bytes| bytes as f64 / 1e6),
                0
            ),
            self.middle(|w| w.resident_bytes as f64 / 1e6, 0),
            self.middle(
                |w| w.device_bytes as f64 / w.report.produced.bytes as f64,
                2
            ),
            self.middle(|w| w.load_busy() * 100.0, 0),
            self.windows.len(),
        )?;
        Ok(())
    }

    fn title(&self, state: &State) -> String {
        let held = |window: &&Window| window.report.sustained != Some(false);
        let sustained = self.windows.iter().filter(|window| held(window)).count();
        let warmth = state.read(&warmth::file_name(self.label, self.column));
        let mut title = self.column.title.to_owned();
        if sustained < self.windows.len() {
            let missed = self.windows.len() - sustained;
            title += &format!(
                " (rate **not sustained** in {missed} of {})",
                self.windows.len()
            );
        }
        if warmth == Some(warmth::Verdict::NeverSettled) {
            title += " (never settled)";
        }
        title
    }

    fn is_at_rest(&self) -> bool {
        self.windows.iter().all(|window| window.bytes() == 0)
    }

    fn median(&self, of: impl Fn(&Window) -> f64) -> Option<f64> {
        Spread::of(self.windows.iter().map(|window| of(window))).map(|spread| spread.median)
    }

    /// What cannot be said, such as the cost of a request where there are none, is a dash.
    fn middle(&self, of: impl Fn(&Window) -> f64, digits: usize) -> String {
        let median = self.median(of);
        median.map_or("–".to_owned(), |value| format!("{value:.digits$}"))
    }
}

/// Where nothing is moved, what a broker costs by the clock.
fn at_rest(page: &mut String, measured: &[Measured<'_>]) -> Outcome<()> {
    let told = measured.iter().map(|column| {
        let percent = column.middle(|w| w.own_seconds / w.report.seconds * 100.0, 2);
        format!("{} {percent} %", column.column.title)
    });
    let told: Vec<String> = told.collect();
    writeln!(page, "\nOf one processor at rest: {}.", told.join(", "))?;
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
            .filter(|measure| {
                **measure != Measure::Throughput || says_throughput(state, label, other)
            })
            .filter_map(|measure| {
                let found = goals::advantage(state, label, &KLAMM, other, *measure)?;
                Some(format!("{} {}", measure.name(), measure.words(&found)))
            })
            .collect();
        if !told.is_empty() {
            writeln!(lines, "- {}: {}", other.title, told.join("; "))?;
        }
    }
    match lines.is_empty() {
        true => writeln!(page, "\nNo ratio: no pair of windows counts.")?,
        false => writeln!(page, "\nklamm, durable, against\n\n{lines}")?,
    }
    let best = goals::advantage_over_best(state, label, Measure::CpuPerGb);
    if let Some((column, found)) = best {
        writeln!(
            page,
            "Against the column of Kafka that is best in CPU per GB ({}): {}.",
            column.title,
            Measure::CpuPerGb.words(&found)
        )?;
    }
    Ok(())
}

/// Neither where the load was the limit nor where the rate was given.
fn says_throughput(state: &State, label: &str, other: &Column) -> bool {
    let mut windows = state.windows(label, other.key);
    windows.all(|window| window.report.sustained.is_none())
        && goals::load_had_room(state, label, &KLAMM)
        && goals::load_had_room(state, label, other)
}

/// Whether what was acknowledged is there, and whether what was damaged was refused.
fn checks(page: &mut String, measured: &[Measured<'_>]) -> Outcome<()> {
    let mut lines = Vec::new();
    let (mut records, mut refusing) = (0, Vec::new());
    for column in measured {
        let title = column.column.title;
        for window in &column.windows {
            if let Verdict::Failed { why } = &window.report.verdict {
                lines.push(format!(
                    "**FAILED**: {title}, round {}: {why}.",
                    window.round
                ));
            }
            let read = window.report.verification.as_ref();
            records += read
                .filter(|read| read.is_clean())
                .map_or(0, |read| read.records);
            match &window.report.corruption_check {
                Some(check) if check.is_checking() => refusing.push(title),
                Some(check) => lines.push(format!(
                    "{title} does not refuse what is damaged: {check:?}."
                )),
                None => {}
            }
        }
    }
    if records > 0 {
        lines.push(format!(
            "{records} acknowledged records were read back: each once, in order, unchanged."
        ));
    }
    if !refusing.is_empty() {
        lines.push(format!(
            "A wrong checksum and a malformed record inside a batch are refused by: {}.",
            refusing.join("; ")
        ));
    }
    if !lines.is_empty() {
        writeln!(page, "\n{}", lines.join(" "))?;
    }
    Ok(())
}
