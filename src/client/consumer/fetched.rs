//! What one answer holds of one partition, batch by batch.

use std::borrow::Cow;

use bytes::Bytes;

use super::aborted::AbortedTransactions;
use super::{ConsumerSettings, Isolation};
use crate::client::ClientError;
use crate::model::{Offset, ProducerId, TopicPartition};
use crate::protocol::message::fetch::PartitionData;
use crate::protocol::record::{
    Batch, BatchHeader, Batches, Codec, ControlRecord, Record, Records, decompress,
};

/// Records of one partition, as they came.
#[derive(Debug)]
pub struct Fetched {
    /// Where they are from.
    pub partition: TopicPartition,
    /// The offset after the last of them.
    pub next_offset: Offset,
    /// The end of what consumers may see, when the broker answered.
    pub high_watermark: Offset,
    fetch_offset: Offset,
    bytes: Bytes,
    /// Producer and first offset of aborted transactions; only if they are to be hidden.
    aborted: Vec<(ProducerId, Offset)>,
    settings: Reading,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    read_committed: bool,
    check_crc: bool,
    decompressed_bytes_max: usize,
}

impl Fetched {
    /// From a partition's part of an answer, whose bytes are shared.
    pub(super) fn new(
        partition: TopicPartition,
        fetch_offset: Offset,
        next_offset: Offset,
        data: &PartitionData<'_>,
        bytes: Bytes,
        settings: &ConsumerSettings,
    ) -> Self {
        let read_committed = settings.isolation == Isolation::ReadCommitted;
        let listed = data.aborted_transactions.iter().flatten();
        let aborted = listed.map(|aborted| (aborted.producer_id, aborted.first_offset));
        Self {
            partition,
            next_offset,
            high_watermark: data.high_watermark,
            fetch_offset,
            bytes,
            aborted: aborted.collect(),
            settings: Reading {
                read_committed,
                check_crc: settings.check_crc,
                decompressed_bytes_max: settings.decompressed_bytes_max,
            },
        }
    }

    /// The batches with records to show: no control batches, and no aborted ones if they are to
    /// be hidden. An error is the last item.
    pub fn batches(&self) -> impl Iterator<Item = Result<ConsumedBatch<'_>, ClientError>> {
        let mut aborted = AbortedTransactions::new(self.aborted.iter().copied());
        let mut failed = false;
        let batches = Batches::new(&self.bytes).map_while(move |batch| {
            if failed {
                return None;
            }
            let read = self.read(&batch, &mut aborted);
            failed = read.is_err();
            Some(read)
        });
        batches.filter_map(Result::transpose)
    }

    /// The batch made readable, or `None` if there is nothing to show.
    fn read<'a>(
        &'a self,
        batch: &Batch<'a>,
        aborted: &mut AbortedTransactions,
    ) -> Result<Option<ConsumedBatch<'a>>, ClientError> {
        if self.settings.check_crc {
            batch
                .verify_crc()
                .map_err(|error| self.damaged(&batch.header, &error))?;
        }
        if batch.header.is_control() {
            if is_abort_marker(batch) {
                aborted.on_abort_marker(batch.header.producer_id);
            }
            return Ok(None);
        }
        let hidden = self.settings.read_committed
            && batch.header.is_transactional()
            && aborted.hides(batch.header.producer_id, batch.header.last_offset());
        if hidden || batch.header.last_offset() < self.fetch_offset {
            return Ok(None);
        }
        Ok(Some(ConsumedBatch {
            header: batch.header,
            body: self.body(batch)?,
            fetched: self,
        }))
    }

    fn body<'a>(&self, batch: &Batch<'a>) -> Result<Cow<'a, [u8]>, ClientError> {
        let header = &batch.header;
        match header
            .codec()
            .map_err(|error| self.damaged(header, &error))?
        {
            Codec::None => Ok(Cow::Borrowed(batch.body())),
            codec => decompress(codec, batch.body(), self.settings.decompressed_bytes_max)
                .map(Cow::Owned)
                .map_err(|error| self.damaged(header, &error)),
        }
    }

    fn damaged(&self, header: &BatchHeader, why: &dyn std::fmt::Display) -> ClientError {
        ClientError::Damaged {
            partition: self.partition.clone(),
            offset: header.base_offset,
            why: why.to_string(),
        }
    }
}

