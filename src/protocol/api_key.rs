//! API keys: their numbers, names, where the flexible encoding begins and what Kafka does with
//! them.

use std::fmt;

use super::schema::Versions;

/// Declares the keys; the table is [`ApiKey`]'s own documentation.
macro_rules! api_keys {
    ($($name:ident = $number:literal $([$first:literal ..])? $($mark:ident)*,)*) => {
        /// A request's kind. Keys 4 to 7 were removed in Kafka 4.0.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(i16)]
        pub enum ApiKey {
            $(
                #[doc = concat!(
                    "Key ", $number, $(", flexible from version ", $first,)?
                    $(", ", stringify!($mark),)* "."
                )]
                $name = $number,
            )*
        }

        impl ApiKey {
            /// Every key, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Every key's number is below this.
            pub const NUMBERS_END: usize = {
                let mut end = 0;
                $(if $number >= end { end = $number + 1; })*
                end
            };

            /// The key with this number.
            pub const fn from_number(number: i16) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Kafka's name, such as `ListOffsets`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// Versions with compact lengths, tagged fields and headers that have them (KIP-482).
            pub const fn flexible(self) -> Versions {
                match self {
                    $(Self::$name => api_keys!(@flexible $($first)?),)*
                }
            }

            const fn marks(self) -> &'static [Mark] {
                match self {
                    $(Self::$name => &[$(Mark::$mark),*],)*
                }
            }
        }
    };
    (@flexible) => { Versions::NONE };
    (@flexible $first:literal) => { Versions::since($first) };
}

api_keys! {
    Produce = 0 [9..],
    Fetch = 1 [12..],
    ListOffsets = 2 [6..],
    Metadata = 3 [9..],
    OffsetCommit = 8 [8..],
    OffsetFetch = 9 [6..],
    FindCoordinator = 10 [3..],
    JoinGroup = 11 [6..],
    Heartbeat = 12 [4..],
    LeaveGroup = 13 [4..],
    SyncGroup = 14 [4..],
    DescribeGroups = 15 [5..],
    ListGroups = 16 [3..],
    SaslHandshake = 17,
    ApiVersions = 18 [3..],
    CreateTopics = 19 [5..] forwardable,
    DeleteTopics = 20 [4..] forwardable,
    DeleteRecords = 21 [2..],
    InitProducerId = 22 [2..],
    OffsetForLeaderEpoch = 23 [4..],
    AddPartitionsToTxn = 24 [3..],
    AddOffsetsToTxn = 25 [3..],
    EndTxn = 26 [3..],
    WriteTxnMarkers = 27 [1..] cluster_action,
    TxnOffsetCommit = 28 [3..],
    DescribeAcls = 29 [2..],
    CreateAcls = 30 [2..] forwardable,
    DeleteAcls = 31 [2..] forwardable,
    DescribeConfigs = 32 [4..],
    AlterConfigs = 33 [2..] forwardable,
    AlterReplicaLogDirs = 34 [2..],
    DescribeLogDirs = 35 [2..],
    SaslAuthenticate = 36 [2..],
    CreatePartitions = 37 [2..] forwardable,
    CreateDelegationToken = 38 [2..] forwardable,
    RenewDelegationToken = 39 [2..] forwardable,
    ExpireDelegationToken = 40 [2..] forwardable,
    DescribeDelegationToken = 41 [2..],
    DeleteGroups = 42 [2..],
    ElectLeaders = 43 [2..] forwardable,
    IncrementalAlterConfigs = 44 [1..] forwardable,
    AlterPartitionReassignments = 45 [0..] forwardable,
    ListPartitionReassignments = 46 [0..] forwardable,
    OffsetDelete = 47,
    DescribeClientQuotas = 48 [1..],
    AlterClientQuotas = 49 [1..] forwardable,
    DescribeUserScramCredentials = 50 [0..],
    AlterUserScramCredentials = 51 [0..] forwardable,
    Vote = 52 [0..] cluster_action,
    BeginQuorumEpoch = 53 [1..] cluster_action,
    EndQuorumEpoch = 54 [1..] cluster_action,
    DescribeQuorum = 55 [0..] forwardable cluster_action,
    AlterPartition = 56 [0..] cluster_action,
    UpdateFeatures = 57 [0..] forwardable cluster_action,
    Envelope = 58 [0..] cluster_action,
    FetchSnapshot = 59 [0..],
    DescribeCluster = 60 [0..],
    DescribeProducers = 61 [0..],
    BrokerRegistration = 62 [0..] cluster_action,
    BrokerHeartbeat = 63 [0..] cluster_action,
    UnregisterBroker = 64 [0..] forwardable,
    DescribeTransactions = 65 [0..],
    ListTransactions = 66 [0..],
    AllocateProducerIds = 67 [0..] forwardable cluster_action,
    ConsumerGroupHeartbeat = 68 [0..],
    ConsumerGroupDescribe = 69 [0..],
    ControllerRegistration = 70 [0..],
    GetTelemetrySubscriptions = 71 [0..],
    PushTelemetry = 72 [0..],
    AssignReplicasToDirs = 73 [0..],
    ListConfigResources = 74 [0..],
    DescribeTopicPartitions = 75 [0..],
    ShareGroupHeartbeat = 76 [0..],
    ShareGroupDescribe = 77 [0..],
    ShareFetch = 78 [0..],
    ShareAcknowledge = 79 [0..],
    AddRaftVoter = 80 [0..] forwardable,
    RemoveRaftVoter = 81 [0..] forwardable,
    UpdateRaftVoter = 82 [0..],
    InitializeShareGroupState = 83 [0..] cluster_action,
    ReadShareGroupState = 84 [0..] cluster_action,
    WriteShareGroupState = 85 [0..] cluster_action,
    DeleteShareGroupState = 86 [0..] cluster_action,
    ReadShareGroupStateSummary = 87 [0..] cluster_action,
    StreamsGroupHeartbeat = 88 [0..],
    StreamsGroupDescribe = 89 [0..],
    DescribeShareGroupOffsets = 90 [0..],
    AlterShareGroupOffsets = 91 [0..],
    DeleteShareGroupOffsets = 92 [0..],
    StreamsGroupTopologyDescriptionUpdate = 93 [0..],
    UnregisterController = 94 [0..] forwardable,
}

