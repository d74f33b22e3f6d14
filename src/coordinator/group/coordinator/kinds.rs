//! The two kinds of groups, of which a name has one at a time.

use std::sync::Arc;

use super::super::answer::{Answer, Ticket};
use super::super::classic::{self, State};
use super::super::consumer;
use super::super::consumer::live::Live;
use super::super::effects::Cx;
use crate::protocol::error_code::ErrorCode;

/// A group of either protocol.
#[derive(Debug)]
pub(super) enum Group {
    Classic(Box<classic::Group>),
    Consumer(Box<Live>),
}

/// A group that has gone, as it was: for the case that the log does not take its end.
#[derive(Debug)]
pub(super) enum Saved {
    Classic {
        snapshot: classic::Snapshot,
        /// It was in a rebalance, which has to begin again.
        was_rebalancing: bool,
    },
    Consumer(Box<consumer::group::Group>),
}

impl Group {
    pub(super) fn id(&self) -> &Arc<str> {
        match self {
            Self::Classic(group) => group.id(),
            Self::Consumer(live) => live.group.id(),
        }
    }

    /// Nobody is in it.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Classic(group) => group.is_empty(),
            Self::Consumer(live) => live.group.members().is_empty(),
        }
    }

    /// Whether a topic is subscribed to.
    pub(super) fn subscribes_to(&self, topic: &str) -> bool {
        match self {
            Self::Classic(group) => group.subscribes_to(topic),
            Self::Consumer(live) => live.group.subscribes_to(topic),
        }
    }

    /// Kafka's name of its kind.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Classic(_) => "classic",
            Self::Consumer(_) => "consumer",
        }
    }

    /// Kafka's name of where it stands.
    pub(super) fn state(&self) -> &'static str {
        match self {
            Self::Classic(group) => group.state().name(),
            Self::Consumer(live) => live.group.state().name(),
        }
    }

    /// Ends it here; who waits is told so.
    pub(super) fn end(self, error: ErrorCode, cx: &mut Cx<'_>) -> Saved {
        match self {
            Self::Classic(mut group) => {
                let snapshot = group.snapshot();
                let was_rebalancing = matches!(
                    group.state(),
                    State::PreparingRebalance | State::CompletingRebalance
                );
                group.end(error, cx);
                Saved::Classic {
                    snapshot,
                    was_rebalancing,
                }
            }
            Self::Consumer(live) => Saved::Consumer(Box::new(live.end(cx))),
        }
    }

    /// Its records' tombstones.
    pub(super) fn tombstones(&self) -> Vec<super::GroupRecord> {
        match self {
            Self::Classic(group) => vec![super::stored::group_tombstone(group.id())],
            Self::Consumer(live) => live.group.tombstones(),
        }
    }
}

/// What came of something; for whoever waits.
pub(super) type Answers = Vec<(Ticket, Answer)>;
