//! What a caller may do, as bit fields of responses and as the controller asks it (KIP-430).

use crate::broker::authorization::{Operation, Resource};
use crate::broker::context::{Context, Request};
use crate::metadata::ResourceType;
use crate::metadata::controller::{Access, TopicOperation};
use crate::protocol::error_code::ErrorCode;

/// What can be done to a topic, each with its number in Kafka's `AclOperation`.
const OF_TOPIC: [(Operation, u8); 8] = [
    (Operation::Read, 3),
    (Operation::Write, 4),
    (Operation::Create, 5),
    (Operation::Delete, 6),
    (Operation::Alter, 7),
    (Operation::Describe, 8),
    (Operation::DescribeConfigs, 10),
    (Operation::AlterConfigs, 11),
];

/// What can be done to the cluster.
const OF_CLUSTER: [(Operation, u8); 7] = [
    (Operation::Create, 5),
    (Operation::Alter, 7),
    (Operation::Describe, 8),
    (Operation::ClusterAction, 9),
    (Operation::DescribeConfigs, 10),
    (Operation::AlterConfigs, 11),
    (Operation::IdempotentWrite, 12),
];

/// What can be done to a group.
const OF_GROUP: [(Operation, u8); 5] = [
    (Operation::Read, 3),
    (Operation::Delete, 6),
    (Operation::Describe, 8),
    (Operation::DescribeConfigs, 10),
    (Operation::AlterConfigs, 11),
];

/// Everything the caller may do to a topic.
pub(super) fn topic_operations(cx: &Context, request: &Request, topic: &str) -> i32 {
    bits(&OF_TOPIC, |operation| {
        cx.may(request, operation, Resource::Topic(topic))
    })
}

/// Everything the caller may do to a group.
pub(super) fn group_operations(cx: &Context, request: &Request, group: &str) -> i32 {
    bits(&OF_GROUP, |operation| {
        cx.may(request, operation, Resource::Group(group))
    })
}

/// Everything the caller may do to the cluster; nothing if that is not for the caller to know.
pub(super) fn cluster_operations(cx: &Context, request: &Request) -> i32 {
    let may = |operation| cx.may(request, operation, Resource::Cluster);
    if may(Operation::Describe) {
        bits(&OF_CLUSTER, may)
    } else {
        0
    }
}

fn bits(operations: &[(Operation, u8)], may: impl Fn(Operation) -> bool) -> i32 {
    let granted = operations.iter().filter(|(operation, _)| may(*operation));
    granted.fold(0, |bits, (_, number)| bits | 1 << number)
}

/// The caller as the controller's pure functions ask about it.
#[derive(Clone, Copy)]
pub(super) struct Caller<'a> {
    /// Where authorisation is asked.
    pub(super) cx: &'a Context,
    /// Whose request it is.
    pub(super) request: &'a Request,
}

impl Access for Caller<'_> {
    fn may(&self, operation: TopicOperation, topic: &str) -> bool {
        let operation = match operation {
            TopicOperation::Create => return may_create(self.cx, self.request, topic),
            TopicOperation::Delete => Operation::Delete,
            TopicOperation::Alter => Operation::Alter,
            TopicOperation::Describe => Operation::Describe,
            TopicOperation::AlterConfigs => Operation::AlterConfigs,
            TopicOperation::DescribeConfigs => Operation::DescribeConfigs,
        };
        self.cx.may(self.request, operation, Resource::Topic(topic))
    }

    fn may_configure_cluster(&self, change: bool) -> bool {
        let operation = if change {
            Operation::AlterConfigs
        } else {
            Operation::DescribeConfigs
        };
        self.cx.may(self.request, operation, Resource::Cluster)
    }

    fn may_configure_group(&self, group: &str, change: bool) -> bool {
        let operation = if change {
            Operation::AlterConfigs
        } else {
            Operation::DescribeConfigs
        };
        self.cx.may(self.request, operation, Resource::Group(group))
    }
}

/// Whether the caller may create a topic of this name: any topic, or just this one.
pub(super) fn may_create(cx: &Context, request: &Request, topic: &str) -> bool {
    cx.may(request, Operation::Create, Resource::Cluster)
        || cx.may(request, Operation::Create, Resource::Topic(topic))
}

/// Why nothing comes of a request about access rules, which needs `operation` on the cluster: there
/// is no authorizer. The text is that of the request; admin tools show it.
pub(super) fn no_authorizer(
    cx: &Context,
    request: &Request,
    operation: Operation,
    text: &str,
) -> (ErrorCode, String) {
    if cx.may(request, operation, Resource::Cluster) {
        return (ErrorCode::SecurityDisabled, text.to_owned());
    }
    let code = ErrorCode::ClusterAuthorizationFailed;
    (code, code.to_string())
}

/// Why the caller may not change the configuration of a resource, if so; a type that is not known
/// is for the controller to refuse.
pub(super) fn config_refusal(caller: &impl Access, kind: i8, name: &str) -> Option<ErrorCode> {
    match ResourceType::from_number(kind) {
        ResourceType::Topic => (!caller.may(TopicOperation::AlterConfigs, name))
            .then_some(ErrorCode::TopicAuthorizationFailed),
        ResourceType::Group => {
            (!caller.may_configure_group(name, true)).then_some(ErrorCode::GroupAuthorizationFailed)
        }
        ResourceType::Broker | ResourceType::BrokerLogger | ResourceType::ClientMetrics => {
            (!caller.may_configure_cluster(true)).then_some(ErrorCode::ClusterAuthorizationFailed)
        }
        ResourceType::Other(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_kafkas_numbers() {
        assert_eq!(bits(&OF_TOPIC, |_| true), 3576);
        assert_eq!(bits(&OF_CLUSTER, |_| true), 8096);
        assert_eq!(bits(&OF_GROUP, |_| true), 3400);
        assert_eq!(bits(&OF_TOPIC, |operation| operation == Operation::Read), 8);
    }
}
