//! The typed configuration that the broker goes by.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use super::checks;
use super::cleaner::CleanerConfig;
use super::error::{ConfigError, ConfigErrors, Warning};
use super::ip_overrides;
use super::layers::Settings;
use super::listener::Listener;
use super::memory::default_memory_bytes;
use super::value::split_list;
use super::{BrokerLayers, ConfigMap, GroupLayers, GroupSettings, TopicConfig, TopicLayers};
use crate::model::NodeId;

/// What the machine has, found out by whoever loads the configuration.
#[derive(Clone, Debug)]
pub struct Host {
    /// Bytes of memory of the host or, if less, of the cgroup.
    pub memory_bytes: u64,
    /// How many cores this process may run on.
    pub cores: usize,
    /// The host's name, advertised where a listener names no host.
    pub name: String,
}

/// The broker's configuration. Everything is checked: no value can be senseless.
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    /// `node.id`.
    pub node_id: NodeId,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// `listeners` without the controller's.
    pub listeners: Vec<Listener>,
    /// What clients are told, one for each of `listeners` in the same order; a port of 0 stands
    /// for the port the kernel chose.
    pub advertised_listeners: Vec<Listener>,
    /// `log.dirs`: the one data directory.
    pub data_dir: PathBuf,
    /// `klamm.cores`.
    pub cores: CoreSelection,
    /// `klamm.memory`, for all cores together.
    pub memory_bytes: u64,
    /// `klamm.flush`.
    pub flush: FlushPolicy,
    /// `klamm.fetch.path`.
    pub fetch_path: FetchPathChoice,
    /// Bounds of connections and requests.
    pub connections: ConnectionLimits,
    /// Bounds of fetches.
    pub fetch: FetchLimits,
    /// Rules for topics.
    pub topics: TopicRules,
    /// Groups of the consumer protocol (KIP-848).
    pub consumer_groups: ConsumerGroupRules,
    /// Work that logs need from time to time.
    pub log: LogUpkeep,
    /// Bounds of groups.
    pub groups: GroupLimits,
    /// Compaction.
    pub cleaner: CleanerConfig,
    /// The metadata log.
    pub metadata_log: MetadataLogConfig,
    /// `producer.id.expiration.ms`.
    pub producer_id_expiration_ms: i64,
    /// `producer.id.expiration.check.interval.ms`.
    pub producer_id_expiration_check_interval_ms: i64,
    /// `klamm.busy.poll.us`.
    pub busy_poll_us: u64,
    /// `klamm.stall.warn.ms`.
    pub stall_warn_ms: u64,
    /// `klamm.shutdown.timeout.ms`.
    pub shutdown_timeout_ms: u64,
    /// What was set, and by whom; for DescribeConfigs, `klamm config` and topic defaults.
    pub settings: Settings,
    host: Host,
}

/// Which cores to run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CoreSelection {
    /// All that the process may use.
    All,
    /// This many.
    Count(usize),
    /// These, by the kernel's numbers.
    List(Vec<usize>),
}

/// When a write counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushPolicy {
    /// After write and data sync.
    Durable,
    /// After the write.
    Written,
}

/// How old data is sent to consumers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchPathChoice {
    /// Measured at start.
    Auto,
    /// By sendfile.
    Sendfile,
    /// Read and written.
    Copy,
}

/// Bounds of connections and requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// `socket.request.max.bytes`.
    pub request_bytes_max: usize,
    /// `socket.listen.backlog.size`, of each core's listener.
    pub listen_backlog: i32,
    /// `max.connections`, over all cores.
    pub connections_max: usize,
    /// `max.connections.per.ip`.
    pub connections_per_ip_max: usize,
    /// `max.connections.per.ip.overrides`.
    pub connections_per_ip_overrides: BTreeMap<IpAddr, usize>,
    /// `connections.max.idle.ms`; `None` never closes.
    pub idle_ms_max: Option<u64>,
    /// `klamm.connection.receive.budget.bytes`; `None` is a quarter of the core's memory.
    pub receive_budget_bytes: Option<usize>,
    /// `klamm.connection.receive.stall.max.ms`.
    pub receive_stall_ms_max: u64,
    /// `klamm.connection.responses.pending.max`.
    pub responses_pending_max: usize,
    /// `klamm.connection.send.pending.max.bytes`.
    pub send_pending_bytes_max: usize,
    /// `klamm.connection.send.stall.max.ms`.
    pub send_stall_ms_max: u64,
    /// `klamm.decompressed.bytes.max`.
    pub decompressed_bytes_max: usize,
}

