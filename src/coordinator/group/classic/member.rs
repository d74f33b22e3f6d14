//! A member of a classic group.

use std::sync::Arc;

use bytes::Bytes;

use crate::coordinator::group::answer::Ticket;
use crate::coordinator::timers::TimerId;

/// A way of assigning partitions that a member offers, with what it tells the leader for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// Its name, for instance of an assignor.
    pub name: Arc<str>,
    /// For the leader alone, but that the subscription of consumers is read.
    pub metadata: Bytes,
}

/// A member; what is in the log of it, and what is only of this rebalance.
#[derive(Debug)]
pub struct Member {
    /// Given by the coordinator.
    pub id: Arc<str>,
    /// Given by its operator: a static member (KIP-345).
    pub instance_id: Option<Arc<str>>,
    /// The `client.id` it joined with.
    pub client_id: Arc<str>,
    /// Where it joined from.
    pub client_host: Arc<str>,
    /// How long it may take to join again.
    pub rebalance_timeout_ms: i32,
    /// How long it may be silent.
    pub session_timeout_ms: i32,
    /// What it offers, the preferred first.
    pub protocols: Vec<Protocol>,
    /// What the leader gave it in this generation.
    pub assignment: Bytes,
    /// Its session.
    pub session: TimerId,
    /// It has not been in a whole rebalance yet: it does not know its id and cannot send heartbeats.
    pub is_new: bool,
    /// Its JoinGroup that waits.
    pub joining: Option<Ticket>,
    /// Its SyncGroup that waits.
    pub syncing: Option<Ticket>,
}

impl Member {
    /// The first of its protocols that `is_candidate`.
    pub fn vote(&self, is_candidate: impl Fn(&str) -> bool) -> Option<&Arc<str>> {
        let mut names = self.protocols.iter().map(|protocol| &protocol.name);
        names.find(|name| is_candidate(name))
    }

    /// What it said for a protocol.
    pub fn metadata(&self, protocol: &str) -> Option<&Bytes> {
        let mut all = self.protocols.iter();
        let found = all.find(|offered| &*offered.name == protocol);
        found.map(|offered| &offered.metadata)
    }

    /// What its names take of the group's memory. Its id, which may change, is counted as made of
    /// its `client.id`.
    pub(super) fn names_bytes(&self) -> usize {
        names_bytes(
            &self.client_id,
            &self.client_host,
            self.instance_id.as_deref(),
        )
    }

    /// Whether its silence says nothing: it waits for us.
    pub fn is_excused(&self) -> bool {
        !self.is_new && (self.joining.is_some() || self.syncing.is_some())
    }
}

/// What a member takes besides its texts.
const MEMBER_BYTES: usize = 512;
/// What a protocol that is offered takes besides its name and its metadata.
const PROTOCOL_BYTES: usize = 64;

/// See [`Member::names_bytes`].
pub(super) fn names_bytes(client_id: &str, client_host: &str, instance_id: Option<&str>) -> usize {
    let instance_bytes = instance_id.map_or(0, str::len);
    MEMBER_BYTES + 2 * client_id.len() + client_host.len() + 2 * instance_bytes
}

/// What offers take of the group's memory.
pub(super) fn protocols_bytes(protocols: &[Protocol]) -> usize {
    let each = protocols.iter();
    each.map(|offered| PROTOCOL_BYTES + offered.name.len() + offered.metadata.len())
        .sum()
}