impl ApiKey {
    /// The number on the wire.
    pub const fn number(self) -> i16 {
        self as i16
    }

    /// The version of the header before a request of this version: 2 if flexible, else 1.
    pub const fn request_header_version(self, version: i16) -> i16 {
        if self.flexible().contain(version) {
            2
        } else {
            1
        }
    }

    /// The version of the header before a response of this version: 1 if flexible, else 0.
    ///
    /// Always 0 for ApiVersions (KIP-511): a client reads that answer before it knows what the
    /// broker speaks.
    pub const fn response_header_version(self, version: i16) -> i16 {
        let flexible = self.flexible().contain(version) && !matches!(self, Self::ApiVersions);
        if flexible { 1 } else { 0 }
    }

    /// Whether it is a call between nodes, which asks for ClusterAction on the cluster.
    pub const fn is_cluster_action(self) -> bool {
        has(self.marks(), Mark::cluster_action)
    }

    /// Whether a broker of a larger cluster forwards it to the active controller (KIP-590).
    pub const fn is_forwardable(self) -> bool {
        has(self.marks(), Mark::forwardable)
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Named as the table writes them.
#[allow(non_camel_case_types)]
#[derive(Clone, Copy)]
enum Mark {
    cluster_action,
    forwardable,
}

const fn has(marks: &[Mark], wanted: Mark) -> bool {
    let mut index = 0;
    while index < marks.len() {
        if marks[index] as u8 == wanted as u8 {
            return true;
        }
        index += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_keys_are_each_others_inverse() {
        for &key in ApiKey::ALL {
            assert_eq!(ApiKey::from_number(key.number()), Some(key));
        }
        for unknown in [i16::MIN, -1, 4, 7, 95, i16::MAX] {
            assert_eq!(ApiKey::from_number(unknown), None);
        }
    }

    #[test]
    fn headers_grow_tags_with_the_body_except_before_an_api_versions_answer() {
        assert_eq!(ApiKey::Fetch.request_header_version(11), 1);
        assert_eq!(ApiKey::Fetch.response_header_version(11), 0);
        assert_eq!(ApiKey::Fetch.request_header_version(12), 2);
        assert_eq!(ApiKey::Fetch.response_header_version(12), 1);
        assert_eq!(ApiKey::ApiVersions.request_header_version(4), 2);
        assert_eq!(ApiKey::ApiVersions.response_header_version(4), 0);
        assert_eq!(ApiKey::SaslHandshake.request_header_version(i16::MAX), 1);
    }

    #[test]
    fn marks_are_kafkas() {
        assert!(ApiKey::CreateTopics.is_forwardable() && !ApiKey::CreateTopics.is_cluster_action());
        assert!(ApiKey::Envelope.is_cluster_action() && !ApiKey::Envelope.is_forwardable());
        assert!(!ApiKey::Produce.is_forwardable() && !ApiKey::Produce.is_cluster_action());
    }
}
