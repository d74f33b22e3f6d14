//! The broker's limits of groups.

use super::assignor::Assignor;

/// What a coordinator goes by; Kafka's settings of the same names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupConfig {
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
    /// What consumer groups (KIP-848) go by.
    pub consumer: ConsumerGroupConfig,
}

/// What a coordinator goes by with consumer groups; Kafka's settings `group.consumer.…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerGroupConfig {
    /// `group.consumer.max.size`.
    pub members_max: usize,
    /// `group.consumer.session.timeout.ms`, and what a group's own is held within: `…min…`, `…max…`.
    pub session_timeout_ms: Bounded,
    /// `group.consumer.heartbeat.interval.ms`, and what a group's own is held within.
    pub heartbeat_interval_ms: Bounded,
    /// `group.consumer.assignment.interval.ms` (KIP-1263), and what a group's own is held within.
    pub assignment_interval_ms: Bounded,
    /// `group.consumer.regex.refresh.interval.ms`.
    pub regex_refresh_interval_ms: i32,
    /// `group.consumer.assignors`, the default first; never empty.
    pub assignors: Vec<Assignor>,
    /// `group.consumer.migration.policy`.
    pub migration: MigrationPolicy,
    /// Members and partitions of a group that is assigned in the turn of a heartbeat; a greater one
    /// is left to another thread. No setting of Kafka's.
    pub inline_assignment_max: usize,
}

/// A setting of the broker that a group may have its own of, within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounded {
    /// The broker's.
    pub default: i32,
    /// The least that a group may have.
    pub min: i32,
    /// The most that a group may have.
    pub max: i32,
}

/// What one group has of its own (its configuration, by IncrementalAlterConfigs).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupOverrides {
    /// `consumer.session.timeout.ms`.
    pub session_timeout_ms: Option<i32>,
    /// `consumer.heartbeat.interval.ms`.
    pub heartbeat_interval_ms: Option<i32>,
    /// `consumer.assignment.interval.ms`.
    pub assignment_interval_ms: Option<i32>,
}

/// Whether groups may go from one protocol to the other while members are in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MigrationPolicy {
    /// Both ways.
    #[default]
    Bidirectional,
    /// To the consumer protocol only.
    Upgrade,
    /// To the classic protocol only.
    Downgrade,
    /// Neither.
    Disabled,
}

/// A member that was just given its id and waits in a long rebalance is given up after so long: it
/// cannot send heartbeats, and may have gone (Kafka's own figure).
pub const NEW_MEMBER_JOIN_TIMEOUT_MS: i64 = 5 * 60 * 1000;

/// What the members of one group may say of themselves, all together: names, subscriptions, what
/// they offer, and the topics that their regular expressions stand for. Who would say more is
/// refused with `GROUP_MAX_SIZE_REACHED`.
///
/// Kafka bounds each JoinGroup by the size of a request and their number by `group.max.size`, which
/// is without bound unless it is set. A classic group's record has what was said for the chosen
/// protocol and must fit into a batch (8 MiB), so that this is four times what a group can work with
/// that offers one protocol. What a leader assigns is bounded by that batch, too; what the broker
/// assigns, by the partitions of the topics, each of which one member has.
pub const MEMBERS_BYTES_MAX: usize = 32 << 20;

/// Regular expressions of a group are not looked up more often (Kafka's own figure).
pub const REGEX_REFRESH_INTERVAL_MS_MIN: i64 = 10_000;

impl Bounded {
    /// The broker's, or the group's within the bounds.
    pub fn of(self, own: Option<i32>) -> i32 {
        own.map_or(self.default, |own| own.clamp(self.min, self.max))
    }
}

impl MigrationPolicy {
    /// The policy of this name, in any case.
    pub fn by_name(name: &str) -> Option<Self> {
        let all = [
            ("bidirectional", Self::Bidirectional),
            ("upgrade", Self::Upgrade),
            ("downgrade", Self::Downgrade),
            ("disabled", Self::Disabled),
        ];
        let found = all
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, policy)| policy)
    }

    /// Whether a classic group may become a consumer group.
    pub fn upgrades(self) -> bool {
        matches!(self, Self::Bidirectional | Self::Upgrade)
    }

    /// Whether a consumer group may become a classic group.
    pub fn downgrades(self) -> bool {
        matches!(self, Self::Bidirectional | Self::Downgrade)
    }
}

impl Default for GroupConfig {
    /// Kafka's.
    fn default() -> Self {
        Self {
            members_max: i32::MAX as usize,
            initial_rebalance_delay_ms: 3_000,
            session_timeout_ms_min: 6_000,
            session_timeout_ms_max: 1_800_000,
            offset_metadata_bytes_max: 4_096,
            offsets_retention_ms: 7 * 24 * 60 * 60 * 1000,
            consumer: ConsumerGroupConfig::default(),
        }
    }
}

impl Default for ConsumerGroupConfig {
    /// Kafka's.
    fn default() -> Self {
        Self {
            members_max: i32::MAX as usize,
            session_timeout_ms: Bounded {
                default: 45_000,
                min: 45_000,
                max: 60_000,
            },
            heartbeat_interval_ms: Bounded {
                default: 5_000,
                min: 5_000,
                max: 15_000,
            },
            assignment_interval_ms: Bounded {
                default: 1_000,
                min: 0,
                max: 15_000,
            },
            regex_refresh_interval_ms: 600_000,
            assignors: vec![Assignor::Uniform, Assignor::Range],
            migration: MigrationPolicy::default(),
            inline_assignment_max: 4_096,
        }
    }
}
