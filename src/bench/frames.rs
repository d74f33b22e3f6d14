//! Requests framed once and patched in place. Pure.

use std::ops::Range;

use crate::model::Uuid;
use crate::protocol::frame;
use crate::protocol::message::Message;
use crate::protocol::message::fetch::{FetchPartition, FetchRequest, FetchTopic};
use crate::protocol::message::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use crate::protocol::wire::{Encoded, RecordsField};

/// What brokers know the load by.
pub(super) const CLIENT_ID: &str = "klamm-bench";
/// Behind the frame's length, the API key and the version.
const CORRELATION_ID: usize = 8;
/// How long a broker may take over a batch, as Kafka's clients say it.
const PRODUCE_TIMEOUT_MS: i32 = 30_000;

/// The topic of a run, and the versions agreed on one connection.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) topic: String,
    pub(super) topic_id: Uuid,
    pub(super) produce_version: i16,
    pub(super) fetch_version: i16,
}

/// Writes the correlation id of a framed request.
pub(super) fn set_correlation_id(frame: &mut [u8], id: i32) {
    frame[CORRELATION_ID..CORRELATION_ID + 4].copy_from_slice(&id.to_be_bytes());
}

/// Where one batch of a framed produce request is.
#[derive(Clone, Debug)]
pub(super) struct BatchPlace {
    pub(super) batch: Range<usize>,
    partition_at: usize,
}

impl BatchPlace {
    /// Sends the batch to another partition.
    pub(super) fn set_partition(&self, frame: &mut [u8], partition: i32) {
        frame[self.partition_at..self.partition_at + 4].copy_from_slice(&partition.to_be_bytes());
    }
}

/// Frames a produce request of batches that are already there, `(partition, bytes)`, into `out`.
pub(super) fn frame_produce(
    out: &mut Vec<u8>,
    places: &mut Vec<BatchPlace>,
    route: &Route,
    acks: i16,
    batches: &[(i32, &[u8])],
) {
    let data = |(index, bytes): &(i32, &[u8])| PartitionProduceData {
        index: *index,
        records: Some(RecordsField::Spliced(bytes.len())),
    };
    let request = ProduceRequest {
        acks,
        timeout_ms: PRODUCE_TIMEOUT_MS,
        topic_data: vec![TopicProduceData {
            name: &route.topic,
            topic_id: route.topic_id,
            partition_data: batches.iter().map(data).collect(),
        }],
        ..Default::default()
    };
    let encoded = frame::request(&request, route.produce_version, 0, Some(CLIENT_ID));
    let encoded = encoded.expect("an agreed version carries what a load sends");
    join(out, places, route.produce_version, &encoded, batches);
}

fn join(
    out: &mut Vec<u8>,
    places: &mut Vec<BatchPlace>,
    version: i16,
    encoded: &Encoded,
    batches: &[(i32, &[u8])],
) {
    let flexible = ProduceRequest::FLEXIBLE.contain(version);
    out.clear();
    places.clear();
    let mut from = 0;
    for (splice, (_, bytes)) in encoded.splices.iter().zip(batches) {
        out.extend_from_slice(&encoded.head[from..splice.position]);
        from = splice.position;
        let at = out.len();
        let length_bytes = if flexible {
            uvarint_bytes(bytes.len() + 1)
        } else {
            4
        };
        places.push(BatchPlace {
            batch: at..at + bytes.len(),
            partition_at: at - length_bytes - 4,
        });
        out.extend_from_slice(bytes);
    }
    out.extend_from_slice(&encoded.head[from..]);
}

fn uvarint_bytes(value: usize) -> usize {
    let bits = usize::BITS - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// A fetch request of a fixed number of partitions without a session.
#[derive(Clone, Debug)]
pub(super) struct FetchFrame {
    pub(super) bytes: Vec<u8>,
    /// Where each partition's index and offset stand.
    places: Vec<(usize, usize)>,
}

/// How much a fetch asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct FetchBounds {
    pub(super) wait_ms_max: i32,
    pub(super) bytes_max: i32,
}

