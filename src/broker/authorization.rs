//! The place where every handler asks whether its caller may do what it asks.
//!
//! There is no authorizer yet: everything is allowed, as in Apache Kafka without
//! `authorizer.class.name`. The questions stand in the handlers from the start so that an
//! authorizer changes this file and no other.

/// What a request wants to do, in the words of Kafka's ACLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// Change a resource's shape.
    Alter,
    /// Change a resource's configuration.
    AlterConfigs,
    /// What only brokers do among themselves.
    ClusterAction,
    /// Make a topic.
    Create,
    /// Remove a topic or its records.
    Delete,
    /// See that a resource exists.
    Describe,
    /// See a resource's configuration.
    DescribeConfigs,
    /// Produce without a transactional id but with a producer id.
    IdempotentWrite,
    /// Fetch records.
    Read,
    /// Produce records.
    Write,
}

/// What a request wants to do it to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource<'a> {
    /// The cluster as a whole.
    Cluster,
    /// A consumer group.
    Group(&'a str),
    /// A topic.
    Topic(&'a str),
    /// A transactional producer.
    TransactionalId(&'a str),
}

/// Who sent a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Principal {
    /// `User:ANONYMOUS` on a listener without authentication.
    pub(super) name: &'static str,
}

impl Principal {
    /// The caller on a listener without authentication.
    pub(super) const ANONYMOUS: Self = Self {
        name: "User:ANONYMOUS",
    };
}

/// Decides who may do what.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Authorizer;

impl Authorizer {
    /// Whether `principal` may do `operation` to `resource`.
    pub(super) fn allows(
        &self,
        _principal: &Principal,
        _operation: Operation,
        _resource: Resource<'_>,
    ) -> bool {
        true
    }
}
