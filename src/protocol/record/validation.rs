//! What a leader checks of a produced batch before it appends it, in the order Kafka checks it.
//!
//! Sources: `ProduceRequest.validateRecords`, `UnifiedLog.analyzeAndValidateRecords` and
//! `LogValidator` of Kafka 4.3.1. Stricter than they are, because what passes there harms readers:
//! offset deltas other than 0, 1, 2… are refused (Kafka appends an uncompressed batch with them);
//! a batch that claims the broker's time is refused on every topic (Kafka lets some pass as
//! CreateTime); compressed data that does not decompress is INVALID_RECORD (Kafka answers
//! UNKNOWN_SERVER_ERROR), as is a record whose parts do not fill it (Kafka does not look if the
//! batch is compressed).
//!
//! One batch may take long: it may decompress to a thousand times its size. So the validation goes
//! in steps, between which a core serves others.

use crate::model::TimestampMs;

use super::compression::{Compressor, is_readable_by_kafka};
use super::crc::Crc32c;
use super::rejection::{InvalidBatch, RecordError, RecordFault, Rejections};
use super::walk::{RecordWalk, Seen};
use super::{
    Attributes, BATCH_HEADER_BYTES, Batch, BatchError, BatchHeader, Codec, Compression,
    CompressionError, Decompressor, LENGTH_PREFIX_BYTES, NO_TIMESTAMP, TimestampType, batch,
    stamp_max_timestamp,
};

/// A sensible budget of one step: well under a millisecond for every codec.
pub const STEP_BUDGET_BYTES: usize = 128 * 1024;
/// From this version of Produce on, zstd may be used (KIP-110).
const ZSTD_PRODUCE_VERSION: i16 = 7;
/// Bytes that are only looked at cost about an eighth of bytes that are decompressed, or less.
const LOOKED_AT_PER_COST: usize = 8;
/// What a call to the decompressor costs beside its output.
const PIECE_COST: usize = 1024;
/// Compressing anew costs several times what decompressing does.
const REBUILD_COST: usize = 4;

/// What a topic asks of a batch, and what the request was.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// `max.message.bytes`: the largest batch, header and length prefix included.
    pub max_message_bytes: usize,
    /// Version of the Produce request.
    pub produce_version: i16,
    /// Whether the topic is compacted, so that every record needs a key.
    pub compacted: bool,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`: how old a record may be.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`: how far in the future a record may be (KIP-937).
    pub timestamp_after_max_ms: i64,
    /// The broker's clock.
    pub now_ms: TimestampMs,
    /// `compression.type` and its level.
    pub compression: TargetCompression,
    /// klamm's own bound on what one batch may decompress to.
    pub decompressed_bytes_max: usize,
}

/// How the topic wants its batches compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetCompression {
    /// As the producer sent them.
    #[default]
    Producer,
    /// With this codec: batches of another one are compressed anew.
    Fixed(Compression),
}

/// Validates a batch without a pause.
pub fn validate(records: &[u8], rules: &Rules) -> Result<Validated, RecordError> {
    let mut validation = Validation::new(records, rules)?;
    loop {
        if let Step::Done(validated) = validation.step(usize::MAX / LOOKED_AT_PER_COST)? {
            return Ok(validated);
        }
    }
}

/// How far a step came.
#[derive(Debug)]
pub enum Step {
    /// The budget is used up; step again.
    More,
    /// The batch may be appended.
    Done(Validated),
}

/// A batch that may be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validated {
    /// The header of the batch to append; its checksum is that before [`Validated::patch`].
    pub header: BatchHeader,
    /// The batch to append, if the topic's codec is not the producer's; else the received bytes.
    pub rebuilt: Option<Vec<u8>>,
    /// The time the batch got, if the topic gives it the broker's.
    pub log_append_time: Option<TimestampMs>,
    patched: bool,
}

impl Validated {
    /// Whether timestamp type or maximum timestamp of the received bytes are not the final ones.
    pub fn needs_patch(&self) -> bool {
        self.patched
    }

    /// Brings exactly the batch, as received or copied, to its final timestamps and checksum.
    pub fn patch(&self, batch: &mut [u8]) {
        if self.patched {
            stamp_max_timestamp(
                batch,
                self.header.timestamp_type(),
                self.header.max_timestamp,
            );
        }
    }
}