impl FetchFrame {
    /// Frames the request; partitions and offsets are set by [`FetchFrame::set`].
    pub(super) fn new(route: &Route, partitions: usize, bounds: FetchBounds) -> Self {
        let partition = |index| FetchPartition {
            fetch_offset: MARK + index as i64,
            partition_max_bytes: bounds.bytes_max,
            ..Default::default()
        };
        let request = FetchRequest {
            max_wait_ms: bounds.wait_ms_max,
            min_bytes: 1,
            max_bytes: bounds.bytes_max,
            topics: vec![FetchTopic {
                topic: route.topic.clone(),
                topic_id: route.topic_id,
                partitions: (0..partitions).map(partition).collect(),
            }],
            ..Default::default()
        };
        let encoded = frame::request(&request, route.fetch_version, 0, Some(CLIENT_ID));
        let bytes = encoded
            .expect("an agreed version carries what a load sends")
            .head;
        let places = find_marks(&bytes, partitions, route.fetch_version);
        Self { bytes, places }
    }

    /// The partition and offset at one place of the request.
    pub(super) fn set(&mut self, place: usize, partition: i32, offset: i64) {
        let (partition_at, offset_at) = self.places[place];
        self.bytes[partition_at..partition_at + 4].copy_from_slice(&partition.to_be_bytes());
        self.bytes[offset_at..offset_at + 8].copy_from_slice(&offset.to_be_bytes());
    }
}

/// Stands for the offsets of a request that is framed for the first time; no other field of it can
/// hold this.
const MARK: i64 = 0x6d61_726b_0000_0000;

fn find_marks(bytes: &[u8], partitions: usize, version: i16) -> Vec<(usize, usize)> {
    // Between a partition's index and its offset version 9 has the leader's epoch.
    let before = if version >= 9 { 8 } else { 4 };
    let mut from = 0;
    let place = |index: usize| {
        let mark = (MARK + index as i64).to_be_bytes();
        let found = bytes[from..].windows(8).position(|window| window == mark);
        let offset_at = from + found.expect("each offset is in the request");
        from = offset_at + 8;
        (offset_at - before, offset_at)
    };
    (0..partitions).map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::frame::RequestHead;

    fn route(version: i16) -> Route {
        Route {
            topic: "orders".to_owned(),
            topic_id: Uuid::from_u128(77),
            produce_version: version,
            fetch_version: version,
        }
    }

    #[test]
    fn a_produce_frame_is_patched_in_every_version() {
        for version in 3..=13 {
            let (mut out, mut places) = (Vec::new(), Vec::new());
            let batches = [(0, &[1u8; 100][..]), (0, &[2; 200])];
            frame_produce(&mut out, &mut places, &route(version), -1, &batches);
            set_correlation_id(&mut out, 4711);
            places[0].set_partition(&mut out, 5);
            places[1].set_partition(&mut out, 6);
            assert_eq!(out[places[1].batch.clone()], [2; 200]);
            let (head, mut body) = RequestHead::parse(&out[4..]).unwrap();
            assert_eq!(head.correlation_id, 4711);
            let request = ProduceRequest::decode(&mut body, version).unwrap();
            let data = &request.topic_data[0].partition_data;
            assert_eq!((data[0].index, data[1].index), (5, 6));
            assert_eq!(data[0].records.unwrap().bytes(), Some(&[1; 100][..]));
            body.expect_end().unwrap();
        }
    }

    #[test]
    fn a_fetch_frame_is_patched_in_every_version() {
        let bounds = FetchBounds {
            wait_ms_max: 500,
            bytes_max: 1 << 20,
        };
        for version in 4..=18 {
            let mut frame = FetchFrame::new(&route(version), 3, bounds);
            frame.set(0, 9, 1000);
            frame.set(2, 11, i64::MAX);
            let (_, mut body) = RequestHead::parse(&frame.bytes[4..]).unwrap();
            let request = FetchRequest::decode(&mut body, version).unwrap();
            let partitions = &request.topics[0].partitions;
            assert_eq!(
                (partitions[0].partition, partitions[0].fetch_offset),
                (9, 1000)
            );
            assert_eq!(partitions[2].fetch_offset, i64::MAX);
            assert_eq!(partitions[2].partition, 11);
        }
    }
}
