//! Kafka's error codes: number, name, meaning, and whether a client tries again.

/// Declares the codes; `retriable` marks those that the Java client retries by itself.
macro_rules! error_codes {
    ($($variant:ident = $code:literal $name:ident $($retriable:ident)?: $message:literal,)*) => {
        /// What a response says about a request, a topic, a partition or a group.
        ///
        /// Pick a code by what clients do with it: one of the wrong class breaks them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
        #[repr(i16)]
        pub enum ErrorCode {
            $(
                #[doc = concat!(
                    "`", stringify!($name), "`: ", $message, "."
                    $(, " Clients take it as ", stringify!($retriable), ".")?
                )]
                #[error($message)]
                $variant = $code,
            )*
        }

        impl ErrorCode {
            /// Every code, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The code with this number; a number of a later Kafka is an unknown server error, as
            /// it is to Kafka's own clients.
            pub const fn from_code(code: i16) -> Self {
                match code {
                    $($code => Self::$variant,)*
                    _ => Self::UnknownServerError,
                }
            }

            /// Kafka's name, such as `OFFSET_OUT_OF_RANGE`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($name),)*
                }
            }

            /// Whether the same request may succeed later, without anything having been done.
            pub const fn is_retriable(self) -> bool {
                match self {
                    $(Self::$variant => error_codes!(@retriable $($retriable)?),)*
                }
            }
        }
    };
    (@retriable) => { false };
    (@retriable retriable) => { true };
}

