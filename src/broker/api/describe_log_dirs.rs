//! DescribeLogDirs (key 35), v1-5
//!
//! Behaviour: the one data directory with the sizes of the partitions asked for, null for all;
//!            partitions that are not there are left out. CLUSTER_AUTHORIZATION_FAILED, from v3
//!            on also told so, unless the caller may describe the cluster.
//! Versions:  v2 flexible · v3 top-level error · v4 volume sizes (KIP-827) · v5 cordoned (KIP-1066)

use std::collections::HashMap;
use std::path::{Path, absolute};

use crate::broker::authorization::{Operation, Resource};
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::CloseConnection;
use crate::metadata::{MetadataImage, TopicImage};
use crate::model::PartitionId;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::describe_log_dirs::{
    DescribableLogDirTopic, DescribeLogDirsPartition, DescribeLogDirsRequest,
    DescribeLogDirsResponse, DescribeLogDirsResult, DescribeLogDirsTopic,
};

type Sizes = HashMap<PartitionId, u64>;

/// Describes the data directory.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    message: DescribeLogDirsRequest,
) -> Result<DescribeLogDirsResponse, CloseConnection> {
    if !cx.may(request, Operation::Describe, Resource::Cluster) {
        let error_code = ErrorCode::ClusterAuthorizationFailed.code();
        return Ok(DescribeLogDirsResponse {
            error_code,
            ..Default::default()
        });
    }
    let sizes = cx.shards.sizes().await?;
    let dir = &cx.identity.data_dir;
    let volume = cx.core.disk().volume(dir).await.ok();
    let result = DescribeLogDirsResult {
        log_dir: absolute_name(dir),
        topics: topics(&cx.image(), &sizes, message.topics.as_deref()),
        total_bytes: volume.map_or(-1, |volume| signed(volume.total_bytes)),
        usable_bytes: volume.map_or(-1, |volume| signed(volume.usable_bytes)),
        ..Default::default()
    };
    Ok(DescribeLogDirsResponse {
        results: vec![result],
        ..Default::default()
    })
}

fn absolute_name(dir: &Path) -> String {
    absolute(dir)
        .unwrap_or_else(|_| dir.to_owned())
        .to_string_lossy()
        .into_owned()
}

fn topics(
    image: &MetadataImage,
    sizes: &Sizes,
    asked: Option<&[DescribableLogDirTopic]>,
) -> Vec<DescribeLogDirsTopic> {
    let described = match asked {
        None => {
            let topics = image.topics.sorted().into_iter();
            topics
                .map(|topic| described(topic, sizes, topic.partitions.keys().copied()))
                .collect()
        }
        Some(asked) => {
            let known = asked
                .iter()
                .filter_map(|asked| Some((asked, image.topic(&asked.topic)?)));
            let one = |(asked, topic): (&DescribableLogDirTopic, &std::sync::Arc<TopicImage>)| {
                described(topic, sizes, asked.partitions.iter().copied())
            };
            known.map(one).collect::<Vec<_>>()
        }
    };
    described
        .into_iter()
        .filter(|topic| !topic.partitions.is_empty())
        .collect()
}

fn described(
    topic: &TopicImage,
    sizes: &Sizes,
    indexes: impl Iterator<Item = i32>,
) -> DescribeLogDirsTopic {
    let partition = |partition_index| {
        let id = PartitionId {
            topic_id: topic.id,
            index: partition_index,
        };
        let partition_size = signed(*sizes.get(&id)?);
        Some(DescribeLogDirsPartition {
            partition_index,
            partition_size,
            ..Default::default()
        })
    };
    DescribeLogDirsTopic {
        name: topic.name.to_string(),
        partitions: indexes.filter_map(partition).collect(),
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Uuid;
    use std::collections::BTreeMap;

    #[test]
    fn partitions_that_are_not_there_are_left_out() {
        let id = Uuid::from_u128(1000);
        let topic = TopicImage {
            name: "a".into(),
            id,
            partitions: BTreeMap::new(),
        };
        let sizes = Sizes::from([(
            PartitionId {
                topic_id: id,
                index: 1,
            },
            77,
        )]);
        let told = described(&topic, &sizes, 0..3);
        let told: Vec<_> = told
            .partitions
            .iter()
            .map(|told| (told.partition_index, told.partition_size))
            .collect();
        assert_eq!(told, [(1, 77)]);
    }

    #[test]
    fn directories_are_told_absolute() {
        assert!(absolute_name(Path::new("data")).starts_with('/'));
        assert_eq!(absolute_name(Path::new("/data")), "/data");
    }
}
