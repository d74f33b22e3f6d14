//! How fast the machine is just now: a fixed piece of work around every window.

use std::hint::black_box;
use std::time::Instant;

/// Rounds of the mixing function; some 20 ms.
const ROUNDS: u64 = 12_000_000;

/// Rounds per second, in millions. Takes the best of three: an interruption is not the machine's speed.
pub(crate) fn speed() -> f64 {
    (0..3).map(|_| once()).fold(0.0, f64::max)
}

fn once() -> f64 {
    let begun = Instant::now();
    let mut state = black_box(0x9e37_79b9_7f4a_7c15u64);
    for round in 0..ROUNDS {
        state = (state ^ (state >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ round;
    }
    black_box(state);
    ROUNDS as f64 / begun.elapsed().as_secs_f64() / 1e6
}