error_codes! {
    UnknownServerError = -1 UNKNOWN_SERVER_ERROR: "the broker failed in a way it did not expect",
    None = 0 NONE: "no error",
    OffsetOutOfRange = 1 OFFSET_OUT_OF_RANGE: "the offset is outside the range the broker holds",
    CorruptMessage = 2 CORRUPT_MESSAGE retriable:
        "the batch is corrupt: its checksum, its length or its fields are wrong",
    UnknownTopicOrPartition = 3 UNKNOWN_TOPIC_OR_PARTITION retriable:
        "this broker does not host the topic or partition",
    InvalidFetchSize = 4 INVALID_FETCH_SIZE: "the fetch size is not valid",
    LeaderNotAvailable = 5 LEADER_NOT_AVAILABLE retriable:
        "the partition has no leader at the moment",
    NotLeaderOrFollower = 6 NOT_LEADER_OR_FOLLOWER retriable:
        "this broker does not lead or follow the partition; refresh metadata",
    RequestTimedOut = 7 REQUEST_TIMED_OUT retriable: "the request took longer than its timeout",
    BrokerNotAvailable = 8 BROKER_NOT_AVAILABLE: "the broker is not available",
    ReplicaNotAvailable = 9 REPLICA_NOT_AVAILABLE retriable: "the replica is not available",
    MessageTooLarge = 10 MESSAGE_TOO_LARGE: "the batch is larger than the topic allows",
    StaleControllerEpoch = 11 STALE_CONTROLLER_EPOCH:
        "the controller has moved on to a later epoch",
    OffsetMetadataTooLarge = 12 OFFSET_METADATA_TOO_LARGE: "the offset's metadata text is too long",
    NetworkException = 13 NETWORK_EXCEPTION retriable: "the connection broke before an answer came",
    CoordinatorLoadInProgress = 14 COORDINATOR_LOAD_IN_PROGRESS retriable:
        "the coordinator is still loading its state",
    CoordinatorNotAvailable = 15 COORDINATOR_NOT_AVAILABLE retriable:
        "the coordinator is not available",
    NotCoordinator = 16 NOT_COORDINATOR retriable:
        "this broker is not the coordinator of the group or transaction",
    InvalidTopicException = 17 INVALID_TOPIC_EXCEPTION: "the topic name is not valid",
    RecordListTooLarge = 18 RECORD_LIST_TOO_LARGE: "the batches together are larger than a segment",
    NotEnoughReplicas = 19 NOT_ENOUGH_REPLICAS retriable:
        "fewer replicas are in sync than min.insync.replicas asks for",
    NotEnoughReplicasAfterAppend = 20 NOT_ENOUGH_REPLICAS_AFTER_APPEND retriable:
        "the records were written, then fewer replicas were in sync than asked for",
    InvalidRequiredAcks = 21 INVALID_REQUIRED_ACKS: "acks must be -1, 0 or 1",
    IllegalGeneration = 22 ILLEGAL_GENERATION: "the generation is not the group's current one",
    InconsistentGroupProtocol = 23 INCONSISTENT_GROUP_PROTOCOL:
        "the member's protocols or protocol type do not fit the group's",
    InvalidGroupId = 24 INVALID_GROUP_ID: "the group id is not valid",
    UnknownMemberId = 25 UNKNOWN_MEMBER_ID: "the member is not in the group",
    InvalidSessionTimeout = 26 INVALID_SESSION_TIMEOUT:
        "the session timeout is outside what the broker allows",
    RebalanceInProgress = 27 REBALANCE_IN_PROGRESS: "the group is rebalancing, join again",
    InvalidCommitOffsetSize = 28 INVALID_COMMIT_OFFSET_SIZE:
        "the offset's metadata is too large to commit",
    TopicAuthorizationFailed = 29 TOPIC_AUTHORIZATION_FAILED: "not authorized for the topic",
    GroupAuthorizationFailed = 30 GROUP_AUTHORIZATION_FAILED: "not authorized for the group",
    ClusterAuthorizationFailed = 31 CLUSTER_AUTHORIZATION_FAILED: "not authorized for the cluster",
    InvalidTimestamp = 32 INVALID_TIMESTAMP: "a timestamp is outside what the topic allows",
    UnsupportedSaslMechanism = 33 UNSUPPORTED_SASL_MECHANISM:
        "the broker does not offer this SASL mechanism",
    IllegalSaslState = 34 ILLEGAL_SASL_STATE:
        "the request does not fit the SASL exchange at this point",
    UnsupportedVersion = 35 UNSUPPORTED_VERSION:
        "the broker does not speak this version of the request",
    TopicAlreadyExists = 36 TOPIC_ALREADY_EXISTS: "a topic of this name exists already",
    InvalidPartitions = 37 INVALID_PARTITIONS: "the number of partitions is not valid",
    InvalidReplicationFactor = 38 INVALID_REPLICATION_FACTOR:
        "the replication factor is not valid, or larger than the number of brokers",
    InvalidReplicaAssignment = 39 INVALID_REPLICA_ASSIGNMENT: "the replica assignment is not valid",
    InvalidConfig = 40 INVALID_CONFIG: "the configuration is not valid",
    NotController = 41 NOT_CONTROLLER retriable: "this node is not the active controller",
    InvalidRequest = 42 INVALID_REQUEST: "the request contradicts itself or the protocol",
    UnsupportedForMessageFormat = 43 UNSUPPORTED_FOR_MESSAGE_FORMAT:
        "the message format of the topic does not support this request",
    PolicyViolation = 44 POLICY_VIOLATION: "the request breaks a policy",
    OutOfOrderSequenceNumber = 45 OUT_OF_ORDER_SEQUENCE_NUMBER:
        "the producer's sequence number does not follow its last one",
    DuplicateSequenceNumber = 46 DUPLICATE_SEQUENCE_NUMBER:
        "the producer's sequence number has been seen already",
    InvalidProducerEpoch = 47 INVALID_PRODUCER_EPOCH:
        "a later incarnation of the producer has written",
    InvalidTxnState = 48 INVALID_TXN_STATE: "the transaction's state does not allow this",
    InvalidProducerIdMapping = 49 INVALID_PRODUCER_ID_MAPPING:
        "the producer id does not belong to the transactional id",
    InvalidTransactionTimeout = 50 INVALID_TRANSACTION_TIMEOUT:
        "the transaction timeout is longer than the broker allows",
    ConcurrentTransactions = 51 CONCURRENT_TRANSACTIONS retriable:
        "another operation on the same transaction is under way",
    TransactionCoordinatorFenced = 52 TRANSACTION_COORDINATOR_FENCED:
        "a later coordinator of the transaction exists",
    TransactionalIdAuthorizationFailed = 53 TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
        "not authorized for the transactional id",
    SecurityDisabled = 54 SECURITY_DISABLED: "security is not configured",
    OperationNotAttempted = 55 OPERATION_NOT_ATTEMPTED: "the operation was not attempted",
    KafkaStorageError = 56 KAFKA_STORAGE_ERROR retriable: "the disk failed under the partition",
    LogDirNotFound = 57 LOG_DIR_NOT_FOUND: "there is no such log directory",
    SaslAuthenticationFailed = 58 SASL_AUTHENTICATION_FAILED: "authentication failed",
    UnknownProducerId = 59 UNKNOWN_PRODUCER_ID: "the producer's state is no longer held",
    ReassignmentInProgress = 60 REASSIGNMENT_IN_PROGRESS:
        "a reassignment of the partition is under way",
    DelegationTokenAuthDisabled = 61 DELEGATION_TOKEN_AUTH_DISABLED:
        "delegation tokens are not enabled",
    DelegationTokenNotFound = 62 DELEGATION_TOKEN_NOT_FOUND: "there is no such delegation token",
    DelegationTokenOwnerMismatch = 63 DELEGATION_TOKEN_OWNER_MISMATCH:
        "the delegation token belongs to somebody else",
    DelegationTokenRequestNotAllowed = 64 DELEGATION_TOKEN_REQUEST_NOT_ALLOWED:
        "delegation tokens are not handed out over this kind of connection",
    DelegationTokenAuthorizationFailed = 65 DELEGATION_TOKEN_AUTHORIZATION_FAILED:
        "not authorized for the delegation token",
    DelegationTokenExpired = 66 DELEGATION_TOKEN_EXPIRED: "the delegation token has expired",
    InvalidPrincipalType = 67 INVALID_PRINCIPAL_TYPE: "the type of principal is not supported",
    NonEmptyGroup = 68 NON_EMPTY_GROUP: "the group is not empty",
    GroupIdNotFound = 69 GROUP_ID_NOT_FOUND: "there is no such group",
    FetchSessionIdNotFound = 70 FETCH_SESSION_ID_NOT_FOUND retriable:
        "there is no such fetch session",
    InvalidFetchSessionEpoch = 71 INVALID_FETCH_SESSION_EPOCH retriable:
        "the fetch session's epoch is not the next one",
    ListenerNotFound = 72 LISTENER_NOT_FOUND retriable:
        "the leader does not offer the listener the request came by",
    TopicDeletionDisabled = 73 TOPIC_DELETION_DISABLED: "deleting topics is not enabled",
    FencedLeaderEpoch = 74 FENCED_LEADER_EPOCH retriable:
        "the leader epoch in the request is older than the broker's",
    UnknownLeaderEpoch = 75 UNKNOWN_LEADER_EPOCH retriable:
        "the leader epoch in the request is newer than the broker's",
    UnsupportedCompressionType = 76 UNSUPPORTED_COMPRESSION_TYPE:
        "this version of the request cannot carry the compression in use",
    StaleBrokerEpoch = 77 STALE_BROKER_EPOCH: "the broker has registered anew since",
    OffsetNotAvailable = 78 OFFSET_NOT_AVAILABLE retriable:
        "the leader does not know yet how far the partition is committed",
    MemberIdRequired = 79 MEMBER_ID_REQUIRED:
        "the group wants the member to join again with the id it was given",
    PreferredLeaderNotAvailable = 80 PREFERRED_LEADER_NOT_AVAILABLE retriable:
        "the preferred leader is not available",
    GroupMaxSizeReached = 81 GROUP_MAX_SIZE_REACHED: "the group is full",
    FencedInstanceId = 82 FENCED_INSTANCE_ID: "another member with the same instance id has joined",
    EligibleLeadersNotAvailable = 83 ELIGIBLE_LEADERS_NOT_AVAILABLE retriable:
        "no eligible leader is available",
    ElectionNotNeeded = 84 ELECTION_NOT_NEEDED retriable:
        "the partition has the leader it should have",
    NoReassignmentInProgress = 85 NO_REASSIGNMENT_IN_PROGRESS: "no reassignment is under way",
    GroupSubscribedToTopic = 86 GROUP_SUBSCRIBED_TO_TOPIC: "the group is subscribed to the topic",
    InvalidRecord = 87 INVALID_RECORD: "the broker refused a record",
    UnstableOffsetCommit = 88 UNSTABLE_OFFSET_COMMIT retriable:
        "offsets of an unfinished transaction stand in the way",
    ThrottlingQuotaExceeded = 89 THROTTLING_QUOTA_EXCEEDED retriable:
        "the quota is exceeded, try again later",
    ProducerFenced = 90 PRODUCER_FENCED: "a later incarnation of the producer exists",
    ResourceNotFound = 91 RESOURCE_NOT_FOUND: "the resource does not exist",
    DuplicateResource = 92 DUPLICATE_RESOURCE: "the request names a resource twice",
    UnacceptableCredential = 93 UNACCEPTABLE_CREDENTIAL:
        "the credential does not meet the requirements",
    InconsistentVoterSet = 94 INCONSISTENT_VOTER_SET:
        "the sender and the receiver know different sets of voters",
    InvalidUpdateVersion = 95 INVALID_UPDATE_VERSION: "the version of the update is not valid",
    FeatureUpdateFailed = 96 FEATURE_UPDATE_FAILED: "the feature could not be set to this level",
    PrincipalDeserializationFailure = 97 PRINCIPAL_DESERIALIZATION_FAILURE:
        "the principal in the forwarded request cannot be read",
    SnapshotNotFound = 98 SNAPSHOT_NOT_FOUND: "there is no such snapshot",
    PositionOutOfRange = 99 POSITION_OUT_OF_RANGE: "the position is not within the snapshot",
    UnknownTopicId = 100 UNKNOWN_TOPIC_ID retriable:
        "this broker does not host a topic with this id",
    DuplicateBrokerRegistration = 101 DUPLICATE_BROKER_REGISTRATION:
        "a live broker is registered under this id",
    BrokerIdNotRegistered = 102 BROKER_ID_NOT_REGISTERED: "the broker is not registered",
    InconsistentTopicId = 103 INCONSISTENT_TOPIC_ID retriable:
        "the topic's id in the log differs from the one in the request",
    InconsistentClusterId = 104 INCONSISTENT_CLUSTER_ID: "the node belongs to another cluster",
    TransactionalIdNotFound = 105 TRANSACTIONAL_ID_NOT_FOUND: "there is no such transactional id",
    FetchSessionTopicIdError = 106 FETCH_SESSION_TOPIC_ID_ERROR retriable:
        "topic ids were used in a session without them, or the other way round",
    IneligibleReplica = 107 INELIGIBLE_REPLICA: "the replica may not join the in-sync set",
    NewLeaderElected = 108 NEW_LEADER_ELECTED:
        "the controller has elected a leader in answer to the request",
    OffsetMovedToTieredStorage = 109 OFFSET_MOVED_TO_TIERED_STORAGE:
        "the offset is in remote storage",
    FencedMemberEpoch = 110 FENCED_MEMBER_EPOCH:
        "the member's epoch is older than the coordinator's; join again",
    UnreleasedInstanceId = 111 UNRELEASED_INSTANCE_ID: "another member still uses the instance id",
    UnsupportedAssignor = 112 UNSUPPORTED_ASSIGNOR:
        "the assignor is not supported, or not by every member",
    StaleMemberEpoch = 113 STALE_MEMBER_EPOCH:
        "the member's epoch is not the current one; heartbeat, then try again",
    MismatchedEndpointType = 114 MISMATCHED_ENDPOINT_TYPE:
        "the request went to the wrong kind of endpoint",
    UnsupportedEndpointType = 115 UNSUPPORTED_ENDPOINT_TYPE:
        "this kind of endpoint is not supported",
    UnknownControllerId = 116 UNKNOWN_CONTROLLER_ID: "there is no such controller",
    UnknownSubscriptionId = 117 UNKNOWN_SUBSCRIPTION_ID: "there is no such telemetry subscription",
    TelemetryTooLarge = 118 TELEMETRY_TOO_LARGE: "the telemetry is larger than the broker takes",
    InvalidRegistration = 119 INVALID_REGISTRATION: "the registration is not valid",
    TransactionAbortable = 120 TRANSACTION_ABORTABLE: "the transaction must be aborted",
    InvalidRecordState = 121 INVALID_RECORD_STATE: "the record is not in a state that allows this",
    ShareSessionNotFound = 122 SHARE_SESSION_NOT_FOUND retriable: "there is no such share session",
    InvalidShareSessionEpoch = 123 INVALID_SHARE_SESSION_EPOCH retriable:
        "the share session's epoch is not the next one",
    FencedStateEpoch = 124 FENCED_STATE_EPOCH: "the share coordinator's state epoch is later",
    InvalidVoterKey = 125 INVALID_VOTER_KEY: "the voter's directory id does not match",
    DuplicateVoter = 126 DUPLICATE_VOTER: "the voter is in the set already",
    VoterNotFound = 127 VOTER_NOT_FOUND: "the voter is not in the set",
    InvalidRegularExpression = 128 INVALID_REGULAR_EXPRESSION:
        "the regular expression is not valid",
    RebootstrapRequired = 129 REBOOTSTRAP_REQUIRED:
        "the client must start over from its bootstrap servers",
    StreamsInvalidTopology = 130 STREAMS_INVALID_TOPOLOGY: "the topology is not valid",
    StreamsInvalidTopologyEpoch = 131 STREAMS_INVALID_TOPOLOGY_EPOCH:
        "the epoch of the topology is not valid",
    StreamsTopologyFenced = 132 STREAMS_TOPOLOGY_FENCED:
        "the topology is not the group's current one",
    ShareSessionLimitReached = 133 SHARE_SESSION_LIMIT_REACHED retriable:
        "the broker holds as many share sessions as it may",
    GroupDeletionFailed = 134 GROUP_DELETION_FAILED: "the group could not be deleted",
    StreamsTopologyDescriptionUpdateFailed = 135 STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED:
        "the description of the topology could not be stored",
    ControllerIdNotRegistered = 136 CONTROLLER_ID_NOT_REGISTERED:
        "the controller is not registered",
}

