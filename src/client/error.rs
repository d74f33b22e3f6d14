use std::io;
use std::time::Duration;

use thiserror::Error;

use super::Address;
use crate::model::TopicPartition;
use crate::protocol::error_code::ErrorCode;

/// Why a request of the client failed; each message names what was tried and with what.
#[derive(Debug, Error)]
pub enum ClientError {
    /// A broker address that cannot be one.
    #[error("`{text}` is not a broker address: {why}")]
    Address {
        /// As it was given.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// None of the bootstrap brokers answered.
    #[error("no broker could be reached: {tried}")]
    Bootstrap {
        /// Each address with its own error.
        tried: String,
    },
    /// No TCP connection came about.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// The broker.
        address: Address,
        /// What the system said.
        source: io::Error,
    },
    /// The connection broke while it was used.
    #[error("connection to {address} failed while {doing}: {source}")]
    Io {
        /// The broker.
        address: Address,
        /// `sending a Fetch request`, `waiting for the answer to Fetch`.
        doing: String,
        /// What the system said.
        source: io::Error,
    },
    /// The broker closed the connection, which is how it refuses a request it cannot read.
    #[error("{address} closed the connection while {doing}")]
    Closed {
        /// The broker.
        address: Address,
        /// What we were doing.
        doing: String,
    },
    /// What came is not an answer of the Kafka protocol.
    #[error("{address} sent what is no answer to {api}: {why}; is it a Kafka broker?")]
    Malformed {
        /// The broker, or whatever listens there.
        address: Address,
        /// The request's name.
        api: &'static str,
        /// What is wrong with the bytes.
        why: String,
    },
    /// An answer larger than the client takes.
    #[error("{address} announced an answer of {bytes} bytes, more than the {bytes_max} allowed")]
    TooLarge {
        /// The broker.
        address: Address,
        /// What it announced.
        bytes: u64,
        /// The bound, [`ConnectionSettings::response_bytes_max`](super::ConnectionSettings).
        bytes_max: usize,
    },
    /// No version of the API is known to both sides.
    #[error(
        "{address} does not offer {api} in a version that klamm speaks ({ours}; it offers {theirs})"
    )]
    Unsupported {
        /// The broker.
        address: Address,
        /// The request's name.
        api: &'static str,
        /// Our versions.
        ours: String,
        /// Its versions, or that there are none.
        theirs: String,
    },
    /// A request that the negotiated version cannot carry; an error of ours.
    #[error("cannot encode {api}: {why}")]
    Unencodable {
        /// The request's name.
        api: &'static str,
        /// The field and the reason.
        why: String,
    },
    /// The broker refused.
    #[error("cannot {what}: {refusal}")]
    Refused {
        /// What was asked, e.g. `create topic orders`.
        what: String,
        /// What the broker said.
        refusal: Refusal,
    },
    /// Tries failed for so long that it is time to give up.
    #[error("cannot {what}: still failing after {:.1} s; the last error was: {last}", .after.as_secs_f64())]
    Deadline {
        /// What was asked.
        what: String,
        /// How long it was tried.
        after: Duration,
        /// Why the last try failed.
        last: Box<Self>,
    },
    /// A record waited longer than [`ProducerSettings::delivery_timeout`](super::ProducerSettings).
    #[error(
        "not acknowledged by {partition} within {} s{}{}",
        .timeout.as_secs_f64(),
        if *.in_doubt { "; it may have been written" } else { "" },
        .last.as_ref().map(|last| format!("; the last error was: {last}")).unwrap_or_default()
    )]
    DeliveryTimeout {
        /// Where it should have gone.
        partition: TopicPartition,
        /// How long it waited.
        timeout: Duration,
        /// Whether it was sent and the answer is unknown.
        in_doubt: bool,
        /// What went wrong last.
        last: Option<String>,
    },
    /// A record that the producer cannot hold.
    #[error("a record of {bytes} bytes is larger than the producer's memory, {bytes_max} bytes")]
    RecordTooLarge {
        /// Key, value and headers.
        bytes: usize,
        /// The bound, [`ProducerSettings::memory_bytes`](super::ProducerSettings).
        bytes_max: usize,
    },
    /// A topic that does not exist and that nobody may create.
    #[error("there is no topic `{topic}`")]
    NoTopic {
        /// Its name.
        topic: String,
    },
    /// A partition that the topic does not have.
    #[error("topic `{topic}` has no partition {partition}: it has {partitions}, counted from 0")]
    NoPartition {
        /// The topic.
        topic: String,
        /// What was asked for.
        partition: i32,
        /// How many there are.
        partitions: usize,
    },
    /// An offset behind the last record.
    #[error("{partition} has no offset {offset}: it ends before that")]
    OffsetBeyondEnd {
        /// The partition.
        partition: TopicPartition,
        /// What was asked for.
        offset: i64,
    },
    /// An offset of a partition that the group has given to somebody else, or is about to.
    #[error(
        "cannot commit {partition} for group `{group}`: the partition is no longer this member's; \
         poll more often, or allow more time between polls"
    )]
    NotAssigned {
        /// The group.
        group: String,
        /// The partition.
        partition: TopicPartition,
    },
    /// No place to start, and no rule for one.
    #[error(
        "group `{group}` has committed no offset of {partition} that still exists, and no reset \
         is allowed; commit one, or let it start at the earliest or latest record"
    )]
    NoCommittedOffset {
        /// The group.
        group: String,
        /// The partition.
        partition: TopicPartition,
    },
    /// A consumer whose membership ended with an error that was told before.
    #[error("the consumer is no longer in group `{group}`: an earlier error has ended it")]
    GroupEnded {
        /// The group.
        group: String,
    },
    /// Settings that do not go together.
    #[error("{why}")]
    Settings {
        /// What does not fit, and what would.
        why: String,
    },
    /// Records that a partition cannot be consumed beyond.
    #[error("partition {partition} holds damaged records at offset {offset}: {why}")]
    Damaged {
        /// The partition.
        partition: TopicPartition,
        /// Base offset of the batch, or where it should begin.
        offset: i64,
        /// What is wrong.
        why: String,
    },
}

