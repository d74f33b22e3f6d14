//! The highest rate that a broker sustains in an open loop.

use crate::Outcome;

/// Steps of the search after the bounds are known.
const STEPS: usize = 5;
/// Where the search begins, records a second.
pub(crate) const FIRST: u64 = 1000;
/// No broker here does more.
const HIGHEST: u64 = 2_000_000;

/// Doubles the rate until it is not sustained, then halves the interval some times.
pub(crate) fn highest(mut sustained: impl FnMut(u64) -> Outcome<bool>) -> Outcome<u64> {
    let mut below = 0;
    let mut above = FIRST;
    while above < HIGHEST && sustained(above)? {
        below = above;
        above *= 2;
    }
    for _ in 0..STEPS {
        let middle = (below + above) / 2;
        match sustained(middle)? {
            true => below = middle,
            false => above = middle,
        }
    }
    Ok(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_ends_just_below_the_limit() {
        let found = highest(|rate| Ok(rate <= 37_000)).unwrap();
        assert!((35_000..=37_000).contains(&found), "{found}");
    }
}
