//! What a leader checks of a produced batch before it appends it, in the order Kafka checks it.
//!
//! Sources: `ProduceRequest.validateRecords`, `UnifiedLog.analyzeAndValidateRecords` and
//! `LogValidator` of Kafka 4.3.1. Stricter than they are, because what passes there harms readers:
//! offset deltas other than 0, 1, 2… are refused (Kafka appends an uncompressed batch with them);
//! a batch that claims the broker's time is refused on every topic (Kafka lets some pass as
//! CreateTime); compressed data that does not decompress for Java is INVALID_RECORD (Kafka answers
//! UNKNOWN_SERVER_ERROR), as is a record whose parts do not fill it (Kafka does not look if the
//! batch is compressed).
//!
//! One batch may take long: it may decompress to a thousand times its size. So the validation goes
//! in steps, between which a core serves others.

use crate::model::TimestampMs;

use super::compression::{Compressor, is_readable_by_kafka};
use super::crc::{Crc32c, crc32c};
use super::header::{CHECKED_FROM, write_header};
use super::rejection::{InvalidBatch, RecordError};
use super::rules::{check_header, check_size, known_codec, only_batch};
use super::verdict::Verdict;
use super::walk::RecordWalk;
use super::{
    BATCH_HEADER_BYTES, Batch, BatchError, BatchHeader, Codec, CompressionError, Decompressor,
    LENGTH_PREFIX_BYTES, Rules, TargetCompression, TimestampType, stamp_max_timestamp,
};

/// A sensible budget of one step: well under a millisecond for every codec.
pub const STEP_BUDGET_BYTES: usize = 128 * 1024;
/// Bytes that are only looked at cost about an eighth of bytes that are decompressed, or less.
const LOOKED_AT_PER_COST: usize = 8;
/// What passing a record or header costs, in decompressed bytes.
const PASSED_COST: usize = 8;
/// So much of an uncompressed body is walked before the cost is looked at.
const PLAIN_PIECE_BYTES: usize = 256 * 1024;
/// What a call to the decompressor costs beside its output.
const PIECE_COST: usize = 1024;
/// Compressing anew costs several times what decompressing does.
const REBUILD_COST: usize = 4;

/// Validates a batch without a pause.
pub fn validate(records: &[u8], rules: &Rules) -> Result<Validated, RecordError> {
    let mut validation = Validation::new(records, rules)?;
    loop {
        if let Step::Done(validated) = validation.step(usize::MAX)? {
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
    /// A batch that this process built itself: there is nothing to find out.
    pub fn own(header: BatchHeader) -> Self {
        Self {
            header,
            rebuilt: None,
            log_append_time: None,
            patched: false,
        }
    }

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
    Checksum,
    /// Of a batch so large that its checksum takes several steps.
    Checksumming {
        crc: Box<Crc32c>,
        rest: &'a [u8],
    },
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
            stage: Stage::Checksum,
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

    /// Does one piece of work and tells its cost.
    fn advance(&mut self, budget: usize) -> Result<usize, RecordError> {
        match &mut self.stage {
            Stage::Checksum => self.begin_checksum(budget),
            Stage::Checksumming { .. } => self.go_on_checksumming(budget),
            Stage::Plain(_) => self.advance_plain(budget),
            Stage::Compressed(_) => self.advance_compressed(),
            Stage::End => Ok(1),
        }
    }

    fn begin_checksum(&mut self, budget: usize) -> Result<usize, RecordError> {
        let checked = &self.batch.bytes[CHECKED_FROM..];
        if checked.len() > budget.saturating_mul(LOOKED_AT_PER_COST) {
            self.stage = Stage::Checksumming {
                crc: Box::new(Crc32c::new()),
                rest: checked,
            };
            return Ok(1);
        }
        self.begin_walk(crc32c(checked))?;
        Ok(looked_at(checked))
    }

    fn go_on_checksumming(&mut self, budget: usize) -> Result<usize, RecordError> {
        let Stage::Checksumming { crc, rest } = &mut self.stage else {
            return Ok(0);
        };
        let (piece, after) =
            rest.split_at(rest.len().min(budget.saturating_mul(LOOKED_AT_PER_COST)));
        crc.update(piece);
        *rest = after;
        if after.is_empty() {
            let computed = crc.value();
            self.begin_walk(computed)?;
        }
        Ok(looked_at(piece))
    }

    fn advance_plain(&mut self, budget: usize) -> Result<usize, RecordError> {
        let Stage::Plain(rest) = &mut self.stage else {
            return Ok(0);
        };
        let len_max = match self.rebuild {
            None => budget.saturating_mul(LOOKED_AT_PER_COST),
            Some(_) => budget,
        };
        let len = rest.len().min(len_max).min(PLAIN_PIECE_BYTES);
        let (piece, after) = rest.split_at(len);
        *rest = after;
        if after.is_empty() {
            self.stage = Stage::End;
        }
        let cost = walk_piece(&mut self.walk, &mut self.verdict, &self.rules, piece)?;
        Ok(cost + looked_at(piece) + rebuild_piece(&mut self.rebuild, &self.rules, piece)?)
    }

    fn advance_compressed(&mut self) -> Result<usize, RecordError> {
        let Stage::Compressed(decompressor) = &mut self.stage else {
            return Ok(0);
        };
        let Some(piece) = decompressor.next_piece().map_err(decompression_error)? else {
            self.stage = Stage::End;
            return Ok(PIECE_COST);
        };
        let cost = piece.out.len() + piece.consumed_bytes + PIECE_COST;
        let piece = piece.out;
        let cost = cost + walk_piece(&mut self.walk, &mut self.verdict, &self.rules, piece)?;
        Ok(cost + rebuild_piece(&mut self.rebuild, &self.rules, piece)?)
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
        header.crc = write_header(&mut bytes, &header);
        Ok((header, bytes))
    }
}

fn looked_at(piece: &[u8]) -> usize {
    piece.len() / LOOKED_AT_PER_COST + 1
}

fn decompression_error(error: CompressionError) -> RecordError {
    match error {
        CompressionError::Malformed(codec) => InvalidBatch::Compression(codec).into(),
        CompressionError::TooLarge { bytes_max } => RecordError::TooLargeDecompressed { bytes_max },
    }
}

/// The cost of the records and headers that were passed.
#[inline]
fn walk_piece(
    walk: &mut RecordWalk,
    verdict: &mut Verdict,
    rules: &Rules,
    piece: &[u8],
) -> Result<usize, RecordError> {
    let before = walk.passed();
    let walked = walk.feed(piece, |seen| verdict.look_at(seen, rules));
    walked.map_err(InvalidBatch::Malformed)?;
    Ok((walk.passed() - before) as usize * PASSED_COST)
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
