//! The goals, and whether the pairs of windows meet them.

use crate::columns::{Column, KAFKA, KAFKA_OPERATED, KAFKA_SAME_PROMISE, KLAMM};
use crate::state::State;
use crate::statistics::Spread;
use crate::window::Window;

/// A pair whose machine changed its speed by more than this between the two is thrown away.
const SPEED_APART_MAX: f64 = 0.15;
/// Above this the load was the limit, and a throughput says nothing about the broker.
const LOAD_BUSY_MAX: f64 = 0.85;

/// A figure of a window in which two columns are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    CpuPerGb,
    CpuPerRequest,
    Throughput,
    ProduceP99,
}

/// klamm must be so many times as good as another column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    pub(crate) text: &'static str,
    pub(crate) label: &'static str,
    pub(crate) than: &'static Column,
    pub(crate) measure: Measure,
    pub(crate) times: f64,
}

/// The goals that are ratios.
pub(crate) const GOALS: &[Goal] = &[
    Goal {
        text: "CPU per GB in 1 MB batches: at most a quarter",
        label: "large-batches",
        than: &KAFKA,
        measure: Measure::CpuPerGb,
        times: 4.0,
    },
    Goal {
        text: "CPU per 1 KB request, saturated: at most a fifth",
        label: "small-requests",
        than: &KAFKA,
        measure: Measure::CpuPerRequest,
        times: 5.0,
    },
    Goal {
        text: "CPU per GB fetched: at most half",
        label: "fetch",
        than: &KAFKA,
        measure: Measure::CpuPerGb,
        times: 2.0,
    },
    Goal {
        text: "p99 at half of Kafka's highest rate of the same promise: at most a tenth",
        label: "latency-50",
        than: &KAFKA_SAME_PROMISE,
        measure: Measure::ProduceP99,
        times: 10.0,
    },
    Goal {
        text: "Throughput of the same promise, 100 partitions of 1 KB batches: at least 10 times",
        label: "hundred-partitions",
        than: &KAFKA_SAME_PROMISE,
        measure: Measure::Throughput,
        times: 10.0,
    },
];

impl Measure {
    /// How many times as good the first window is as the second; `None` if it cannot be said.
    pub(crate) fn advantage(self, ours: &Window, theirs: &Window) -> Option<f64> {
        match self {
            Self::CpuPerGb => Some(theirs.cpu_per_gb() / ours.cpu_per_gb()),
            Self::CpuPerRequest => Some(theirs.cpu_us_per_request() / ours.cpu_us_per_request()),
            Self::Throughput => Some(ours.throughput() / theirs.throughput()),
            Self::ProduceP99 => Some(theirs.produce_us(99.0)? / ours.produce_us(99.0)?),
        }
    }

    /// How the page calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CpuPerGb => "CPU per GB",
            Self::CpuPerRequest => "CPU per request",
            Self::Throughput => "throughput",
            Self::ProduceP99 => "p99",
        }
    }
}

/// klamm's durable column against another one, over the pairs that count.
pub(crate) fn advantage(
    state: &State,
    label: &str,
    ours: &Column,
    than: &Column,
    measure: Measure,
) -> Option<Spread> {
    let pairs = pairs(state, label, ours, than);
    Spread::of(
        pairs
            .iter()
            .filter_map(|(ours, theirs)| measure.advantage(ours, theirs)),
    )
}

/// The same against the better of Kafka's columns of any promise, in the median.
pub(crate) fn advantage_over_best(
    state: &State,
    label: &str,
    measure: Measure,
) -> Option<(&'static Column, Spread)> {
    let columns = [&KAFKA, &KAFKA_OPERATED, &KAFKA_SAME_PROMISE];
    let each = columns
        .into_iter()
        .filter_map(|column| Some((column, advantage(state, label, &KLAMM, column, measure)?)));
    each.min_by(|(_, one), (_, other)| one.median.total_cmp(&other.median))
}

/// The windows of the same round, at about the same speed of the machine.
pub(crate) fn pairs<'a>(
    state: &'a State,
    label: &'a str,
    ours: &'a Column,
    theirs: &'a Column,
) -> Vec<(&'a Window, &'a Window)> {
    let same_round = |window: &'a Window| {
        let other = state
            .windows(label, theirs.key)
            .find(|other| other.round == window.round);
        other.map(|other| (window, other))
    };
    state
        .windows(label, ours.key)
        .filter_map(same_round)
        .filter(|(one, other)| comparable(one, other))
        .collect()
}

/// Whether the load left the broker the say in every window of a column.
pub(crate) fn load_had_room(state: &State, label: &str, column: &Column) -> bool {
    let busy = state.windows(label, column.key).map(Window::load_busy);
    Spread::of(busy).is_some_and(|busy| busy.median < LOAD_BUSY_MAX)
}

fn comparable(one: &Window, other: &Window) -> bool {
    let (one, other) = (one.machine_speed(), other.machine_speed());
    (one - other).abs() <= SPEED_APART_MAX * one.max(other)
}
