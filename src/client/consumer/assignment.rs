//! The partitions one broker is asked for, and how far each has come. Pure.

use super::ConsumerSettings;
use crate::client::error::Refusal;
use crate::model::{Offset, TopicPartition, Uuid};
use crate::protocol::message::fetch::{
    FetchPartition, FetchRequest, FetchTopic, FetchableTopicResponse, PartitionData,
};
use crate::protocol::record::{BatchError, Batches};

/// A partition and the next offset to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assigned {
    pub(super) partition: TopicPartition,
    pub(super) topic_id: Uuid,
    pub(super) position: Offset,
    /// Which assignment of the partition this is; what is fetched for an earlier one is stale.
    pub(super) ticket: u64,
}

/// All partitions asked of one broker.
#[derive(Debug, Default)]
pub(super) struct Assignment {
    partitions: Vec<Assigned>,
}

/// What a partition's part of an answer holds.
#[derive(Debug)]
pub(super) enum Part<'a> {
    /// Records from `fetch_offset` on; the next fetch goes on behind them.
    Records {
        assigned: Assigned,
        fetch_offset: Offset,
        data: &'a PartitionData<'a>,
        bytes: &'a [u8],
    },
    /// Nothing new.
    Nothing,
    /// The broker refuses; the partition is no longer assigned.
    Refused(Assigned, Refusal),
    /// What came are no batches.
    Damaged(Assigned, BatchError),
}

impl Assignment {
    /// Adds partitions.
    pub(super) fn add(&mut self, more: Vec<Assigned>) {
        self.partitions.extend(more);
    }

    /// Takes partitions away.
    pub(super) fn remove(&mut self, partitions: &[TopicPartition]) {
        self.partitions
            .retain(|assigned| !partitions.contains(&assigned.partition));
    }

    /// Whether there is nothing to ask for.
    pub(super) fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    /// The next request, for all partitions, without a session (KIP-227). The order changes from
    /// one request to the next, since a full answer leaves out what comes last.
    pub(super) fn request(&mut self, settings: &ConsumerSettings) -> FetchRequest {
        self.partitions.rotate_left(1);
        let mut topics: Vec<FetchTopic> = Vec::new();
        for assigned in &self.partitions {
            let partition = FetchPartition {
                partition: assigned.partition.partition,
                fetch_offset: assigned.position,
                partition_max_bytes: settings.partition_bytes_max,
                ..Default::default()
            };
            let name = &*assigned.partition.topic;
            match topics.iter_mut().find(|topic| topic.topic == name) {
                Some(topic) => topic.partitions.push(partition),
                None => topics.push(FetchTopic {
                    topic: name.to_owned(),
                    topic_id: assigned.topic_id,
                    partitions: vec![partition],
                }),
            }
        }
        FetchRequest {
            max_wait_ms: settings.fetch_wait_ms_max,
            min_bytes: settings.fetch_bytes_min,
            max_bytes: settings.fetch_bytes_max,
            isolation_level: settings.isolation.level(),
            session_epoch: -1,
            topics,
            ..Default::default()
        }
    }

    /// Takes one partition's part of an answer and moves its position on.
    pub(super) fn on_part<'a>(
        &mut self,
        topic: &FetchableTopicResponse<'_>,
        data: &'a PartitionData<'a>,
    ) -> Part<'a> {
        let is_it = |assigned: &Assigned| {
            let named = *assigned.partition.topic == *topic.topic;
            let identified = topic.topic.is_empty() && assigned.topic_id == topic.topic_id;
            (named || identified) && assigned.partition.partition == data.partition_index
        };
        let Some(index) = self.partitions.iter().position(is_it) else {
            return Part::Nothing;
        };
        if let Err(refusal) = Refusal::check(data.error_code, None) {
            return Part::Refused(self.partitions.swap_remove(index), refusal);
        }
        let bytes = data.records.as_ref().and_then(|records| records.bytes());
        let bytes = bytes.unwrap_or_default();
        let assigned = &mut self.partitions[index];
        let fetch_offset = assigned.position;
        match next_offset(bytes, fetch_offset) {
            Ok(next) if next == fetch_offset => Part::Nothing,
            Ok(next) => {
                assigned.position = next;
                Part::Records {
                    assigned: assigned.clone(),
                    fetch_offset,
                    data,
                    bytes,
                }
            }
            Err(error) => Part::Damaged(self.partitions.swap_remove(index), error),
        }
    }
}

/// The offset behind the last whole batch. A batch that is cut off at the end is normal; bytes
/// without any progress are not.
fn next_offset(bytes: &[u8], position: Offset) -> Result<Offset, BatchError> {
    let mut batches = Batches::new(bytes);
    let last = batches
        .by_ref()
        .map(|batch| batch.header.next_offset())
        .max();
    let next = last.unwrap_or(position).max(position);
    match batches.stopped_by() {
        Some(error) if next == position && !bytes.is_empty() => Err(error),
        _ => Ok(next),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::record::{BatchSpec, RecordParts, build_batch};
    use crate::protocol::wire::RecordsField;

    fn assignment() -> Assignment {
        let of = |partition| Assigned {
            partition: TopicPartition {
                topic: "t".into(),
                partition,
            },
            topic_id: Uuid::from_u128(300),
            position: 5,
            ticket: 0,
        };
        let mut assignment = Assignment::default();
        assignment.add(vec![of(0), of(1)]);
        assignment
    }

    fn batch(base_offset: Offset) -> Vec<u8> {
        let spec = BatchSpec {
            base_offset,
            ..BatchSpec::default()
        };
        build_batch(spec, 0, [RecordParts::default(), RecordParts::default()])
    }

    fn data(bytes: &[u8], error_code: i16) -> PartitionData<'_> {
        PartitionData {
            error_code,
            records: Some(RecordsField::Borrowed(bytes)),
            ..Default::default()
        }
    }

    fn by_id() -> FetchableTopicResponse<'static> {
        FetchableTopicResponse {
            topic_id: Uuid::from_u128(300),
            ..Default::default()
        }
    }

    #[test]
    fn positions_move_behind_whole_batches() {
        let mut assignment = assignment();
        let mut bytes = [batch(4), batch(6)].concat();
        bytes.extend_from_slice(&batch(8)[..30]);
        let data = data(&bytes, 0);
        let Part::Records { fetch_offset, .. } = assignment.on_part(&by_id(), &data) else {
            panic!("there are records");
        };
        assert_eq!(fetch_offset, 5);
        let request = assignment.request(&ConsumerSettings::default());
        let offsets: Vec<_> = request.topics[0]
            .partitions
            .iter()
            .map(|p| p.fetch_offset)
            .collect();
        assert_eq!(offsets, [5, 8], "and the order has changed");
    }

    #[test]
    fn an_empty_answer_is_nothing() {
        let mut assignment = assignment();
        let empty = data(&[], 0);
        assert!(matches!(
            assignment.on_part(&by_id(), &empty),
            Part::Nothing
        ));
    }

    #[test]
    fn refused_and_damaged_partitions_are_given_back() {
        let mut assignment = assignment();
        let refused = data(&[], 6);
        let part = assignment.on_part(&by_id(), &refused);
        assert!(matches!(part, Part::Refused(_, refusal) if refusal.is_stale_metadata()));
        let zeros = [0; 100];
        let damaged = PartitionData {
            partition_index: 1,
            ..data(&zeros, 0)
        };
        let part = assignment.on_part(&by_id(), &damaged);
        assert!(matches!(part, Part::Damaged(_, BatchError::Length(0))));
        assert!(assignment.is_empty());
    }
}