/// Bounds of fetches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchLimits {
    /// `fetch.max.bytes`.
    pub response_bytes_max: usize,
    /// `max.incremental.fetch.session.cache.slots`, over all cores.
    pub sessions_max: usize,
}

/// Rules for topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRules {
    /// `num.partitions`.
    pub partitions_default: i32,
    /// `default.replication.factor`.
    pub replication_factor_default: i16,
    /// `auto.create.topics.enable`.
    pub auto_create: bool,
    /// `delete.topic.enable`.
    pub delete_enabled: bool,
    /// `max.request.partition.size.limit`.
    pub partitions_described_max: i32,
}

/// Groups of the consumer protocol (KIP-848); their timeouts are [`GroupSettings`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerGroupRules {
    /// Whether `group.coordinator.rebalance.protocols` names `consumer`.
    pub enabled: bool,
    /// `group.consumer.max.size`.
    pub members_max: usize,
    /// `group.consumer.assignors`, by name, the default first.
    pub assignors: Vec<String>,
    /// `group.consumer.migration.policy`.
    pub migration: GroupMigration,
    /// `group.consumer.regex.refresh.interval.ms`.
    pub regex_refresh_interval_ms: i64,
}

/// Which way a group may change between the classic and the consumer protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupMigration {
    /// Neither.
    Disabled,
    /// To the consumer protocol.
    Upgrade,
    /// To the classic protocol.
    Downgrade,
    /// Both.
    Bidirectional,
}

/// Work that logs need from time to time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogUpkeep {
    /// `log.retention.check.interval.ms`.
    pub retention_check_interval_ms: u64,
    /// `log.flush.offset.checkpoint.interval.ms`.
    pub recovery_point_interval_ms: u64,
    /// `log.flush.start.offset.checkpoint.interval.ms`.
    pub log_start_interval_ms: u64,
    /// `replica.high.watermark.checkpoint.interval.ms`.
    pub high_watermark_interval_ms: u64,
    /// `klamm.durable.points.interval.ms`.
    pub durable_points_interval_ms: u64,
    /// `log.initial.task.delay.ms`.
    pub initial_delay_ms: u64,
    /// `klamm.files.open.max`.
    pub files_open_max: usize,
    /// `klamm.journal.bytes`, of each file; 0 is no journal.
    pub journal_bytes: u64,
}

/// Bounds of groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupLimits {
    /// `group.max.size`.
    pub members_max: usize,
    /// `group.initial.rebalance.delay.ms`.
    pub initial_rebalance_delay_ms: i32,
    /// `group.min.session.timeout.ms`.
    pub session_timeout_ms_min: i32,
    /// `group.max.session.timeout.ms`.
    pub session_timeout_ms_max: i32,
    /// `offset.metadata.max.bytes`.
    pub offset_metadata_bytes_max: usize,
    /// `offsets.retention.minutes`, in milliseconds.
    pub offsets_retention_ms: i64,
    /// `offsets.retention.check.interval.ms`.
    pub offsets_check_interval_ms: u64,
}

