//! The order of things: brokers up, warm, measured in turn, and the page.

use std::collections::BTreeMap;

use klamm::bench::Verdict;

use crate::Outcome;
use crate::args::Args;
use crate::broker::{Broker, Circumstances};
use crate::columns::{self, Column, KAFKA_SAME_PROMISE, KLAMM};
use crate::goals;
use crate::load::Request;
use crate::plan::{self, Item};
use crate::state::State;
use crate::warmth::{self, Warmth};
use crate::window::Window;
use crate::{lifecycle, machine, page, rates, tools};

/// Rounds are repeated while pairs have to be thrown away, but not for ever.
const ROUNDS_MAX_FACTOR: usize = 2;

/// Measures what has not been measured yet and writes the page.
pub(crate) fn run(args: &Args) -> Outcome<()> {
    let mut state = State::open(&args.state)?;
    if !args.page_only {
        std::fs::create_dir_all(&args.scratch)?;
        machine::look(&state, args)?;
        Comparison::new(args, &mut state).run()?;
        std::fs::remove_dir_all(&args.scratch)?;
    }
    page::write(&state, args)
}

struct Comparison<'a> {
    args: &'a Args,
    state: &'a mut State,
    brokers: BTreeMap<&'static str, Broker>,
    /// Rows and columns that this process has warmed.
    warm: Vec<(String, &'static str)>,
}

impl<'a> Comparison<'a> {
    fn new(args: &'a Args, state: &'a mut State) -> Self {
        Self {
            args,
            state,
            brokers: BTreeMap::new(),
            warm: Vec::new(),
        }
    }

    fn run(mut self) -> Outcome<()> {
        for item in plan::items(self.args) {
            self.item(&item)?;
        }
        if self.args.against.is_none() {
            self.latency()?;
            if self.args.wants("tools") {
                self.tools()?;
            }
            self.brokers.clear();
            if self.args.wants("lifecycle") {
                lifecycle::run(self.state, self.args)?;
            }
        }
        Ok(())
    }

    fn item(&mut self, item: &Item) -> Outcome<()> {
        if item.disk_gb > self.args.disk_gb {
            let (label, needs, has) = (&item.label, item.disk_gb, self.args.disk_gb);
            eprintln!(
                "compare: {label} is skipped: it needs {needs} GB on the disk, --disk-gb is {has}"
            );
            return Ok(());
        }
        if item.memory_bytes_max.is_some() {
            self.brokers.clear();
        }
        while let Some(round) = self.next_round(item) {
            self.round(item, round)?;
        }
        if item.memory_bytes_max.is_some() {
            self.brokers.clear();
        }
        Ok(())
    }

    /// `None` once there are pairs enough.
    fn next_round(&self, item: &Item) -> Option<usize> {
        let keys: Vec<&str> = item.columns.iter().map(|column| column.key).collect();
        let round = self.state.next_round(&item.label, &keys);
        let others = item.columns.iter().skip(1);
        let pairs =
            others.map(|other| goals::pairs(self.state, &item.label, item.columns[0], other).len());
        let enough = pairs.min().unwrap_or(round) >= self.args.pairs;
        let last = round >= self.args.pairs * ROUNDS_MAX_FACTOR;
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
                let window = self.window(item, column, round, round == 0)?;
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
        let mut warmth = Warmth::default();
        let windows_max = match (
            column.is_kafka(),
            item.idle || item.memory_bytes_max.is_some(),
        ) {
            (true, false) => self.args.warmups_max,
            (true, true) => 1,
            (false, _) => 1,
        };
        loop {
            let window = self.window(item, column, 0, false)?;
            match warmth.judge(&window, windows_max) {
                warmth::Verdict::Cold => continue,
                warmth::Verdict::NeverSettled if windows_max > 1 => {
                    eprintln!("compare: {} on {} never settled", item.label, column.title);
                    self.state.write(
                        &format!("unsettled-{}-{}.json", item.label, column.key),
                        &true,
                    )?;
                    break;
                }
                _ => break,
            }
        }
        self.warm.push((item.label.clone(), column.key));
        Ok(())
    }

    fn window(
        &mut self,
        item: &Item,
        column: &'static Column,
        round: usize,
        verify: bool,
    ) -> Outcome<Window> {
        self.bring_up(column.process, item)?;
        let broker = &self.brokers[column.process];
        let request = Request {
            workload: item.workload,
            extra: &item.extra,
            column,
            address: &broker.address,
            verify,
        };
        Window::measure(&item.label, round, item.idle, &request, broker, self.args)
    }

    fn bring_up(&mut self, process: &'static str, item: &Item) -> Outcome<()> {
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
        self.state.write(HIGHEST_RATE, &highest)?;
        for percent in plan::LATENCY_PERCENTS {
            self.item(&plan::latency(percent, highest * u64::from(percent) / 100))?;
        }
        Ok(())
    }

    fn highest_rate(&mut self) -> Outcome<u64> {
        self.warm_up(&plan::latency(0, 200), &KAFKA_SAME_PROMISE)?;
        rates::highest(|rate| {
            let item = plan::latency(0, rate);
            let window = self.window(&item, &KAFKA_SAME_PROMISE, 0, false)?;
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

    fn tools(&mut self) -> Outcome<()> {
        let item = plan::latency(0, 0);
        for column in [&KLAMM, &columns::KAFKA, &KAFKA_SAME_PROMISE] {
            self.bring_up(column.process, &item)?;
            tools::run(self.state, column, &self.brokers[column.process])?;
        }
        Ok(())
    }
}

/// The highest rate of the latency workload that Kafka sustains with the same promise.
pub(crate) const HIGHEST_RATE: &str = "highest-rate.json";

fn tell(window: &Window) {
    let p99 = window.produce_us(99.0).or(window.end_to_end_us(99.0));
    eprintln!(
        "compare: {:<20} {:<19} #{:<2} {:>8.1} MB/s {:>7.3} CPU s/GB {:>8.1} us/request p99 {:>9} us  load {:>3.0} %  {:?}",
        window.label,
        window.column,
        window.round,
        window.throughput() / 1e6,
        window.cpu_per_gb(),
        window.cpu_us_per_request(),
        p99.map_or("-".to_owned(), |us| format!("{us:.0}")),
        window.load_busy() * 100.0,
        window.report.verdict,
    );
}
