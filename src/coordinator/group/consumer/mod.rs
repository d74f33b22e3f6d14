//! A group of the consumer protocol (KIP-848): the broker assigns, and members move towards their
//! part of the target by themselves, one heartbeat at a time.
//!
//! - [`group`]: what the records say of a group.
//! - [`member`]: what a member has, and where it is on its way.
//! - [`reconcile`]: its next step.
//! - [`heartbeat`]: what members say and are told.
//! - [`stored`], [`tx`]: all of it as records, and back.
//!
//! Not here yet: regular expressions, members of the classic protocol in such a group, and the
//! coordinator that holds it. Nothing advertises the protocol until they are.

pub mod group;
pub mod heartbeat;
pub mod member;
pub mod reconcile;
pub mod stored;
#[cfg(test)]
mod tests;
pub mod tx;

/// The member epoch of a static member that has left and will be back.
pub const LEFT_FOR_A_WHILE: i32 = -2;
