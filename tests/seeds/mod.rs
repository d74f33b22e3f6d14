//! Rounds of a random test, each with a seed of its own, which one that fails prints.
//!
//! `KLAMM_SEED=n` runs that round alone, `KLAMM_ROUNDS=n` that many.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::path::PathBuf;
use std::thread;

use klamm::runtime::{Core, CoreOptions, block_on_one_core};

/// Runs so many rounds, unless the environment says otherwise.
pub(crate) fn for_each_seed(rounds: u64, run: impl Fn(u64)) {
    if let Some(seed) = number("KLAMM_SEED") {
        return run(seed);
    }
    let rounds = number("KLAMM_ROUNDS").unwrap_or(rounds);
    let first = fastrand::u64(..1 << 48);
    for seed in first..first + rounds {
        let _shown = ShowSeed(seed);
        run(seed);
    }
}

/// Runs it on a core with little memory and a fresh directory.
pub(crate) fn on_one_core<F: Future<Output = ()>>(
    run: impl FnOnce(Core, PathBuf) -> F + Send + 'static,
) {
    let options = CoreOptions {
        arena_bytes: 16 << 20,
        ..CoreOptions::default()
    };
    block_on_one_core(options, |core| async move {
        // Under target/, not under /tmp: not every tmpfs can do direct I/O.
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        run(core, dir.path().to_owned()).await;
    });
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect("a number"))
}

struct ShowSeed(u64);

impl Drop for ShowSeed {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("KLAMM_SEED={}", self.0);
        }
    }
}
