//! Coordinators: state machines whose state is the records of one internal partition.
//!
//! Pure. A call takes the time and a request, plans records and leaves answers; the records change
//! the state when they are replayed, right after the partition has taken them and before they are
//! durable; answers that rest on them go out when they are. What the log does not take in the end
//! is undone, latest first. Loading after a start replays the same records by the same code.
//!
//! A coordinator lives on the core that owns its partition, so that an append is a call.
//!
//! - [`timers`]: deadlines of thousands of members.
//! - [`group`]: consumer groups and their committed offsets.

pub mod group;
pub mod timers;
