//! Whether a broker looks at what it is sent: it gets two damaged batches.

use std::sync::Arc;
use std::time::Duration;

use super::BenchError;
use super::report::{CorruptionCheck, CorruptionOutcome};
use super::topic::BenchTopic;
use crate::client::{ClientError, Cluster, Connection};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::produce::{
    PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData,
};
use crate::protocol::record::{
    BATCH_HEADER_BYTES, BatchHeader, BatchSpec, RecordParts, build_batch, write_header,
};
use crate::protocol::wire::RecordsField;

/// A fresh partition may not be ready at once.
const TRIES_MAX: usize = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// Sends a batch with a wrong checksum, and one whose checksum is right and whose record is
/// malformed, to a topic of their own that is deleted again.
pub fn check_corruption(
    cluster: &Arc<Cluster>,
    topic_name: &str,
) -> Result<CorruptionCheck, BenchError> {
    let topic = BenchTopic::create(cluster, topic_name, 1, Vec::new())?;
    let checked = check(&topic);
    let deleted = topic.delete();
    let checked = checked?;
    deleted.map(|()| checked)
}

fn check(topic: &BenchTopic) -> Result<CorruptionCheck, BenchError> {
    topic.ends()?;
    Ok(CorruptionCheck {
        wrong_crc: outcome(topic, &wrong_crc())?,
        malformed_record: outcome(topic, &malformed_record())?,
    })
}

fn outcome(topic: &BenchTopic, batch: &[u8]) -> Result<CorruptionOutcome, BenchError> {
    let mut last = ErrorCode::None;
    for _ in 0..TRIES_MAX {
        last = match send(topic, batch) {
            Ok(code) => code,
            Err(BenchError::Client(ClientError::Closed { .. })) => {
                return Ok(CorruptionOutcome::Unclear(
                    "it closed the connection".to_owned(),
                ));
            }
            Err(error) => return Err(error),
        };
        match last {
            ErrorCode::None => return Ok(CorruptionOutcome::Taken),
            ErrorCode::CorruptMessage | ErrorCode::InvalidRecord => {
                return Ok(CorruptionOutcome::Refused(last.name().to_owned()));
            }
            code if !code.is_retriable() => break,
            _ => std::thread::sleep(PAUSE),
        }
    }
    Ok(CorruptionOutcome::Unclear(last.name().to_owned()))
}

/// Sends one batch on a connection of its own and gives the code it is answered with.
fn send(topic: &BenchTopic, batch: &[u8]) -> Result<ErrorCode, BenchError> {
    let mut connection: Connection = topic.cluster().open(topic.leader())?;
    let route = topic.route(&connection)?;
    let request = ProduceRequest {
        acks: -1,
        timeout_ms: 10_000,
        topic_data: vec![TopicProduceData {
            name: &route.topic,
            topic_id: route.topic_id,
            partition_data: vec![PartitionProduceData {
                index: 0,
                records: Some(RecordsField::Borrowed(batch)),
            }],
        }],
        ..Default::default()
    };
    let answer = connection.call(&request)?;
    let response: ProduceResponse<'_> = answer.decode()?;
    let mut partitions = response
        .responses
        .iter()
        .flat_map(|t| &t.partition_responses);
    let code = partitions
        .next()
        .map_or(-1, |partition| partition.error_code);
    Ok(ErrorCode::from_code(code))
}

fn sound() -> Vec<u8> {
    let record = RecordParts {
        key: None,
        value: Some(&[7; 100]),
        headers: &[],
    };
    build_batch(BatchSpec::default(), 1_700_000_000_000, [record, record])
}

/// One bit of a record is another one than when the checksum was computed.
fn wrong_crc() -> Vec<u8> {
    let mut batch = sound();
    let middle = batch.len() - 50;
    batch[middle] ^= 0x10;
    batch
}

/// The first record claims to be longer than the whole batch; the checksum covers that.
fn malformed_record() -> Vec<u8> {
    let mut batch = sound();
    let header = BatchHeader::parse(&batch).expect("a batch that was just built");
    batch[BATCH_HEADER_BYTES..BATCH_HEADER_BYTES + 2].copy_from_slice(&[0xfe, 0x7f]);
    let _crc = write_header(&mut batch, &header);
    batch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::record::Batches;

    #[test]
    fn the_outer_shape_of_both_is_right() {
        for (batch, crc_is_right) in [(wrong_crc(), false), (malformed_record(), true)] {
            let read = Batches::new(&batch).next().unwrap();
            assert_eq!(read.verify_crc().is_ok(), crc_is_right);
            assert_eq!(read.header.record_count, 2);
        }
        let malformed = malformed_record();
        let batch = Batches::new(&malformed).next().unwrap();
        assert!(batch.records().any(|record| record.is_err()));
    }
}
