//! Records about classic groups, whose members join, sync and divide the work themselves.

message! {
    /// Names a classic group.
    GroupMetadataKey: record 2, versions 0..=0 {
        group: String,
    }
}

message! {
    /// A classic group's generation with its members, written when a rebalance has ended.
    ///
    /// Versions: 1 rebalance timeout; 2 time of the last change of state (KIP-211); 3 static
    /// members (KIP-345); 4 flexible.
    GroupMetadataValue: record 2, versions 0..=4, flexible 4.. {
        /// Such as `consumer`; empty for a group that only commits offsets.
        protocol_type: String,
        generation: i32,
        /// The assignment strategy that was chosen; null in a group without members.
        protocol: Option<String> [null],
        /// The leader's member id; null in a group without members.
        leader: Option<String> [null],
        /// Milliseconds since the Unix epoch; −1 if not known.
        current_state_timestamp: i64 [2.., default -1, ignorable],
        members: Vec<MemberMetadata>,
    }

    /// An element of [`GroupMetadataValue::members`]. Timeouts are milliseconds.
    MemberMetadata {
        member_id: String,
        group_instance_id: Option<String> [3.., null, default null, ignorable],
        client_id: String,
        client_host: String,
        /// −1 where it was not kept: the session timeout counts then.
        rebalance_timeout: i32 [1.., default -1, ignorable],
        session_timeout: i32,
        /// What the member said of itself under the chosen strategy.
        subscription: Vec<u8>,
        /// What the leader gave it.
        assignment: Vec<u8>,
    }
}
