//! Loads of consumer groups: what it costs a broker that they are there, how fast they commit, how
//! long a broker takes to know them again, and how long nobody reads when a member joins.
//!
//! Members are scripts: they say what the protocol asks of them at the times it asks for, and
//! nothing else. From the bottom: `subscription`, `assignor`, `classic`, `consumer`, `script` decide
//! (pure), as do `pauses` and `counts`; `link`, `stage` move bytes on one thread; `member`,
//! `fetcher`, `ticker` are who takes part; `heartbeats`, `commits`, `loading`, `rebalance` are the
//! runs, `settings` and `report` what goes in and comes out.
//!
//! Not there yet: static members, regular expressions, several topics, share groups.

mod assignor;
mod chart;
mod classic;
mod commits;
mod consumer;
mod counts;
mod fetcher;
mod ground;
mod heartbeats;
mod link;
mod loading;
mod member;
mod pauses;
mod rebalance;
mod report;
mod requests;
mod script;
mod settings;
mod stage;
mod subscription;
mod ticker;

pub use chart::pauses_chart;
pub use commits::run_commits;
pub use heartbeats::run_heartbeats;
pub use loading::{Loaded, LoadedGroups, await_loaded};
pub use pauses::Move;
pub use rebalance::run_rebalance;
pub use report::{
    CommitReport, GroupCpu, HeartbeatReport, RebalanceReport, RebalanceRound, quantile_us,
};
pub use script::GroupProtocol;
pub use settings::{CommitWorkload, GroupObserver, GroupRun, HeartbeatWorkload, RebalanceWorkload};
