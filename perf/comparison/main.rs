//! klamm and Apache Kafka side by side on one machine: `perf/compare`; klamm before and after: `perf/quick`.
//!
//! All brokers stay up and are measured in turn, window by window, with the writeback of the one
//! before finished. What a window showed goes into a file at once, so that a run can be stopped
//! and goes on where it was; the page in `perf/results` is made from that file alone.
//!
//! - [`plan`]: which workload is measured on which columns, and the goals.
//! - [`columns`], [`broker`], [`kafka`], [`control_group`], [`topics`]: what is measured, and how it
//!   is started.
//! - [`window`], [`accounting`], [`calibration`], [`load`]: one measured window.
//! - [`run`], [`warmth`], [`rates`], [`state`], [`interrupt`]: the order of the windows.
//! - [`groups`]: consumer groups: heartbeats, rebalances, starts on old offsets.
//! - [`lifecycle`], [`tools`]: starts, kills, and loads by Kafka's own tools.
//! - [`statistics`], [`percentiles`], [`goals`], [`bounds`], [`page`], [`rows`], [`paths`],
//!   [`charts`]: what came of it.

mod accounting;
mod args;
mod bars;
mod bounds;
mod broker;
mod calibration;
mod charts;
mod columns;
mod control_group;
mod goals;
mod groups;
mod interrupt;
mod kafka;
mod lifecycle;
mod load;
mod machine;
mod page;
mod paths;
mod percentiles;
mod plan;
mod rates;
mod rows;
mod run;
mod state;
mod statistics;
mod tools;
mod topics;
mod warmth;
mod window;

use std::process::ExitCode;

use clap::Parser;

/// What a step of the comparison gives, or why it could not be made.
pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let args = args::Args::parse();
    match run::run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}
