//! The order of things: brokers up, warm, measured in turn, and the page.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use klamm::bench::Verdict;

use crate::Outcome;
use crate::args::Args;
use crate::broker::{Broker, Circumstances};
use crate::columns::{self, Column, KAFKA_SAME_PROMISE, KLAMM};
use crate::goals;
use crate::load::{Length, Request};
use crate::plan::{self, Item};
use crate::state::State;
use crate::warmth::{self, Warmth};
use crate::window::Window;
use crate::{groups, interrupt, lifecycle, machine, page, rates, tools, topics};

/// Rounds are repeated while pairs have to be thrown away, but not for ever.
const ROUNDS_MAX_FACTOR: usize = 2;

/// Measures what has not been measured yet and writes the page.
pub(crate) fn run(args: &Args) -> Outcome<()> {
    let mut state = State::open(&args.state)?;
    state.refuse_other_circumstances(args)?;
    if !args.page_only {
        let scratch = args.scratch.clone();
        interrupt::listen(move || clean_up(&scratch))?;
        fs::create_dir_all(&args.scratch)?;
        let measured =
            machine::look(&state, args).and_then(|()| Comparison::new(args, &mut state).run());
        clean_up(&args.scratch);
        measured?;
    }
    page::write(&state, args)?;
    let failed: Vec<String> = state.read(FAILED).unwrap_or_default();
    match failed.is_empty() {
        true => Ok(()),
        false => Err(format!("failed: {}", failed.join("\n")).into()),
    }
}

/// Removes what the brokers left behind, and the directory, unless there is more in it.
fn clean_up(scratch: &Path) {
    for process in columns::PROCESSES {
        let _ = fs::remove_dir_all(scratch.join(process));
    }
    let _ = fs::remove_dir(scratch);
}

struct Comparison<'a> {
    args: &'a Args,
    state: &'a mut State,
    brokers: BTreeMap<&'static str, Broker>,
    /// What the control groups of these brokers may use.
    memory_bytes_max: Option<u64>,
    /// Processes and workloads whose topic is there.
    kept: Vec<(&'static str, &'static str)>,
    /// Rows and columns that this process has warmed.
    warm: Vec<(String, &'static str)>,
    /// Parts that could not be measured, and why.
    failed: Vec<String>,
}

impl<'a> Comparison<'a> {
    fn new(args: &'a Args, state: &'a mut State) -> Self {
        Self {
            args,
            state,
            brokers: BTreeMap::new(),
            memory_bytes_max: None,
            kept: Vec::new(),
            warm: Vec::new(),
            failed: Vec::new(),
        }
    }

    fn run(mut self) -> Outcome<()> {
        let items = plan::items(self.args);
        let left: Vec<&Item> = items.iter().filter(|item| self.is_open(item)).collect();
        let workloads: Duration = left.iter().map(|item| item.estimate()).sum();
        tell_estimate("all", workloads + plan::estimate_of_the_rest(self.args));
        for item in left {
            self.part(&item.label, |all| all.item(item))?;
        }
        if self.args.against.is_none() {
            self.part("latency", Self::latency)?;
            self.part("tools", Self::tools)?;
            self.clear();
            self.part("groups", |all| all.groups())?;
            self.clear();
            self.part("lifecycle", |all| all.lifecycle())?;
        }
        self.state.write(FAILED, &self.failed)
    }

    /// What goes wrong in one part does not keep the others from being measured; the page names it.
    fn part(&mut self, name: &str, measure: impl Fn(&mut Self) -> Outcome<()>) -> Outcome<()> {
        if let Err(error) = measure(self) {
            interrupt::check()?;
            eprintln!("compare: {name} failed: {error}");
            self.failed.push(format!("{name}: {error}"));
            self.clear();
        }
        Ok(())
    }

    /// Whether there is something left to measure, and room for it.
    fn is_open(&self, item: &Item) -> bool {
        if item.disk_gb > self.args.disk_gb {
            let (label, needs, has) = (&item.label, item.disk_gb, self.args.disk_gb);
            eprintln!(
                "compare: {label} is skipped: it needs {needs} GB on the disk, --disk-gb is {has}"
            );
            return false;
        }
        self.next_round(item).is_some()
    }