impl ErrorCode {
    /// The number on the wire.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// Whether there is no error.
    pub const fn is_none(self) -> bool {
        matches!(self, Self::None)
    }
}

impl From<ErrorCode> for i16 {
    fn from(error: ErrorCode) -> Self {
        error.code()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_dense_and_each_others_inverse() {
        for (code, &error) in (-1..).zip(ErrorCode::ALL) {
            assert_eq!(error.code(), code);
            assert_eq!(ErrorCode::from_code(code), error);
        }
        assert_eq!(ErrorCode::ALL.len(), 138);
        assert_eq!(ErrorCode::from_code(137), ErrorCode::UnknownServerError);
        assert_eq!(
            ErrorCode::from_code(i16::MIN),
            ErrorCode::UnknownServerError
        );
    }

    #[test]
    fn names_and_retries_are_kafkas() {
        let names = [
            (1, "OFFSET_OUT_OF_RANGE"),
            (17, "INVALID_TOPIC_EXCEPTION"),
            (59, "UNKNOWN_PRODUCER_ID"),
        ];
        for (code, name) in names {
            assert_eq!(ErrorCode::from_code(code).name(), name);
        }
        assert!(ErrorCode::NotLeaderOrFollower.is_retriable());
        assert!(!ErrorCode::MessageTooLarge.is_retriable());
        assert!(ErrorCode::None.is_none());
    }
}