/// The metadata log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataLogConfig {
    /// `metadata.log.max.record.bytes.between.snapshots`.
    pub snapshot_interval_bytes: u64,
    /// `metadata.log.max.snapshot.interval.ms`; `None` is never by time.
    pub snapshot_interval_ms: Option<u64>,
    /// `metadata.log.segment.bytes`.
    pub segment_bytes: u32,
    /// `metadata.log.segment.ms`.
    pub segment_ms: i64,
    /// `metadata.max.retention.bytes`; `None` is no limit.
    pub retention_bytes: Option<i64>,
    /// `metadata.max.retention.ms`; `None` is for ever.
    pub retention_ms: Option<i64>,
}

impl BrokerConfig {
    /// How many cores the broker runs on.
    pub fn core_count(&self) -> usize {
        self.cores.count(self.host.cores)
    }

    /// What a topic's configuration comes to with these overrides: of the topic, of this broker,
    /// of all brokers.
    pub fn topic_config(
        &self,
        topic: &ConfigMap,
        broker: &ConfigMap,
        cluster: &ConfigMap,
    ) -> TopicConfig {
        TopicLayers {
            topic,
            broker,
            cluster,
            settings: &self.settings,
        }
        .config()
    }

    /// What a group's configuration comes to with these overrides: of the group, of this broker, of
    /// all brokers.
    pub fn group_settings(
        &self,
        group: &ConfigMap,
        broker: &ConfigMap,
        cluster: &ConfigMap,
    ) -> GroupSettings {
        let broker = BrokerLayers {
            broker,
            cluster,
            settings: &self.settings,
        };
        GroupLayers { group, broker }.settings()
    }

    /// The configuration with what was changed while the broker runs: `broker` over `cluster`
    /// over what was set at the start. Changes that make no sense by themselves are left out;
    /// `settings` and the listeners, whose ports are open, stay what they were at the start.
    ///
    /// # Errors
    /// Where the changes contradict each other or the settings of the start.
    pub fn with_changes(
        &self,
        broker: &ConfigMap,
        cluster: &ConfigMap,
    ) -> Result<Self, ConfigErrors> {
        let changed = self.settings.with_changes(cluster.iter().chain(broker));
        let (mut warnings, mut errors) = (Vec::new(), Vec::new());
        match build(changed, &self.host, &mut warnings, &mut errors) {
            Some(config) if errors.is_empty() => Ok(Self {
                settings: self.settings.clone(),
                listeners: self.listeners.clone(),
                advertised_listeners: self.advertised_listeners.clone(),
                ..config
            }),
            _ => Err(ConfigErrors { errors }),
        }
    }
}

impl ConnectionLimits {
    /// How many connections this address may have.
    pub fn connections_max_of(&self, address: IpAddr) -> usize {
        let own = self.connections_per_ip_overrides.get(&address);
        own.copied().unwrap_or(self.connections_per_ip_max)
    }
}

impl CoreSelection {
    /// How many cores are selected of the `available` ones.
    pub fn count(&self, available: usize) -> usize {
        match self {
            Self::All => available,
            Self::Count(count) => *count,
            Self::List(list) => list.len(),
        }
    }
}

impl Default for BrokerConfig {
    /// Every setting at its default, on a host of two cores and 8 GiB: for tests and tools.
    fn default() -> Self {
        let host = Host {
            memory_bytes: 8 << 30,
            cores: 2,
            name: "localhost".to_owned(),
        };
        build(Settings::default(), &host, &mut Vec::new(), &mut Vec::new())
            .expect("the defaults make sense")
    }
}

