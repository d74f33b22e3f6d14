//! A cluster as the client sees it: brokers, leaders, and what to do when they move.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::connection::{Connection, ConnectionSettings, Response};
use super::error::Refusal;
use super::metadata::{Metadata, TopicMetadata, no_topic};
use super::request::Request;
use super::{Address, ClientError};
use crate::model::NodeId;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};

/// How a cluster is talked to.
#[derive(Clone, Debug)]
pub struct ClusterSettings {
    /// Bounds of each connection.
    pub connection: ConnectionSettings,
    /// How long a request that keeps failing is tried again.
    pub deadline: Duration,
    /// The pause before the first retry; it doubles with each (KIP-580).
    pub retry_backoff: Duration,
    /// The longest pause.
    pub retry_backoff_max: Duration,
}

impl Default for ClusterSettings {
    fn default() -> Self {
        Self {
            connection: ConnectionSettings::default(),
            deadline: Duration::from_secs(30),
            retry_backoff: Duration::from_millis(50),
            retry_backoff_max: Duration::from_secs(1),
        }
    }
}

/// Connections to the brokers of one cluster, and what is known of its topics.
///
/// Shared by producers, consumers and admins, from any thread. Requests that go through
/// [`Cluster::ask`] take turns; who wants more opens a connection of its own.
#[derive(Debug)]
pub struct Cluster {
    settings: ClusterSettings,
    bootstrap: Vec<Address>,
    metadata: Mutex<Arc<Metadata>>,
    connections: Mutex<HashMap<NodeId, Connection>>,
}

/// Which broker a request goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Whichever answers.
    Any,
    /// The one that takes admin requests.
    Controller,
    /// This one.
    Node(NodeId),
}

/// Whether asking for a topic that does not exist may bring it about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoCreate {
    /// The broker may create it, if its `auto.create.topics.enable` says so.
    Allowed,
    /// It must exist.
    Never,
}

/// The longest wait for a topic to be created by the broker, or for its leaders.
const TOPIC_WAIT_MAX: Duration = Duration::from_secs(10);

impl Cluster {
    /// Asks the brokers of a comma-separated list, in order, until one tells about the cluster.
    pub fn connect(bootstrap: &str, settings: ClusterSettings) -> Result<Arc<Self>, ClientError> {
        let cluster = Self {
            settings,
            bootstrap: Address::parse_list(bootstrap)?,
            metadata: Mutex::default(),
            connections: Mutex::default(),
        };
        cluster.refresh_through_bootstrap(&request_for(&[], AutoCreate::Never))?;
        Ok(Arc::new(cluster))
    }

    /// How this cluster is talked to.
    pub fn settings(&self) -> &ClusterSettings {
        &self.settings
    }

    /// What is known now.
    pub fn metadata(&self) -> Arc<Metadata> {
        lock(&self.metadata).clone()
    }

    /// Asks again about the brokers and these topics; what is wrong with single topics is told
    /// beside.
    pub fn refresh(
        &self,
        topics: &[&str],
        auto_create: AutoCreate,
    ) -> Result<Vec<(String, Refusal)>, ClientError> {
        self.refresh_by(&request_for(topics, auto_create))
    }

    /// Asks about every topic there is.
    pub fn refresh_all_topics(&self) -> Result<Vec<(String, Refusal)>, ClientError> {
        self.refresh_by(&MetadataRequest {
            topics: None,
            ..request_for(&[], AutoCreate::Never)
        })
    }

    /// A topic all of whose partitions have leaders; waits a while for one that is being created.
    pub fn topic(&self, name: &str, auto_create: AutoCreate) -> Result<TopicMetadata, ClientError> {
        let patience = self.settings.deadline.min(TOPIC_WAIT_MAX);
        self.try_until(patience, &format!("find topic `{name}`"), |_| {
            self.find_topic(name, auto_create)
        })
    }

    /// How many partitions an existing topic has.
    pub fn partition_count(&self, topic: &str) -> Result<i32, ClientError> {
        Ok(self.topic(topic, AutoCreate::Never)?.partitions.len() as i32)
    }

    /// Sends a request and waits for its answer; a broken connection is opened anew, or another
    /// broker asked, until the deadline.
    pub fn ask<'a, R: Request<'a>>(
        &self,
        target: Target,
        request: &R,
    ) -> Result<Response, ClientError> {
        let what = format!("get an answer to {}", R::API);
        self.try_until(self.settings.deadline, &what, |_| {
            self.ask_once(target, request)
        })
    }

    /// A connection of the caller's own.
    pub fn open(&self, node: NodeId) -> Result<Connection, ClientError> {
        let metadata = self.metadata();
        let address = metadata.node(node).ok_or_else(|| unknown_node(node))?;
        Connection::open(address, &self.settings.connection)
    }