/// The validation of one batch, under way.
#[derive(Debug)]
pub struct Validation<'a> {
    rules: Rules,
    batch: Batch<'a>,
    stage: Stage<'a>,
    walk: RecordWalk,
    verdict: Verdict,
    rebuild: Option<Compressor>,
}

#[derive(Debug)]
enum Stage<'a> {
    Checksum { crc: Crc32c, position: usize },
    Plain(&'a [u8]),
    Compressed(Box<Decompressor<'a>>),
    End,
}

impl<'a> Validation<'a> {
    /// Checks what needs no look at the records. `records` is the field of the Produce request.
    pub fn new(records: &'a [u8], rules: &Rules) -> Result<Self, RecordError> {
        let batch = only_batch(records, rules)?;
        let header = batch.header;
        if header.base_offset != 0 {
            return Err(InvalidBatch::BaseOffset(header.base_offset).into());
        }
        check_size(header.size_bytes(), rules)?;
        Ok(Self {
            rules: *rules,
            batch,
            stage: Stage::Checksum {
                crc: Crc32c::new(),
                position: batch::CHECKED_FROM,
            },
            walk: RecordWalk::new(header.record_count),
            verdict: Verdict::new(&header),
            rebuild: None,
        })
    }

    /// Goes on for about `budget_bytes` of decompressed data.
    ///
    /// After [`Step::Done`] or an error there is nothing more to step.
    pub fn step(&mut self, budget_bytes: usize) -> Result<Step, RecordError> {
        let mut budget = budget_bytes.max(1);
        while budget > 0 {
            if matches!(self.stage, Stage::End) {
                return self.finish().map(Step::Done);
            }
            let cost = self.advance(budget)?;
            budget = budget.saturating_sub(cost);
        }
        Ok(Step::More)
    }

    fn advance(&mut self, budget: usize) -> Result<usize, RecordError> {
        match &mut self.stage {
            Stage::Checksum { crc, position } => {
                let rest = &self.batch.bytes[*position..];
                let piece = &rest[..rest.len().min(budget * LOOKED_AT_PER_COST)];
                crc.update(piece);
                *position += piece.len();
                if *position == self.batch.bytes.len() {
                    let computed = crc.value();
                    self.begin_walk(computed)?;
                }
                Ok(piece.len() / LOOKED_AT_PER_COST + 1)
            }
            Stage::Plain(rest) => {
                let len_max = match self.rebuild {
                    None => budget * LOOKED_AT_PER_COST,
                    Some(_) => budget,
                };
                let (piece, after) = rest.split_at(rest.len().min(len_max));
                *rest = after;
                if after.is_empty() {
                    self.stage = Stage::End;
                }
                walk_piece(&mut self.walk, &mut self.verdict, &self.rules, piece)?;
                rebuild_piece(&mut self.rebuild, &self.rules, piece)
                    .map(|cost| piece.len() / LOOKED_AT_PER_COST + 1 + cost)
            }
            Stage::Compressed(decompressor) => {
                let Some(piece) = decompressor.next_piece().map_err(decompression_error)? else {
                    self.stage = Stage::End;
                    return Ok(1);
                };
                walk_piece(&mut self.walk, &mut self.verdict, &self.rules, piece)?;
                rebuild_piece(&mut self.rebuild, &self.rules, piece)
                    .map(|cost| piece.len() + PIECE_COST + cost)
            }
            Stage::End => Ok(1),
        }
    }

    fn begin_walk(&mut self, computed: u32) -> Result<(), RecordError> {
        let (header, body) = (self.batch.header, self.batch.body());
        let stored = header.crc;
        if stored != computed {
            return Err(RecordError::Corrupt(BatchError::Crc { stored, computed }));
        }
        let codec = known_codec(header.attributes)?;
        check_header(&header)?;
        if !is_readable_by_kafka(codec, body) {
            return Err(InvalidBatch::DependentBlocks.into());
        }
        if let TargetCompression::Fixed(target) = self.rules.compression
            && target.codec != codec
        {
            let room = vec![0; BATCH_HEADER_BYTES];
            self.rebuild = Some(Compressor::new(target, room));
        }
        self.stage = match codec {
            Codec::None => Stage::Plain(body),
            _ => {
                let bytes_max = self.rules.decompressed_bytes_max;
                Stage::Compressed(Box::new(Decompressor::new(codec, body, bytes_max)))
            }
        };
        Ok(())
    }

    fn finish(&mut self) -> Result<Validated, RecordError> {
        self.walk.finish().map_err(InvalidBatch::Malformed)?;
        self.verdict.check()?;
        let header = self.final_header();
        let log_append_time = match self.rules.timestamp_type {
            TimestampType::CreateTime => None,
            TimestampType::LogAppendTime => Some(self.rules.now_ms),
        };
        match self.rebuild.take() {
            None => Ok(Validated {
                header,
                rebuilt: None,
                log_append_time,
                patched: header != self.batch.header,
            }),
            Some(compressor) => {
                let (header, rebuilt) = self.rebuilt_batch(header, compressor)?;
                Ok(Validated {
                    header,
                    rebuilt: Some(rebuilt),
                    log_append_time,
                    patched: false,
                })
            }
        }
    }

    fn final_header(&self) -> BatchHeader {
        let header = self.batch.header;
        let timestamp_type = self.rules.timestamp_type;
        let max_timestamp = match timestamp_type {
            TimestampType::CreateTime => self.verdict.max_timestamp,
            TimestampType::LogAppendTime => self.rules.now_ms,
        };
        if header.timestamp_type() == timestamp_type && header.max_timestamp == max_timestamp {
            return header;
        }
        let attributes = header.attributes.defined();
        BatchHeader {
            attributes: attributes.with_timestamp_type(timestamp_type),
            max_timestamp,
            ..header
        }
    }

    /// The records are the same bytes as before, only compressed in another way.
    fn rebuilt_batch(
        &self,
        header: BatchHeader,
        compressor: Compressor,
    ) -> Result<(BatchHeader, Vec<u8>), RecordError> {
        let mut bytes = compressor.finish();
        check_size(bytes.len(), &self.rules)?;
        let codec = match self.rules.compression {
            TargetCompression::Producer => Codec::None,
            TargetCompression::Fixed(target) => target.codec,
        };
        let mut header = BatchHeader {
            length: (bytes.len() - LENGTH_PREFIX_BYTES) as i32,
            attributes: header.attributes.defined().with_codec(codec),
            ..header
        };
        header.crc = batch::write_header(&mut bytes, &header);
        Ok((header, bytes))
    }
}

/// The one whole batch of the field. As in Kafka an incomplete batch behind it is cut off.
fn only_batch<'a>(records: &'a [u8], rules: &Rules) -> Result<Batch<'a>, RecordError> {
    let header = BatchHeader::parse(records).map_err(|error| match error {
        BatchError::Truncated { .. } => InvalidBatch::NoBatch.into(),
        BatchError::Magic(magic @ 0..=1) => InvalidBatch::OldMagic(magic).into(),
        error => RecordError::Corrupt(error),
    })?;
    let Some((bytes, rest)) = records.split_at_checked(header.size_bytes()) else {
        return Err(InvalidBatch::NoBatch.into());
    };
    if rules.produce_version < ZSTD_PRODUCE_VERSION && header.codec() == Ok(Codec::Zstd) {
        return Err(RecordError::ZstdTooEarly {
            produce_version: rules.produce_version,
        });
    }
    batch::check_no_second(rest)?;
    Ok(Batch {
        position: 0,
        header,
        bytes,
    })
}