/// The typed configuration; `None` and at least one more error where settings do not agree.
pub(super) fn build(
    settings: Settings,
    host: &Host,
    warnings: &mut Vec<Warning>,
    errors: &mut Vec<ConfigError>,
) -> Option<BrokerConfig> {
    checks::check_agreement(&settings, errors);
    let cores = checks::cores(&settings, host, errors)?;
    let memory_bytes = checks::memory_bytes(&settings, host, errors)
        .unwrap_or_else(|| default_memory_bytes(host.memory_bytes, cores.count(host.cores)));
    let (listeners, advertised_listeners) =
        super::listeners::resolve(&settings, host, warnings, errors)?;
    let read = Read(&settings);
    Some(BrokerConfig {
        node_id: read.number("node.id") as NodeId,
        rack: settings.text("broker.rack").map(str::to_owned),
        listeners,
        advertised_listeners,
        data_dir: checks::data_dir(&settings),
        cores,
        memory_bytes,
        flush: read.flush(),
        fetch_path: read.fetch_path(),
        connections: read.connections(),
        fetch: read.fetch(),
        topics: read.topics(),
        consumer_groups: read.consumer_groups(),
        log: read.log(),
        groups: read.groups(),
        cleaner: CleanerConfig::read(&settings),
        metadata_log: read.metadata_log(),
        producer_id_expiration_ms: read.number("producer.id.expiration.ms"),
        producer_id_expiration_check_interval_ms: read
            .number("producer.id.expiration.check.interval.ms"),
        busy_poll_us: read.unsigned("klamm.busy.poll.us"),
        stall_warn_ms: read.unsigned("klamm.stall.warn.ms"),
        shutdown_timeout_ms: read.unsigned("klamm.shutdown.timeout.ms"),
        host: host.clone(),
        settings,
    })
}

/// Reads checked settings that have a default.
struct Read<'a>(&'a Settings);

