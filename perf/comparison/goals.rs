//! The goals that are ratios, and whether the pairs of windows meet them.

use klamm::probe;

use crate::columns::{Column, KAFKA, KAFKA_OPERATED, KAFKA_SAME_PROMISE, KLAMM};
use crate::machine::PROBE;
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

/// One line of the table of goals.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub(crate) text: String,
    /// `None` if it has not been measured.
    pub(crate) result: Option<Found>,
}

/// What was found of a goal.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) text: String,
    pub(crate) met: bool,
}

/// The goals that are ratios, but the fetch's.
const GOALS: &[Goal] = &[
    Goal {
        text: "CPU per GB in 1 MB batches: at most a quarter of Kafka as shipped",
        label: "large-batches",
        than: &KAFKA,
        measure: Measure::CpuPerGb,
        times: 4.0,
    },
    Goal {
        text: "CPU per 1 KB request, saturated: at most a fifth of Kafka as shipped",
        label: "small-requests",
        than: &KAFKA,
        measure: Measure::CpuPerRequest,
        times: 5.0,
    },
    Goal {
        text: "p99 at half of the highest rate of Kafka with the same promise: at most a tenth of its p99",
        label: "latency-50",
        than: &KAFKA_SAME_PROMISE,
        measure: Measure::ProduceP99,
        times: 10.0,
    },
    Goal {
        text: "Throughput, 100 partitions of 1 KB batches: at least 10 times that of Kafka with the same promise",
        label: "hundred-partitions",
        than: &KAFKA_SAME_PROMISE,
        measure: Measure::Throughput,
        times: 10.0,
    },
];

/// All of them, in the order of the page.
pub(crate) fn judge(state: &State) -> Vec<Judged> {
    let mut judged: Vec<Judged> = GOALS.iter().map(|goal| goal.judge(state)).collect();
    let by_cpu = 2;
    judged.insert(by_cpu, fetch(state).judge(state));
    judged
}

impl Goal {
    fn judge(&self, state: &State) -> Judged {
        let found = advantage(state, self.label, &KLAMM, self.than, self.measure);
        Judged {
            text: self.text.to_owned(),
            result: found.map(|found| Found {
                text: format!("{}, {} pairs", self.measure.words(&found), found.count),
                met: found.lower_quartile >= self.times,
            }),
        }
    }
}

/// What to ask for depends on what sending a file's pages saves on this processor.
fn fetch(state: &State) -> Goal {
    let pays = state.read::<probe::Report>(PROBE).is_none_or(|probe| {
        let least = |path: probe::FetchBy| {
            let found = probe.fetch.iter().filter(|fetch| fetch.path == path);
            found
                .map(|fetch| fetch.cpu_seconds_per_gb)
                .fold(f64::INFINITY, f64::min)
        };
        least(probe::FetchBy::SendfileFile) < least(probe::FetchBy::Write)
    });
    Goal {
        text: match pays {
            true => "CPU per GB fetched: at most half of Kafka as shipped (sendfile pays here)",
            false => {
                "CPU per GB fetched: at most two thirds of Kafka as shipped (sendfile does not pay here)"
            }
        },
        label: "fetch",
        than: &KAFKA,
        measure: Measure::CpuPerGb,
        times: if pays { 2.0 } else { 1.5 },
    }
}

impl Measure {
    /// How many times as good the first window is as the second; `None` if it cannot be said.
    pub(crate) fn advantage(self, ours: &Window, theirs: &Window) -> Option<f64> {
        let times = match self {
            Self::CpuPerGb => theirs.cpu_per_gb() / ours.cpu_per_gb(),
            // At a given rate it is the slower broker that gets the larger requests.
            Self::CpuPerRequest if ours.chooses_requests() => return None,
            Self::CpuPerRequest => theirs.cpu_us_per_request() / ours.cpu_us_per_request(),
            Self::Throughput => ours.throughput() / theirs.throughput(),
            Self::ProduceP99 => theirs.produce_us(99.0)? / ours.produce_us(99.0)?,
        };
        times.is_finite().then_some(times)
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

    /// How far klamm is ahead, or behind: nobody shall have to think which way round it is.
    pub(crate) fn words(self, found: &Spread) -> String {
        let (better, worse) = match self {
            Self::CpuPerGb | Self::CpuPerRequest => ("less", "more"),
            Self::Throughput => ("as much", "less"),
            Self::ProduceP99 => ("lower", "higher"),
        };
        match found.median >= 1.0 {
            true => format!(
                "**{:.2} times {better}** [{:.2} – {:.2}]",
                found.median, found.lower_quartile, found.upper_quartile
            ),
            false => format!(
                "**{:.2} times {worse}: klamm is worse** [{:.2} – {:.2}]",
                1.0 / found.median,
                1.0 / found.upper_quartile,
                1.0 / found.lower_quartile
            ),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_says_who_is_ahead() {
        let of = |value: f64| Spread::of([value, value]).unwrap();
        let (ahead, behind) = (of(2.0), of(0.5));
        assert_eq!(
            Measure::CpuPerGb.words(&ahead),
            "**2.00 times less** [2.00 – 2.00]"
        );
        assert_eq!(
            Measure::ProduceP99.words(&behind),
            "**2.00 times higher: klamm is worse** [2.00 – 2.00]"
        );
    }
}
