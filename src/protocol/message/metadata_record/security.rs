//! Records about access rules, credentials and tokens.

use crate::model::Uuid;

message! {
    /// An access rule exists.
    AccessControlEntryRecord: record 18, versions 0..=0, flexible 0.. {
        id: Uuid,
        resource_type: i8,
        resource_name: String,
        pattern_type: i8,
        principal: String,
        host: String,
        operation: i8,
        permission_type: i8,
    }
}

message! {
    /// An access rule is gone.
    RemoveAccessControlEntryRecord: record 19, versions 0..=0, flexible 0.. {
        id: Uuid,
    }
}

message! {
    /// A user has a SCRAM credential.
    UserScramCredentialRecord: record 11, versions 0..=0, flexible 0.. {
        name: String,
        mechanism: i8,
        salt: Vec<u8>,
        stored_key: Vec<u8>,
        server_key: Vec<u8>,
        iterations: i32,
    }
}

message! {
    /// A SCRAM credential is gone.
    RemoveUserScramCredentialRecord: record 22, versions 0..=0, flexible 0.. {
        name: String,
        mechanism: i8,
    }
}

message! {
    /// A delegation token exists.
    DelegationTokenRecord: record 10, versions 0..=0, flexible 0.. {
        owner: String,
        requester: String,
        renewers: Vec<String>,
        issue_timestamp: i64,
        max_timestamp: i64,
        expiration_timestamp: i64,
        token_id: String,
    }
}

message! {
    /// A delegation token is gone.
    RemoveDelegationTokenRecord: record 26, versions 0..=0, flexible 0.. {
        token_id: String,
    }
}
