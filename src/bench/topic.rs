//! The topic of a run: made, waited for, asked for its offsets, deleted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::BenchError;
use super::frames::Route;
use super::template::Identity;
use crate::client::{
    Admin, AutoCreate, ClientError, Cluster, Connection, ConnectionParts, Isolation, NewTopic,
    OffsetSpec, Refusal, Target, TopicMetadata,
};
use crate::model::{NodeId, TopicPartition, Uuid};
use crate::protocol::message::fetch::FetchRequest;
use crate::protocol::message::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use crate::protocol::message::produce::ProduceRequest;

/// Kafka creates no more partitions in one request, see `MAX_RECORDS_PER_USER_OP` there.
const CREATED_AT_ONCE_MAX: u32 = 9_000;
/// How long ten thousand partitions may take until all of them can be used.
const PATIENCE: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_millis(100);

/// A topic all of whose partitions one broker leads.
#[derive(Debug)]
pub(super) struct BenchTopic {
    cluster: Arc<Cluster>,
    admin: Admin,
    name: Arc<str>,
    partitions: u32,
    leader: NodeId,
    id: Uuid,
    /// Whether it was made by [`BenchTopic::create`].
    made: bool,
}

impl BenchTopic {
    /// Makes a topic and waits until all its partitions can be used.
    pub(super) fn create(
        cluster: &Arc<Cluster>,
        name: &str,
        partitions: u32,
        configs: Vec<(String, String)>,
    ) -> Result<Self, BenchError> {
        let admin = Admin::new(cluster.clone());
        let first = NewTopic {
            name: name.to_owned(),
            partitions: Some(partitions.min(CREATED_AT_ONCE_MAX) as i32),
            replication_factor: None,
            configs,
        };
        for created in admin.create_topics(&[first], false)? {
            created.outcome?;
        }
        let mut have = partitions.min(CREATED_AT_ONCE_MAX);
        while have < partitions {
            have = partitions.min(have + CREATED_AT_ONCE_MAX);
            admin.create_partitions(name, have as i32)?;
        }
        Self::open(cluster, name, Some(partitions)).map(|topic| Self {
            made: true,
            ..topic
        })
    }

    /// Waits until all partitions of a topic have the same leader; `partitions` it must have.
    pub(super) fn open(
        cluster: &Arc<Cluster>,
        name: &str,
        partitions: Option<u32>,
    ) -> Result<Self, BenchError> {
        let found = wait_for(|| {
            cluster.refresh(&[name], AutoCreate::Never)?;
            let found = cluster.topic(name, AutoCreate::Never)?;
            let whole = partitions.is_none_or(|count| found.partitions.len() == count as usize);
            Ok(whole.then_some(found))
        })?;
        Ok(Self {
            admin: Admin::new(cluster.clone()),
            cluster: cluster.clone(),
            name: name.into(),
            partitions: found.partitions.len() as u32,
            leader: sole_leader(name, &found)?,
            id: found.id,
            made: false,
        })
    }

    pub(super) fn partitions(&self) -> u32 {
        self.partitions
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn id(&self) -> Uuid {
        self.id
    }

    pub(super) fn leader(&self) -> NodeId {
        self.leader
    }

    pub(super) fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// A connection to the leader, taken apart.
    pub(super) fn connect(&self) -> Result<(ConnectionParts, Route), BenchError> {
        let connection = self.cluster.open(self.leader)?;
        let route = self.route(&connection)?;
        Ok((connection.into_parts(), route))
    }

    /// What requests on this connection need to know.
    pub(super) fn route(&self, connection: &Connection) -> Result<Route, BenchError> {
        Ok(Route {
            topic: self.name.to_string(),
            topic_id: self.id,
            produce_version: connection.version_of::<ProduceRequest<'_>>()?,
            fetch_version: connection.version_of::<FetchRequest>()?,
        })
    }

    /// Where each partition ends; waits for those that are not ready yet.
    pub(super) fn ends(&self) -> Result<Vec<i64>, BenchError> {
        let partition = |index| TopicPartition {
            topic: self.name.clone(),
            partition: index,
        };
        let wanted: Vec<_> = (0..self.partitions as i32)
            .map(|index| (partition(index), OffsetSpec::Latest))
            .collect();
        wait_for(|| {
            let mut ends = vec![0; wanted.len()];
            for listed in self
                .admin
                .list_offsets(&wanted, Isolation::ReadUncommitted)?
            {
                ends[listed.partition.partition as usize] = listed.outcome?.offset;
            }
            Ok(Some(ends))
        })
    }

    /// The identity of an idempotent producer; a coordinator that still loads is waited for.
    pub(super) fn identity(&self) -> Result<Identity, BenchError> {
        let request = InitProducerIdRequest {
            transactional_id: None,
            // Only transactions have a timeout; Kafka's own producer sends this much here.
            transaction_timeout_ms: i32::MAX,
            ..Default::default()
        };
        wait_for(|| {
            let answer = self.cluster.ask(Target::Node(self.leader), &request)?;
            let response: InitProducerIdResponse = answer.decode()?;
            Refusal::check(response.error_code, None)
                .map_err(|refusal| refusal.of("get a producer id"))?;
            Ok(Some(Identity {
                producer_id: response.producer_id,
                epoch: response.producer_epoch,
            }))
        })
    }

    /// Deletes it, if it was made for the run.
    pub(super) fn delete(&self) -> Result<(), BenchError> {
        if !self.made {
            return Ok(());
        }
        for deleted in self.admin.delete_topics(&[&self.name])? {
            deleted.outcome?;
        }
        Ok(())
    }
}

fn sole_leader(name: &str, topic: &TopicMetadata) -> Result<NodeId, BenchError> {
    let leaders: Vec<_> = topic.partitions.iter().filter_map(|p| p.leader).collect();
    match leaders.first() {
        Some(first) if leaders.iter().all(|leader| leader == first) => Ok(*first),
        _ => Err(BenchError::Leaders {
            topic: name.to_owned(),
            leaders: leaders
                .iter()
                .collect::<std::collections::HashSet<_>>()
                .len(),
        }),
    }
}

/// Tries again what fails for a reason that passes, and what has nothing to say yet.
fn wait_for<T>(mut ask: impl FnMut() -> Result<Option<T>, ClientError>) -> Result<T, BenchError> {
    let begun = Instant::now();
    loop {
        match ask() {
            Ok(Some(answer)) => return Ok(answer),
            Err(error) if !is_passing(&error) || begun.elapsed() > PATIENCE => {
                return Err(error.into());
            }
            Ok(None) | Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

/// A topic that was just made may not be known everywhere yet.
fn is_passing(error: &ClientError) -> bool {
    let code = error.code();
    matches!(
        error,
        ClientError::NoTopic { .. } | ClientError::Deadline { .. }
    ) || error.is_retriable()
        || code.is_some_and(|code| code.is_retriable())
}
