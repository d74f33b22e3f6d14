//! A JVM counts only when it is warm: three windows in a row that agree.

use crate::statistics::agree;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Another window, please.
    Cold,
    /// The last windows agree.
    Warm,
    /// The windows allowed are used up; the page says so.
    NeverSettled,
}

impl Warmth {
    /// Takes the next window's figure into account.
    pub(crate) fn judge(&mut self, window: &Window, windows_max: usize) -> Verdict {
        // By the work done on a machine of equal speed: its moods are not the JVM's.
        self.costs
            .push(window.cpu_seconds() / window.bytes().max(1) as f64 * window.machine_speed());
        self.verdict(windows_max)
    }

    fn verdict(&self, windows_max: usize) -> Verdict {
        let last = self.costs.len().checked_sub(WINDOWS);
        match last {
            Some(from) if agree(&self.costs[from..], WITHIN) => Verdict::Warm,
            _ if self.costs.len() >= windows_max => Verdict::NeverSettled,
            _ => Verdict::Cold,
        }
    }
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
}