/// A broker's No: the code and, where the API has one, its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Kafka's code.
    pub code: ErrorCode,
    /// The broker's own words.
    pub message: Option<String>,
}

impl Refusal {
    /// `Err` if the code is not "none".
    pub fn check(code: i16, message: Option<&str>) -> Result<(), Self> {
        match ErrorCode::from_code(code) {
            ErrorCode::None => Ok(()),
            code => Err(Self {
                code,
                message: message.map(str::to_owned),
            }),
        }
    }

    /// The error that tells what was refused.
    pub fn of(self, what: impl Into<String>) -> ClientError {
        ClientError::Refused {
            what: what.into(),
            refusal: self,
        }
    }
}

impl Refusal {
    /// Whether the client should learn anew who leads before it tries again.
    pub(super) fn is_stale_metadata(&self) -> bool {
        matches!(
            self.code,
            ErrorCode::UnknownTopicOrPartition
                | ErrorCode::LeaderNotAvailable
                | ErrorCode::NotLeaderOrFollower
                | ErrorCode::ReplicaNotAvailable
                | ErrorCode::KafkaStorageError
                | ErrorCode::ListenerNotFound
                | ErrorCode::FencedLeaderEpoch
                | ErrorCode::UnknownTopicId
                | ErrorCode::InconsistentTopicId
        )
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{message} ({})", self.code.name()),
            None => write!(f, "{} ({})", self.code, self.code.name()),
        }
    }
}

impl ClientError {
    /// The broker's code, if it was the broker who refused.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal.code),
            Self::Deadline { last, .. } => last.code(),
            _ => None,
        }
    }

    /// Whether the same request may succeed when it is sent again.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Refused { refusal, .. } => refusal.code.is_retriable(),
            other => other.is_broken_connection(),
        }
    }

    /// Whether the connection can no longer be used.
    pub fn is_broken_connection(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. } | Self::Io { .. } | Self::Closed { .. }
        )
    }

    /// Whether no broker answered at all.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Bootstrap { .. } => true,
            Self::Deadline { last, .. } => last.is_unreachable(),
            other => other.is_broken_connection(),
        }
    }

    pub(super) fn produce(partition: &TopicPartition, refusal: Refusal) -> Self {
        refusal.of(format!("write to {partition}"))
    }
}