    /// Repeats what fails for a reason that may pass, with growing pauses; `f` is told which try
    /// it is, from 0.
    pub fn try_until<T>(
        &self,
        patience: Duration,
        what: &str,
        mut f: impl FnMut(u32) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let begun = Instant::now();
        let mut backoff = self.backoff();
        for attempt in 0.. {
            let error = match f(attempt) {
                Err(error) if error.is_retriable() => error,
                result => return result,
            };
            let delay = backoff.next_delay(fastrand::u32(..));
            if begun.elapsed() + delay >= patience {
                return Err(ClientError::Deadline {
                    what: what.to_owned(),
                    after: begun.elapsed(),
                    last: Box::new(error),
                });
            }
            log::debug!("cannot {what}, trying again in {delay:?}: {error}");
            std::thread::sleep(delay);
        }
        unreachable!("the loop ends by returning");
    }

    pub(super) fn backoff(&self) -> Backoff {
        Backoff::new(self.settings.retry_backoff, self.settings.retry_backoff_max)
    }

    fn find_topic(
        &self,
        name: &str,
        auto_create: AutoCreate,
    ) -> Result<TopicMetadata, ClientError> {
        if let Some(topic) = self.led_topic(name) {
            return Ok(topic);
        }
        let wrong = self.refresh(&[name], auto_create)?;
        if let Some((_, refusal)) = wrong.into_iter().find(|(topic, _)| topic == name) {
            let missing = refusal.code == ErrorCode::UnknownTopicOrPartition;
            let error = no_topic(name, refusal);
            return match missing && auto_create == AutoCreate::Never {
                true => Err(ClientError::NoTopic {
                    topic: name.to_owned(),
                }),
                false => Err(error),
            };
        }
        let leaderless = || Refusal {
            code: ErrorCode::LeaderNotAvailable,
            message: None,
        };
        self.led_topic(name)
            .ok_or_else(|| no_topic(name, leaderless()))
    }

    fn led_topic(&self, name: &str) -> Option<TopicMetadata> {
        let metadata = self.metadata();
        let topic = metadata.topic(name)?;
        let led = topic
            .partitions
            .iter()
            .all(|partition| partition.leader.is_some());
        (led && !topic.partitions.is_empty()).then(|| topic.clone())
    }

    /// Sends a request once and waits for its answer.
    pub(super) fn ask_once<'a, R: Request<'a>>(
        &self,
        target: Target,
        request: &R,
    ) -> Result<Response, ClientError> {
        let node = self.node_of(target)?;
        let mut connections = lock(&self.connections);
        let mut connection = match connections.remove(&node) {
            Some(connection) => connection,
            None => self.open(node)?,
        };
        let response = connection.call(request)?;
        connections.insert(node, connection);
        Ok(response)
    }

    fn node_of(&self, target: Target) -> Result<NodeId, ClientError> {
        let metadata = self.metadata();
        let nodes = metadata.nodes();
        let any = || {
            nodes
                .get(fastrand::usize(..nodes.len().max(1)))
                .map(|(id, _)| *id)
        };
        match target {
            Target::Node(node) => Ok(node),
            Target::Controller if metadata.node(metadata.controller).is_some() => {
                Ok(metadata.controller)
            }
            Target::Controller | Target::Any => any().ok_or_else(|| unknown_node(-1)),
        }
    }

    fn refresh_by(&self, request: &MetadataRequest) -> Result<Vec<(String, Refusal)>, ClientError> {
        match self.ask_once(Target::Any, request) {
            Ok(response) => self.take_over(&response),
            Err(error) => {
                log::debug!("asking the bootstrap brokers again: {error}");
                self.refresh_through_bootstrap(request)
            }
        }
    }

    fn refresh_through_bootstrap(
        &self,
        request: &MetadataRequest,
    ) -> Result<Vec<(String, Refusal)>, ClientError> {
        let mut tried = Vec::new();
        for address in &self.bootstrap {
            let answer = Connection::open(address, &self.settings.connection)
                .and_then(|mut connection| connection.call(request));
            match answer {
                Ok(response) => return self.take_over(&response),
                Err(error) => tried.push(error.to_string()),
            }
        }
        Err(ClientError::Bootstrap {
            tried: tried.join("; "),
        })
    }

    fn take_over(&self, response: &Response) -> Result<Vec<(String, Refusal)>, ClientError> {
        let response: MetadataResponse = response.decode()?;
        Refusal::check(response.error_code, None)
            .map_err(|refusal| refusal.of("learn about the cluster"))?;
        let mut metadata = lock(&self.metadata);
        Ok(Arc::make_mut(&mut metadata).update(response))
    }
}

fn request_for(topics: &[&str], auto_create: AutoCreate) -> MetadataRequest {
    let topic = |name: &&str| MetadataRequestTopic {
        name: Some((*name).to_owned()),
        ..Default::default()
    };
    MetadataRequest {
        topics: Some(topics.iter().map(topic).collect()),
        allow_auto_topic_creation: auto_create == AutoCreate::Allowed,
        ..Default::default()
    }
}

fn unknown_node(node: NodeId) -> ClientError {
    let refusal = Refusal {
        code: ErrorCode::BrokerNotAvailable,
        message: None,
    };
    refusal.of(format!("find broker {node}"))
}

/// Locks; the data behind is whole even if a thread that held it panicked.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