fn is_abort_marker(batch: &Batch<'_>) -> bool {
    let marker = batch.records().next().and_then(Result::ok);
    let marker = marker.as_ref().and_then(ControlRecord::parse);
    matches!(marker, Some(ControlRecord::Abort { .. }))
}

/// A batch whose records can be read.
#[derive(Debug)]
pub struct ConsumedBatch<'a> {
    /// Its header.
    pub header: BatchHeader,
    body: Cow<'a, [u8]>,
    fetched: &'a Fetched,
}

impl ConsumedBatch<'_> {
    /// The records from the offset on that was fetched; an error is the last item.
    pub fn records(&self) -> impl Iterator<Item = Result<Record<'_>, ClientError>> {
        let wanted = |record: &Result<Record<'_>, ClientError>| match record {
            Ok(record) => record.offset >= self.fetched.fetch_offset,
            Err(_) => true,
        };
        Records::new(self.header, &self.body)
            .map(|record| record.map_err(|error| self.fetched.damaged(&self.header, &error)))
            .filter(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::message::fetch::AbortedTransaction;
    use crate::protocol::record::{BatchSpec, RecordParts, build_batch, control_batch};

    fn spec(base_offset: Offset, producer_id: ProducerId, codec: Codec) -> BatchSpec {
        BatchSpec {
            base_offset,
            producer_id,
            producer_epoch: 0,
            base_sequence: 0,
            transactional: producer_id >= 0,
            compression: codec.into(),
            ..BatchSpec::default()
        }
    }

    fn two_records(spec: BatchSpec) -> Vec<u8> {
        let record = RecordParts {
            value: Some(b"v"),
            ..RecordParts::default()
        };
        build_batch(spec, 0, [record, record])
    }

    fn fetched(bytes: Vec<u8>, isolation: Isolation) -> Fetched {
        let data = PartitionData {
            aborted_transactions: Some(vec![AbortedTransaction {
                producer_id: 9,
                first_offset: 2,
            }]),
            ..Default::default()
        };
        let partition = TopicPartition {
            topic: "t".into(),
            partition: 0,
        };
        let settings = ConsumerSettings {
            isolation,
            ..ConsumerSettings::default()
        };
        Fetched::new(partition, 1, 7, &data, bytes.into(), &settings)
    }

    fn offsets(fetched: &Fetched) -> Vec<Offset> {
        let mut offsets = Vec::new();
        for batch in fetched.batches() {
            offsets.extend(
                batch
                    .unwrap()
                    .records()
                    .map(|record| record.unwrap().offset),
            );
        }
        offsets
    }

    /// Offsets 0-1 of nobody, 2-3 aborted, its marker at 4, 5-6 committed by the same producer.
    fn log() -> Vec<u8> {
        let marker = ControlRecord::Abort {
            coordinator_epoch: 0,
        };
        [
            two_records(spec(0, -1, Codec::Zstd)),
            two_records(spec(2, 9, Codec::None)),
            control_batch(spec(4, 9, Codec::None), 0, &marker),
            two_records(spec(5, 9, Codec::Gzip)),
        ]
        .concat()
    }

    #[test]
    fn records_below_the_fetch_offset_are_left_out() {
        let all = fetched(log(), Isolation::ReadUncommitted);
        assert_eq!(offsets(&all), [1, 2, 3, 5, 6]);
    }

    #[test]
    fn aborted_batches_are_hidden_from_who_reads_committed() {
        let committed = fetched(log(), Isolation::ReadCommitted);
        assert_eq!(offsets(&committed), [1, 5, 6]);
    }

    #[test]
    fn damage_is_told_and_ends_the_reading() {
        let mut bytes = log();
        bytes[70] ^= 1;
        let damaged = fetched(bytes, Isolation::ReadUncommitted);
        let found: Vec<_> = damaged.batches().collect();
        assert_eq!(found.len(), 1);
        assert!(
            found[0]
                .as_ref()
                .unwrap_err()
                .to_string()
                .contains("checksum")
        );
    }
}
