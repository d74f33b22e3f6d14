//! The coordinator as its shard drives it: calls, appends that become durable or are lost, time,
//! loading.

mod bench;
mod classic;
mod consumers;
mod mixed;
mod model;
mod upkeep;
