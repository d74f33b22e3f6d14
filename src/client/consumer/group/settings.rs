//! How a consumer takes part in a group.

use std::time::Duration;

use super::Assignor;
use crate::client::{ClientError, ConsumerSettings};

/// A consumer's part in a group; the defaults are those of Kafka's own consumer.
#[derive(Clone, Debug)]
pub struct GroupSettings {
    /// The group's id.
    pub group: String,
    /// How membership is agreed on.
    pub protocol: GroupProtocol,
    /// The name of a static member (KIP-345), which keeps its partitions over a restart.
    pub instance_id: Option<String>,
    /// How long the coordinator waits for a heartbeat; classic groups alone, in others the broker
    /// decides.
    pub session_timeout: Duration,
    /// How often a heartbeat goes out; classic groups alone.
    pub heartbeat_interval: Duration,
    /// How long the application may take between two polls. After that the consumer leaves the
    /// group, and joins again with the next poll; it is also how long a rebalance may take.
    pub poll_interval_max: Duration,
    /// Where to start in a partition that the group has committed nothing of, or whose committed
    /// offset is gone.
    pub offset_reset: OffsetReset,
    /// How often what the application was given is committed while it polls, and at the end of an
    /// assignment; `None` leaves commits to the application.
    pub auto_commit_interval: Option<Duration>,
    /// How often the leader of a classic group looks whether topics have got more partitions.
    pub metadata_age_max: Duration,
    /// How records are fetched.
    pub consumer: ConsumerSettings,
}

/// How membership is agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupProtocol {
    /// JoinGroup and SyncGroup: a member, the leader, divides the partitions by the first of these
    /// that all members know.
    Classic(Vec<Assignor>),
    /// ConsumerGroupHeartbeat (KIP-848): the broker divides them, by the assignor of this name or
    /// by its own choice.
    Consumer(Option<String>),
}

/// What to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subscription {
    /// These topics; those that do not exist yet are taken up when they do.
    Topics(Vec<String>),
    /// Every topic whose whole name matches, in RE2's syntax, now and later. The broker evaluates
    /// it, so this takes [`GroupProtocol::Consumer`] and Kafka 4.1.
    Regex(String),
}

/// Where to start without a committed offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OffsetReset {
    /// At the oldest record.
    Earliest,
    /// Behind the newest one.
    #[default]
    Latest,
    /// Nowhere: it is an error.
    None,
}

impl GroupSettings {
    /// The defaults for a member of this group.
    pub fn new(group: impl Into<String>) -> Self {
        Self {
            group: group.into(),
            protocol: GroupProtocol::default(),
            instance_id: None,
            session_timeout: Duration::from_secs(45),
            heartbeat_interval: Duration::from_secs(3),
            poll_interval_max: Duration::from_secs(300),
            offset_reset: OffsetReset::default(),
            auto_commit_interval: Some(Duration::from_secs(5)),
            metadata_age_max: Duration::from_secs(300),
            consumer: ConsumerSettings::default(),
        }
    }

    /// Whether the settings go together.
    pub(super) fn check(&self, subscription: &Subscription) -> Result<(), ClientError> {
        let wrong = |why: &str| {
            Err(ClientError::Settings {
                why: why.to_owned(),
            })
        };
        match (&self.protocol, subscription) {
            _ if self.group.is_empty() => wrong("a group needs a name"),
            (GroupProtocol::Classic(_), Subscription::Regex(_)) => wrong(
                "topics by regular expression need the consumer protocol: the broker matches them",
            ),
            (GroupProtocol::Classic(assignors), _) if assignors.is_empty() => {
                wrong("a member of a classic group needs an assignor")
            }
            (_, Subscription::Topics(topics)) if topics.is_empty() => {
                wrong("a consumer of no topic has nothing to read")
            }
            (GroupProtocol::Classic(_), _) if self.heartbeat_interval >= self.session_timeout => {
                wrong("the heartbeat interval must be shorter than the session timeout")
            }
            _ => Ok(()),
        }
    }
}

impl Default for GroupProtocol {
    /// Classic with range, ready to change over to cooperative-sticky.
    fn default() -> Self {
        Self::Classic(vec![Assignor::Range, Assignor::CooperativeSticky])
    }
}