fn check_size(size_bytes: usize, rules: &Rules) -> Result<(), RecordError> {
    let max_message_bytes = rules.max_message_bytes;
    if size_bytes <= max_message_bytes {
        Ok(())
    } else {
        Err(RecordError::TooLarge {
            size_bytes,
            max_message_bytes,
        })
    }
}

fn known_codec(attributes: Attributes) -> Result<Codec, RecordError> {
    attributes.codec().map_err(|error| match error {
        BatchError::Codec(id) => RecordError::UnknownCodec(id),
        other => RecordError::Corrupt(other),
    })
}

fn check_header(header: &BatchHeader) -> Result<(), InvalidBatch> {
    if header.last_offset_delta < 0 {
        return Err(InvalidBatch::LastOffsetDelta(header.last_offset_delta));
    }
    if header.record_count <= 0 {
        return Err(InvalidBatch::RecordCount(header.record_count));
    }
    if header.last_offset_delta != header.record_count - 1 {
        return Err(InvalidBatch::CountMismatch {
            last_offset_delta: header.last_offset_delta,
            record_count: header.record_count,
        });
    }
    if header.is_control() {
        return Err(InvalidBatch::ControlBatch);
    }
    if header.has_producer() && header.base_sequence < 0 {
        return Err(InvalidBatch::Sequence {
            producer_id: header.producer_id,
            base_sequence: header.base_sequence,
        });
    }
    Ok(())
}

