//! A group of the consumer protocol (KIP-848): the broker assigns, and members move towards their
//! part of the target by themselves, one heartbeat at a time.
//!
//! - [`group`]: what the records say of a group; [`live`]: what they do not.
//! - [`member`]: what a member has, and where it is on its way.
//! - [`reconcile`]: its next step.
//! - [`heartbeat`]: what members say and are told.
//! - [`classic_member`]: the same for members that still speak the classic protocol.
//! - [`target`]: what the assignor is given, and what becomes of its answer.
//! - [`change`]: epochs, members that go, topics that change.
//! - [`regex`]: subscriptions by regular expression.
//! - [`conversion`]: classic groups into such groups, and back.
//! - [`topics`]: what a coordinator asks of the metadata.
//! - [`stored`], [`tx`]: all of it as records, and back.

pub mod change;
pub mod classic_member;
pub mod conversion;
pub mod group;
pub mod heartbeat;
pub mod live;
pub mod member;
pub mod reconcile;
pub mod regex;
pub mod stored;
pub mod target;
#[cfg(test)]
mod tests;
pub mod topics;
pub mod tx;

/// The member epoch of a static member that has left and will be back.
pub const LEFT_FOR_A_WHILE: i32 = -2;
