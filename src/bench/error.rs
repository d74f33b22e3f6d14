use std::io;

use thiserror::Error;

use super::workload::WorkloadError;
use crate::client::{Address, ClientError};
use crate::protocol::error_code::ErrorCode;

/// Why a run could not be done or had to be broken off.
#[derive(Debug, Error)]
pub enum BenchError {
    /// The workload cannot be run.
    #[error(transparent)]
    Workload(#[from] WorkloadError),
    /// Setting up, asking for offsets or cleaning up failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A load connection failed.
    #[error("load connection to {address} failed: {source}")]
    Io {
        /// The broker.
        address: Address,
        /// What the system said.
        source: io::Error,
    },
    /// An answer that is none.
    #[error("{address} sent what is no answer to {api}: {why}")]
    Malformed {
        /// The broker.
        address: Address,
        /// The request's name.
        api: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The broker refused a batch or a fetch; a load does not try again, because what it measures
    /// would not be the workload any more.
    #[error("the broker refused to {doing} partition {partition}: {} ({})", .code, .code.name())]
    Refused {
        /// `write to`, `read from`.
        doing: &'static str,
        /// The partition.
        partition: i32,
        /// Its code.
        code: ErrorCode,
    },
    /// The broker refused something to a member of a group.
    #[error("the broker refused to {doing} for group `{group}`: {} ({})", .code, .code.name())]
    Group {
        /// `join`, `commit offsets`, ...
        doing: &'static str,
        /// The group.
        group: String,
        /// Its code.
        code: ErrorCode,
    },
    /// A group does not stand where it was committed.
    #[error("group `{group}` committed {expected} and stands at {found}")]
    Lost {
        /// The group.
        group: String,
        /// What was acknowledged last.
        expected: i64,
        /// What the broker says; −1 for nothing.
        found: i64,
    },
    /// Groups did not come to rest.
    #[error("{what} after {seconds} s")]
    Unsettled {
        /// What was not reached: `800 of 1000 groups have settled`.
        what: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// Answers that should have come did not.
    #[error("no answer from the broker for {seconds} s with {waiting} requests waiting")]
    Stalled {
        /// How long.
        seconds: u64,
        /// How many requests.
        waiting: usize,
    },
    /// What a fetch brought does not go on where the last one ended.
    #[error("partition {partition}: a fetch from offset {expected} brought a batch at {found}")]
    Gap {
        /// The partition.
        partition: i32,
        /// Where it should go on.
        expected: i64,
        /// Where it did.
        found: i64,
    },
    /// Partitions with different leaders.
    #[error(
        "the partitions of topic `{topic}` have {leaders} leaders, but a bench measures one broker: \
         name a topic that one broker leads with --topic, or use a cluster of one"
    )]
    Leaders {
        /// The topic.
        topic: String,
        /// How many different ones.
        leaders: usize,
    },
    /// Something on this side.
    #[error("cannot {doing}: {source}")]
    Local {
        /// What was tried.
        doing: String,
        /// What the system said.
        source: io::Error,
    },
}

impl BenchError {
    /// For `map_err` of something local.
    pub(super) fn local(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        |source| Self::Local { doing, source }
    }
}