    fn item(&mut self, item: &Item) -> Outcome<()> {
        if !self.is_open(item) {
            return Ok(());
        }
        tell_estimate(&item.label, item.estimate());
        while let Some(round) = self.next_round(item) {
            self.round(item, round)?;
        }
        self.delete_kept_topics()
    }

    fn delete_kept_topics(&mut self) -> Outcome<()> {
        for (process, workload) in std::mem::take(&mut self.kept) {
            topics::delete(&self.brokers[process], workload)?;
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.kept.clear();
        self.warm.clear();
        self.brokers.clear();
    }

    /// `None` once there are pairs enough.
    fn next_round(&self, item: &Item) -> Option<usize> {
        let keys: Vec<&str> = item.columns.iter().map(|column| column.key).collect();
        let round = self.state.next_round(&item.label, &keys);
        let others = item.columns.iter().skip(1);
        let pairs =
            others.map(|other| goals::pairs(self.state, &item.label, item.columns[0], other).len());
        let enough = pairs.min().unwrap_or(round) >= item.pairs;
        let last = round >= item.pairs * ROUNDS_MAX_FACTOR;
        (!enough && !last).then_some(round)
    }

    /// One window of each column; every second round the other way round.
    fn round(&mut self, item: &Item, round: usize) -> Outcome<()> {
        let mut columns = item.columns.clone();
        if round % 2 == 1 {
            columns.reverse();
        }
        for column in columns {
            if !self.state.has(&item.label, column.key, round) {
                self.warm_up(item, column)?;
                let window = self.window(item, column, round, Purpose::of(round))?;
                tell(&window);
                self.state.add(window)?;
            }
        }
        Ok(())
    }

    fn warm_up(&mut self, item: &Item, column: &'static Column) -> Outcome<()> {
        if self.warm.contains(&(item.label.clone(), column.key)) {
            return Ok(());
        }
        // Idle, or without a JVM, there is nothing to wait for.
        let judged = column.is_kafka() && !item.idle;
        let windows_max = if judged { item.warmups_max } else { 1 };
        let mut warmth = Warmth::default();
        let warming = item.for_warmup();
        let verdict = loop {
            let window = self.window(&warming, column, 0, Purpose::Warmup)?;
            match warmth.judge(&window, windows_max) {
                warmth::Verdict::Cold => {}
                verdict => break verdict,
            }
        };
        if judged {
            let found = format!("{} {}", warmth.windows(), verdict.words());
            eprintln!("compare: {} on {}: {found}", item.label, column.title);
            self.state
                .write(&warmth::file_name(&item.label, column), &verdict)?;
        }
        self.warm.push((item.label.clone(), column.key));
        Ok(())
    }

    fn window(
        &mut self,
        item: &Item,
        column: &'static Column,
        round: usize,
        purpose: Purpose,
    ) -> Outcome<Window> {
        interrupt::check()?;
        self.bring_up(column.process, item)?;
        let topic = self.topic(item, column)?;
        let broker = &self.brokers[column.process];
        let request = Request {
            workload: item.workload,
            extra: &item.extra,
            column,
            address: &broker.address,
            verify: purpose == Purpose::First,
            topic: topic.as_deref(),
            length: Some(purpose.length(item, column)),
        };
        Window::measure(&item.label, round, item.idle, &request, broker, self.args)
    }

    /// The topic that stays, set to what the column promises.
    fn topic(&mut self, item: &Item, column: &'static Column) -> Outcome<Option<String>> {
        if !item.keeps_topic {
            return Ok(None);
        }
        let broker = &self.brokers[column.process];
        let of = (column.process, item.workload);
        if !self.kept.contains(&of) {
            topics::make(broker, item.workload)?;
            self.kept.push(of);
        }
        topics::configure(broker, item.workload, column)?;
        Ok(Some(topics::kept(item.workload)))
    }

    fn bring_up(&mut self, process: &'static str, item: &Item) -> Outcome<()> {
        if self.memory_bytes_max != item.memory_bytes_max {
            self.clear();
            self.memory_bytes_max = item.memory_bytes_max;
        }
        if self.brokers.contains_key(process) {
            return Ok(());
        }
        eprintln!("compare: starting {process}");
        let with = Circumstances {
            memory_bytes_max: item.memory_bytes_max,
            on_old_data: false,
        };
        let mut broker = Broker::exec(&columns::process(process, self.args), self.args, &with)?;
        broker.await_answer()?;
        self.state.write(
            &format!("broker-{process}.json"),
            &page::Told {
                command: broker.command.clone(),
                settings: broker.settings.clone(),
            },
        )?;
        self.brokers.insert(process, broker);
        Ok(())
    }

    /// Finds what Kafka sustains with the same promise, then measures at shares of that.
    fn latency(&mut self) -> Outcome<()> {
        if !self.args.wants("latency") {
            return Ok(());
        }
        let highest = match self.state.read(HIGHEST_RATE) {
            Some(rate) => rate,
            None => self.highest_rate()?,
        };
        if highest == 0 {
            eprintln!("compare: latency is skipped: Kafka sustains no rate at all");
            return Ok(());
        }
        self.state.write(HIGHEST_RATE, &highest)?;
        for percent in plan::LATENCY_PERCENTS {
            let rate = highest * u64::from(percent) / 100;
            self.item(&plan::latency(percent, rate, self.args))?;
        }
        Ok(())
    }

    fn highest_rate(&mut self) -> Outcome<u64> {
        let item = |rate| Item {
            seconds: SEARCH_SECONDS.min(self.args.seconds.unwrap_or(SEARCH_SECONDS)),
            ..plan::latency(0, rate, self.args)
        };
        let at = |rate| item(rate);
        self.warm_up(&at(rates::FIRST), &KAFKA_SAME_PROMISE)?;
        rates::highest(|rate| {
            let window = self.window(&at(rate), &KAFKA_SAME_PROMISE, 0, Purpose::Again)?;
            let sustained = matches!(window.report.verdict, Verdict::Valid);
            let word = if sustained {
                "sustained"
            } else {
                "not sustained"
            };
            eprintln!("compare: Kafka, flush.messages=1: {rate} records/s {word}");
            Ok(sustained)
        })
    }

    fn groups(&mut self) -> Outcome<()> {
        match self.args.wants("groups") {
            true => groups::run(self.state, self.args),
            false => Ok(()),
        }
    }

    fn lifecycle(&mut self) -> Outcome<()> {
        match self.args.wants("lifecycle") {
            true => lifecycle::run(self.state, self.args),
            false => Ok(()),
        }
    }

    fn tools(&mut self) -> Outcome<()> {
        if !self.args.wants("tools") {
            return Ok(());
        }
        let item = plan::latency(0, 0, self.args);
        for column in [&KLAMM, &columns::KAFKA, &KAFKA_SAME_PROMISE] {
            self.bring_up(column.process, &item)?;
            tools::run(self.state, column, &self.brokers[column.process])?;
        }
        Ok(())
    }
}

/// What could not be measured by the last run.
pub(crate) const FAILED: &str = "failed.json";

/// The highest rate of the latency workload that Kafka sustains with the same promise.
pub(crate) const HIGHEST_RATE: &str = "highest-rate.json";

/// How long a rate must be kept to count as sustained.
const SEARCH_SECONDS: u64 = 8;

/// What a window is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// To warm the broker.
    Warmup,
    /// To be measured, and everything read back.
    First,
    /// To be measured.
    Again,
}