impl Read<'_> {
    fn number(&self, name: &str) -> i64 {
        self.optional(name)
            .expect("a numeric setting with a default")
    }

    fn optional(&self, name: &str) -> Option<i64> {
        self.0.value(name)?.number()
    }

    /// Negative numbers, where Kafka lets them pass, count as 0.
    fn unsigned(&self, name: &str) -> u64 {
        u64::try_from(self.number(name)).unwrap_or(0)
    }

    fn size(&self, name: &str) -> usize {
        usize::try_from(self.number(name)).unwrap_or(0)
    }

    fn not_negative(&self, name: &str) -> Option<i64> {
        self.optional(name).filter(|number| *number >= 0)
    }

    fn truth(&self, name: &str) -> bool {
        let value = self.0.value(name).and_then(|value| value.boolean());
        value.expect("a boolean setting with a default")
    }

    fn flush(&self) -> FlushPolicy {
        match self.0.text("klamm.flush") {
            Some("written") => FlushPolicy::Written,
            _ => FlushPolicy::Durable,
        }
    }

    fn fetch_path(&self) -> FetchPathChoice {
        match self.0.text("klamm.fetch.path") {
            Some("sendfile") => FetchPathChoice::Sendfile,
            Some("copy") => FetchPathChoice::Copy,
            _ => FetchPathChoice::Auto,
        }
    }

    fn connections(&self) -> ConnectionLimits {
        let budget = self.optional("klamm.connection.receive.budget.bytes");
        let idle = self.not_negative("connections.max.idle.ms");
        ConnectionLimits {
            request_bytes_max: self.size("socket.request.max.bytes"),
            listen_backlog: self.number("socket.listen.backlog.size") as i32,
            connections_max: self.size("max.connections"),
            connections_per_ip_max: self.size("max.connections.per.ip"),
            connections_per_ip_overrides: self.connections_per_ip_overrides(),
            idle_ms_max: idle.map(i64::unsigned_abs),
            receive_budget_bytes: budget.map(|bytes| bytes as usize),
            receive_stall_ms_max: self.unsigned("klamm.connection.receive.stall.max.ms"),
            responses_pending_max: self.size("klamm.connection.responses.pending.max"),
            send_pending_bytes_max: self.size("klamm.connection.send.pending.max.bytes"),
            send_stall_ms_max: self.unsigned("klamm.connection.send.stall.max.ms"),
            decompressed_bytes_max: self.size("klamm.decompressed.bytes.max"),
        }
    }

    fn connections_per_ip_overrides(&self) -> BTreeMap<IpAddr, usize> {
        let text = self.0.text("max.connections.per.ip.overrides");
        ip_overrides::parse(text.unwrap_or_default()).expect("texts are checked when they are set")
    }

    fn fetch(&self) -> FetchLimits {
        FetchLimits {
            response_bytes_max: self.size("fetch.max.bytes"),
            sessions_max: self.size("max.incremental.fetch.session.cache.slots"),
        }
    }

    fn topics(&self) -> TopicRules {
        let replication = self.number("default.replication.factor");
        TopicRules {
            partitions_default: self.number("num.partitions") as i32,
            replication_factor_default: i16::try_from(replication).unwrap_or(i16::MAX),
            auto_create: self.truth("auto.create.topics.enable"),
            delete_enabled: self.truth("delete.topic.enable"),
            partitions_described_max: self.number("max.request.partition.size.limit") as i32,
        }
    }

    fn consumer_groups(&self) -> ConsumerGroupRules {
        let list = |name| split_list(self.0.text(name).unwrap_or_default());
        let protocols = list("group.coordinator.rebalance.protocols");
        ConsumerGroupRules {
            enabled: protocols.iter().any(|protocol| protocol == "consumer"),
            members_max: self.size("group.consumer.max.size"),
            assignors: list("group.consumer.assignors"),
            migration: self.group_migration(),
            regex_refresh_interval_ms: self.number("group.consumer.regex.refresh.interval.ms"),
        }
    }

    fn group_migration(&self) -> GroupMigration {
        let text = self.0.text("group.consumer.migration.policy");
        match text.unwrap_or_default().to_ascii_lowercase().as_str() {
            "disabled" => GroupMigration::Disabled,
            "upgrade" => GroupMigration::Upgrade,
            "downgrade" => GroupMigration::Downgrade,
            _ => GroupMigration::Bidirectional,
        }
    }

    fn log(&self) -> LogUpkeep {
        LogUpkeep {
            retention_check_interval_ms: self.unsigned("log.retention.check.interval.ms"),
            recovery_point_interval_ms: self.unsigned("log.flush.offset.checkpoint.interval.ms"),
            log_start_interval_ms: self.unsigned("log.flush.start.offset.checkpoint.interval.ms"),
            high_watermark_interval_ms: self
                .unsigned("replica.high.watermark.checkpoint.interval.ms"),
            durable_points_interval_ms: self.unsigned("klamm.durable.points.interval.ms"),
            initial_delay_ms: self.unsigned("log.initial.task.delay.ms"),
            files_open_max: self.size("klamm.files.open.max"),
            journal_bytes: self.unsigned("klamm.journal.bytes"),
        }
    }

    fn groups(&self) -> GroupLimits {
        GroupLimits {
            members_max: self.size("group.max.size"),
            initial_rebalance_delay_ms: self.number("group.initial.rebalance.delay.ms") as i32,
            session_timeout_ms_min: self.number("group.min.session.timeout.ms") as i32,
            session_timeout_ms_max: self.number("group.max.session.timeout.ms") as i32,
            offset_metadata_bytes_max: self.size("offset.metadata.max.bytes"),
            offsets_retention_ms: self.number("offsets.retention.minutes") * 60 * 1000,
            offsets_check_interval_ms: self.unsigned("offsets.retention.check.interval.ms"),
        }
    }

    fn metadata_segment_bytes(&self) -> i64 {
        self.optional("internal.metadata.log.segment.bytes")
            .unwrap_or_else(|| self.number("metadata.log.segment.bytes"))
    }

    fn metadata_log(&self) -> MetadataLogConfig {
        let by_time = self.unsigned("metadata.log.max.snapshot.interval.ms");
        MetadataLogConfig {
            snapshot_interval_bytes: self
                .unsigned("metadata.log.max.record.bytes.between.snapshots"),
            snapshot_interval_ms: (by_time > 0).then_some(by_time),
            segment_bytes: self.metadata_segment_bytes() as u32,
            segment_ms: self.number("metadata.log.segment.ms"),
            retention_bytes: self.not_negative("metadata.max.retention.bytes"),
            retention_ms: self.not_negative("metadata.max.retention.ms"),
        }
    }
}
