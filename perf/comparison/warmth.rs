//! A JVM counts only when it is warm: three windows in a row that agree.

use serde::{Deserialize, Serialize};

use crate::columns::Column;
use crate::statistics::{Spread, agree};
use crate::window::Window;

/// So many windows must agree…
const WINDOWS: usize = 3;
/// …within this share of their middle.
const WITHIN: f64 = 0.05;

/// The warm-up of one column for one workload.
#[derive(Clone, Debug, Default)]
pub(crate) struct Warmth {
    costs: Vec<f64>,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Verdict {
    /// Another window, please.
    Cold,
    /// The last windows agree.
    Warm,
    /// They scatter, but as a whole are no better than those before: it is not the JVM that
    /// changes.
    Scattered,
    /// The windows allowed are used up; the page says so.
    NeverSettled,
}

/// Where the verdict on a column is kept.
pub(crate) fn file_name(label: &str, column: &Column) -> String {
    format!("warmth-{label}-{}.json", column.key)
}

impl Verdict {
    /// For who watches.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Cold => "windows, cold",
            Self::Warm => "windows, warm",
            Self::Scattered => "windows, scattered but without a trend",
            Self::NeverSettled => "windows, never settled",
        }
    }
}

impl Warmth {
    /// Takes the next window's figure into account: what the broker's own threads spent on a byte,
    /// by the machine's speed, whose moods are not the JVM's. (Kernel threads pay for the disk.)
    pub(crate) fn judge(&mut self, window: &Window, windows_max: usize) -> Verdict {
        self.costs.push(window.own_cost() * window.machine_speed());
        self.verdict(windows_max)
    }

    /// How many windows it took.
    pub(crate) fn windows(&self) -> usize {
        self.costs.len()
    }

    fn verdict(&self, windows_max: usize) -> Verdict {
        let (before, last) = self
            .costs
            .split_at(self.costs.len().saturating_sub(WINDOWS));
        if last.len() == WINDOWS && agree(last, WITHIN) {
            return Verdict::Warm;
        }
        let before = &before[before.len().saturating_sub(WINDOWS)..];
        if before.len() == WINDOWS && agree(&[middle(before), middle(last)], WITHIN / 2.0) {
            return Verdict::Scattered;
        }
        match self.costs.len() >= windows_max {
            true => Verdict::NeverSettled,
            false => Verdict::Cold,
        }
    }
}

fn middle(costs: &[f64]) -> f64 {
    Spread::of(costs.iter().copied()).map_or(f64::NAN, |spread| spread.median)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_windows_in_a_row_must_agree() {
        let verdict = |costs: &[f64]| {
            Warmth {
                costs: costs.to_vec(),
            }
            .verdict(5)
        };
        assert_eq!(verdict(&[9.0, 3.0]), Verdict::Cold);
        assert_eq!(verdict(&[9.0, 3.0, 3.1]), Verdict::Cold);
        assert_eq!(verdict(&[9.0, 3.0, 3.1, 3.05]), Verdict::Warm);
        assert_eq!(verdict(&[9.0, 7.0, 5.0, 4.0, 3.0]), Verdict::NeverSettled);
    }

    #[test]
    fn windows_that_scatter_without_a_trend_are_told_apart() {
        let verdict = |costs: &[f64]| {
            Warmth {
                costs: costs.to_vec(),
            }
            .verdict(12)
        };
        assert_eq!(verdict(&[1.0, 1.5, 1.0, 1.5, 1.0]), Verdict::Cold);
        assert_eq!(
            verdict(&[9.0, 1.0, 1.5, 1.2, 1.5, 1.0, 1.21]),
            Verdict::Scattered
        );
        assert_eq!(verdict(&[9.0, 8.0, 6.0, 5.0, 4.0, 3.0]), Verdict::Cold);
    }
}
