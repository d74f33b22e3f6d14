//! Consumer groups on klamm and Kafka: what it costs that they are there, how long a partition
//! waits when a member joins, how long a start on old offsets takes.
//!
//! Brokers are started for each part; windows alternate between them, every second round the other
//! way round. What was measured goes into the state at once.

mod cold;
mod heartbeats;
mod rebalances;
mod section;

use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::args::Args;
use crate::broker::{Broker, Circumstances};
use crate::columns::{Column, KAFKA, KLAMM, Kind, Process};
use crate::interrupt;
use crate::state::State;

pub(crate) use section::{judge, write};

/// Pairs of windows, unless the command line says otherwise.
const PAIRS: usize = 3;
const STATE: &str = "groups.json";
/// Kafka is started with it anyway: the first members of a group wait for no others.
const NO_DELAY: &str = "group.initial.rebalance.delay.ms=0";

/// All that was measured of groups.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Found {
    heartbeats: Vec<heartbeats::Window>,
    rebalances: Vec<rebalances::Window>,
    cold: Vec<cold::Start>,
}

/// Measures what has not been measured yet.
pub(crate) fn run(state: &State, args: &Args) -> Outcome<()> {
    let mut keeper = Keeper {
        state,
        args,
        found: found(state),
    };
    let parts: [(&str, Part); 3] = [
        ("heartbeats", heartbeats::run),
        ("rebalances", rebalances::run),
        ("cold starts", cold::run),
    ];
    let mut failed = Vec::new();
    // Each may fail without taking the others along.
    for (name, part) in parts {
        if let Err(error) = part(&mut keeper) {
            interrupt::check()?;
            failed.push(format!("{name}: {error}"));
        }
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(failed.join("; ").into()),
    }
}

type Part = fn(&mut Keeper<'_>) -> Outcome<()>;

/// What was measured, and where it is kept.
struct Keeper<'a> {
    state: &'a State,
    args: &'a Args,
    found: Found,
}

impl Keeper<'_> {
    fn pairs(&self) -> usize {
        self.args.pairs.unwrap_or(PAIRS)
    }

    /// Who is measured in a round, in its order.
    fn order(&self, round: usize) -> Vec<&'static Column> {
        let mut columns = columns(self.args);
        if round % 2 == 1 {
            columns.reverse();
        }
        columns
    }

    fn save(&self) -> Outcome<()> {
        self.state.write(STATE, &self.found)
    }

    /// A broker of a column with settings that both understand.
    fn broker(
        &self,
        column: &Column,
        settings: &'static [&'static str],
        on_old_data: bool,
    ) -> Outcome<Broker> {
        let with = Circumstances {
            memory_bytes_max: None,
            on_old_data,
        };
        Broker::exec(&process(column, settings, self.args), self.args, &with)
    }
}

fn found(state: &State) -> Found {
    state.read(STATE).unwrap_or_default()
}

fn columns(args: &Args) -> Vec<&'static Column> {
    let wanted = |column: &&Column| {
        let only = args.groups_of.as_deref();
        only.is_none_or(|only| only == column.key)
    };
    [&KLAMM, &KAFKA].into_iter().filter(wanted).collect()
}

fn process(column: &Column, settings: &'static [&'static str], args: &Args) -> Process {
    let kind = match column.is_kafka() {
        true => Kind::Kafka {
            heap: "1g",
            newest_jdk: false,
            settings,
        },
        false => Kind::Klamm {
            binary: args.klamm.clone(),
            settings,
        },
    };
    Process {
        key: column.process,
        kind,
    }
}
