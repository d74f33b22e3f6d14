//! What AlterConfigs and IncrementalAlterConfigs share: resources that the controller does not
//! get to change, and what their answers say.

use super::controlled::take_refused;
use super::permissions::config_refusal;
use crate::metadata::controller::Access;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::{alter_configs, incremental_alter_configs};

/// A resource as either request names it.
pub(super) trait NamedResource {
    /// The number of its type.
    fn kind(&self) -> i8;
    /// Its name within the type.
    fn name(&self) -> &str;
}

/// A resource that stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unchanged {
    kind: i8,
    name: String,
    code: ErrorCode,
}

/// Takes out of `resources` what the caller may not change.
pub(super) fn take_forbidden<R: NamedResource>(
    caller: &impl Access,
    resources: &mut Vec<R>,
) -> Vec<Unchanged> {
    let refusal = |resource: &R| config_refusal(caller, resource.kind(), resource.name());
    let taken = take_refused(resources, |resource| refusal(resource).is_none());
    let forbidden = taken
        .iter()
        .filter_map(|resource| Some(unchanged(resource, refusal(resource)?)));
    forbidden.collect()
}

/// What becomes of these resources if the disk is full.
pub(super) fn without_storage<R: NamedResource>(resources: &[R]) -> Vec<Unchanged> {
    let failed = |resource| unchanged(resource, ErrorCode::KafkaStorageError);
    resources.iter().map(failed).collect()
}

/// Their part of the response.
pub(super) fn answers<A: From<Unchanged>>(resources: Vec<Unchanged>) -> Vec<A> {
    resources.into_iter().map(A::from).collect()
}

fn unchanged(resource: &impl NamedResource, code: ErrorCode) -> Unchanged {
    Unchanged {
        kind: resource.kind(),
        name: resource.name().to_owned(),
        code,
    }
}

/// Both messages have types of their own for the same fields.
macro_rules! resources_of {
    ($message:ident) => {
        impl NamedResource for $message::AlterConfigsResource {
            fn kind(&self) -> i8 {
                self.resource_type
            }

            fn name(&self) -> &str {
                &self.resource_name
            }
        }

        impl From<Unchanged> for $message::AlterConfigsResourceResponse {
            fn from(resource: Unchanged) -> Self {
                Self {
                    error_code: resource.code.code(),
                    error_message: Some(resource.code.to_string()),
                    resource_type: resource.kind,
                    resource_name: resource.name,
                }
            }
        }
    };
}

resources_of!(alter_configs);
resources_of!(incremental_alter_configs);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::controller::TopicOperation;

    /// May change the topic and the group `mine`, and no broker.
    struct Someone;

    impl Access for Someone {
        fn may(&self, _operation: TopicOperation, topic: &str) -> bool {
            topic == "mine"
        }

        fn may_configure_cluster(&self, _change: bool) -> bool {
            false
        }

        fn may_configure_group(&self, group: &str, _change: bool) -> bool {
            group == "mine"
        }
    }

    #[test]
    fn what_is_forbidden_is_taken_out_and_answered() {
        let named = |(kind, name): (i8, &str)| alter_configs::AlterConfigsResource {
            resource_type: kind,
            resource_name: name.to_owned(),
            ..Default::default()
        };
        let mut resources: Vec<_> = [
            (2, "mine"),
            (2, "other"),
            (4, "1"),
            (32, "mine"),
            (32, "x"),
            (99, "x"),
        ]
        .map(named)
        .into();
        let forbidden = take_forbidden(&Someone, &mut resources);
        let unchanged = |kind, name: &str, code| Unchanged {
            kind,
            name: name.to_owned(),
            code,
        };
        let expected = [
            unchanged(2, "other", ErrorCode::TopicAuthorizationFailed),
            unchanged(4, "1", ErrorCode::ClusterAuthorizationFailed),
            unchanged(32, "x", ErrorCode::GroupAuthorizationFailed),
        ];
        assert_eq!(forbidden, expected);
        let failed = [(2, "mine"), (32, "mine"), (99, "x")];
        let failed = failed.map(|(kind, name)| unchanged(kind, name, ErrorCode::KafkaStorageError));
        assert_eq!(without_storage(&resources), failed);
        let answers: Vec<alter_configs::AlterConfigsResourceResponse> = answers(forbidden);
        assert_eq!((answers[0].error_code, answers[1].error_code), (29, 31));
    }
}
