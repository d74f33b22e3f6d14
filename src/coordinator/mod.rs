//! Coordinators: state machines whose state is the records of one internal partition.
//!
//! Pure. A call takes the time and a request, plans records and leaves answers; the records change
//! the state when they are replayed, right after the partition has taken them and before they are
//! durable; answers that rest on them go out when they are. What the log does not take in the end
//! is undone, latest first. Loading after a start replays the same records by the same code.
//!
//! A coordinator lives on the core that owns its partition, so that an append is a call:
//!
//! ```text
//!  broker/api/…  ⇢  shard: a ticket for the call  ─►  Coordinator::call ─► answers: out at once
//!                                                                      └► writes: appended here and now,
//!                                                                         replayed at the log's end
//!                   partition: durable, or dropped ─►  Coordinator::durable / lost ─► answers
//! ```
//!
//! The shard appends in the same borrow as the call, at the offset where its partition ends. Before
//! it does, it looks whether the partition has dropped appends since it looked last (a full disk,
//! a failed flush): then [`lost`](group::coordinator::Coordinator::lost) comes first, so that nothing
//! is ever planned on what the log does not have.
//!
//! - [`timers`]: deadlines of thousands of members.
//! - [`group`]: consumer groups and their committed offsets.

pub mod group;
pub mod timers;