impl Purpose {
    fn of(round: usize) -> Self {
        match round {
            0 => Self::First,
            _ => Self::Again,
        }
    }

    fn length(self, item: &Item, column: &Column) -> Length {
        match self {
            Self::Warmup => item.warmup_length(column),
            Self::First | Self::Again => item.length(),
        }
    }
}

fn tell_estimate(what: &str, length: Duration) {
    let minutes = length.as_secs_f64() / 60.0;
    eprintln!("compare: {what}: about {minutes:.1} minutes");
}

fn tell(window: &Window) {
    let p99 = window.produce_us(99.0).or(window.end_to_end_us(99.0));
    let number = |value: f64, digits: usize| match value.is_finite() {
        true => format!("{value:.digits$}"),
        false => "-".to_owned(),
    };
    eprintln!(
        "compare: {:<20} {:<19} #{:<2} {:>8.1} MB/s {:>7} CPU s/GB {:>8} us/request p99 {:>9} us  load {:>3.0} %  {:?}",
        window.label,
        window.column,
        window.round,
        window.throughput() / 1e6,
        number(window.cpu_per_gb(), 3),
        number(window.cpu_us_per_request(), 1),
        p99.map_or("-".to_owned(), |us| format!("{us:.0}")),
        window.load_busy() * 100.0,
        window.report.verdict,
    );
}