fn decompression_error(error: CompressionError) -> RecordError {
    match error {
        CompressionError::Malformed(codec) => InvalidBatch::Compression(codec).into(),
        CompressionError::TooLarge { bytes_max } => RecordError::TooLargeDecompressed { bytes_max },
    }
}

#[inline]
fn walk_piece(
    walk: &mut RecordWalk,
    verdict: &mut Verdict,
    rules: &Rules,
    piece: &[u8],
) -> Result<(), RecordError> {
    let walked = walk.feed(piece, |seen| verdict.look_at(seen, rules));
    walked.map_err(|error| InvalidBatch::Malformed(error).into())
}

/// The cost of what was compressed.
fn rebuild_piece(
    rebuild: &mut Option<Compressor>,
    rules: &Rules,
    piece: &[u8],
) -> Result<usize, RecordError> {
    let Some(compressor) = rebuild else {
        return Ok(0);
    };
    compressor.write(piece);
    check_size(compressor.out_bytes(), rules)?;
    Ok(piece.len() * REBUILD_COST)
}

/// What the records seen so far amount to.
#[derive(Debug)]
struct Verdict {
    base_timestamp: TimestampMs,
    claims_log_append_time: bool,
    max_timestamp: TimestampMs,
    wrong_offset_delta: Option<InvalidBatch>,
    rejections: Rejections,
}

impl Verdict {
    fn new(header: &BatchHeader) -> Self {
        Self {
            base_timestamp: header.base_timestamp,
            claims_log_append_time: header.timestamp_type() == TimestampType::LogAppendTime,
            max_timestamp: NO_TIMESTAMP,
            wrong_offset_delta: None,
            rejections: Rejections::default(),
        }
    }

    #[inline]
    fn look_at(&mut self, seen: Seen, rules: &Rules) {
        let timestamp = self.base_timestamp.wrapping_add(seen.timestamp_delta);
        self.max_timestamp = self.max_timestamp.max(timestamp);
        if seen.offset_delta != seen.index {
            self.note_offset_delta(seen);
        }
        if let Some(fault) = self.fault(seen, timestamp, rules) {
            self.rejections.add(seen.index, fault);
        }
    }

    #[inline]
    fn fault(&self, seen: Seen, timestamp: TimestampMs, rules: &Rules) -> Option<RecordFault> {
        if rules.compacted && !seen.has_key {
            return Some(RecordFault::NoKey);
        }
        if self.claims_log_append_time {
            return Some(RecordFault::LogAppendTime);
        }
        let checked = rules.timestamp_type == TimestampType::CreateTime;
        if checked && timestamp != NO_TIMESTAMP && !is_in_time(timestamp, rules) {
            return Some(RecordFault::Timestamp {
                timestamp,
                earliest: rules.now_ms.saturating_sub(rules.timestamp_before_max_ms),
                latest: rules.now_ms.saturating_add(rules.timestamp_after_max_ms),
            });
        }
        None
    }

    #[cold]
    fn note_offset_delta(&mut self, seen: Seen) {
        self.wrong_offset_delta
            .get_or_insert(InvalidBatch::OffsetDelta {
                index: seen.index,
                offset_delta: seen.offset_delta,
            });
    }

    fn check(&mut self) -> Result<(), RecordError> {
        if let Some(wrong) = self.wrong_offset_delta {
            return Err(wrong.into());
        }
        match std::mem::take(&mut self.rejections).into_error() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

#[inline]
fn is_in_time(timestamp: TimestampMs, rules: &Rules) -> bool {
    let age_ms = rules.now_ms.saturating_sub(timestamp);
    age_ms <= rules.timestamp_before_max_ms
        && age_ms.saturating_neg() <= rules.timestamp_after_max_ms
}
