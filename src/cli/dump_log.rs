//! `klamm dump-log`: what lies in the files of a partition.

mod batches;
mod index;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use self::batches::BatchFile;
use self::index::{OffsetIndex, TimeIndex};
use super::error::CliError;
use super::output::{Output, plural};
use super::record_json::JsonBytes;
use super::units::Utc;
use crate::model::Offset;
use crate::protocol::record::{
    Batch, Codec, ControlRecord, NO_PRODUCER_ID, Record, Records, decompress,
};

/// Show the batches in a segment's files, and check them and their indexes
///
/// Reads klamm's and Kafka's log files; no broker is needed, and none is disturbed. For each
/// segment: one line a batch, what follows the last one (padding, a batch cut off), and whether
/// the offset index and the time index beside it agree with the batches. Exits with 4 if anything
/// is damaged.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct DumpLogArgs {
    /// A .log file, or a partition's directory for all its segments
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Show the records too
    #[arg(short, long)]
    records: bool,
    /// Show no batches, only what is found wrong and the sums
    #[arg(short, long, conflicts_with = "records")]
    summary: bool,
}

const EXAMPLES: &str = "\
Examples:
  klamm dump-log klamm-data/orders-0                 every segment of partition 0
  klamm dump-log klamm-data/orders-0/00000000000000000000.log --records
  klamm dump-log klamm-data/*-[0-9]* --summary       check everything";

/// The largest batch after decompression that is looked into.
const DECOMPRESSED_BYTES_MAX: usize = 1 << 30;

pub(super) fn run(args: &DumpLogArgs) -> Result<(), CliError> {
    let mut dump = Dump {
        output: Output::stdout(),
        show_batches: !args.summary,
        show_records: args.records,
        damages: 0,
    };
    for path in &args.paths {
        for segment in segments(path)? {
            dump.segment(&segment)?;
        }
    }
    dump.output.flush()?;
    match dump.damages {
        0 => Ok(()),
        damages => Err(CliError::damage(format!(
            "{} found",
            plural(damages, "damage")
        ))),
    }
}

/// The .log files that a path means, oldest first.
fn segments(path: &Path) -> Result<Vec<PathBuf>, CliError> {
    let failed = |error| CliError::file(path, &error);
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        return match is_log(path) {
            true => Ok(vec![path.to_owned()]),
            false => Err(
                CliError::usage(format!("{} is not a .log file", path.display()))
                    .with_cure("give the segment's .log file; its indexes are checked with it"),
            ),
        };
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        found.push(entry.map_err(failed)?.path());
    }
    found.retain(|path| is_log(path));
    found.sort();
    match found.is_empty() {
        true => Err(
            CliError::usage(format!("{} holds no segments", path.display()))
                .with_cure("give a partition's directory, such as klamm-data/orders-0"),
        ),
        false => Ok(found),
    }
}

fn is_log(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "log")
}

/// The offset in a segment's name; 0 for a file of another name.
fn base_offset(path: &Path) -> Offset {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    stem.and_then(|stem| stem.parse().ok()).unwrap_or(0)
}

struct Dump {
    output: Output,
    show_batches: bool,
    show_records: bool,
    damages: u64,
}

/// What a segment's batches add up to.
#[derive(Default)]
struct Sums {
    batches: u64,
    records: u64,
    end_offset: Offset,
}

impl Dump {
    fn segment(&mut self, path: &Path) -> Result<(), CliError> {
        let failed = |error| CliError::file(path, &error);
        let base_offset = base_offset(path);
        self.output
            .line(format_args!("segment {}", path.display()))?;
        let mut file = BatchFile::open(path).map_err(failed)?;
        let mut offsets = OffsetIndex::read(&path.with_extension("index"), base_offset)?;
        let mut times = TimeIndex::read(&path.with_extension("timeindex"), base_offset)?;
        let mut sums = Sums {
            end_offset: base_offset,
            ..Sums::default()
        };
        while let Some(batch) = file.next_batch().map_err(failed)? {
            self.batch(&batch, &mut sums)?;
            let position = batch.position as u64;
            let wrong = offsets.on_batch(position, &batch.header);
            self.all_wrong(wrong.into_iter().chain(times.on_batch(&batch.header)))?;
        }
        let tail = file.tail().map_err(failed)?;
        self.output.line(format_args!(
            "  end position={} batches={} records={} end-offset={} {tail}",
            file.position(),
            sums.batches,
            sums.records,
            sums.end_offset,
        ))?;
        if tail.is_damage() {
            self.wrong(format_args!("{tail}"))?;
        }
        self.all_wrong(offsets.finish().into_iter().chain(times.finish()))?;
        self.output.line(format_args!("  index {offsets}"))?;
        self.output.line(format_args!("  timeindex {times}"))?;
        Ok(())
    }

    fn batch(&mut self, batch: &Batch<'_>, sums: &mut Sums) -> Result<(), CliError> {
        let header = &batch.header;
        let crc = batch.verify_crc();
        if self.show_batches {
            self.output.line(BatchLine(batch))?;
        }
        if let Err(error) = crc {
            self.wrong(format_args!("batch at {}: {error}", batch.position))?;
        } else {
            self.records(batch)?;
        }
        if header.base_offset < sums.end_offset {
            self.wrong(format_args!(
                "batch at {}: begins at offset {} although the one before ends at {}",
                batch.position, header.base_offset, sums.end_offset
            ))?;
        }
        sums.batches += 1;
        sums.records += header.record_count.max(0) as u64;
        sums.end_offset = header.next_offset();
        Ok(())
    }

    fn records(&mut self, batch: &Batch<'_>) -> Result<(), CliError> {
        let header = &batch.header;
        let plain;
        let body = match header.codec() {
            Ok(Codec::None) => batch.body(),
            Ok(codec) => match decompress(codec, batch.body(), DECOMPRESSED_BYTES_MAX) {
                Ok(bytes) => {
                    plain = bytes;
                    plain.as_slice()
                }
                Err(error) => {
                    return self.wrong(format_args!("batch at {}: {error}", batch.position));
                }
            },
            Err(error) => return self.wrong(format_args!("batch at {}: {error}", batch.position)),
        };
        for record in Records::new(*header, body) {
            match record {
                Ok(record) if self.show_records => {
                    self.output.line(RecordLine(&record, header.is_control()))?;
                }
                Ok(_) => {}
                Err(error) => self.wrong(format_args!("batch at {}: {error}", batch.position))?,
            }
        }
        Ok(())
    }

    fn all_wrong(&mut self, wrong: impl Iterator<Item = String>) -> Result<(), CliError> {
        for wrong in wrong {
            self.wrong(format_args!("{wrong}"))?;
        }
        Ok(())
    }

    fn wrong(&mut self, what: std::fmt::Arguments<'_>) -> Result<(), CliError> {
        self.damages += 1;
        Ok(self.output.line(format_args!("  DAMAGE {what}"))?)
    }
}

struct BatchLine<'a>(&'a Batch<'a>);

impl std::fmt::Display for BatchLine<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let header = &self.0.header;
        write!(
            f,
            "  batch offsets={}..{} position={} bytes={} records={} codec={} epoch={} timestamps={}..{}",
            header.base_offset,
            header.last_offset(),
            self.0.position,
            header.size_bytes(),
            header.record_count,
            header.codec().map_or("unknown", Codec::name),
            header.leader_epoch,
            Utc(header.base_timestamp),
            Utc(header.max_timestamp),
        )?;
        if header.producer_id != NO_PRODUCER_ID {
            let (id, epoch) = (header.producer_id, header.producer_epoch);
            write!(
                f,
                " producer={id}/{epoch} sequence={}",
                header.base_sequence
            )?;
        }
        if header.is_transactional() {
            f.write_str(" transactional")?;
        }
        if header.is_control() {
            f.write_str(" control")?;
        }
        Ok(())
    }
}

/// A record, and whether it is a control record.
struct RecordLine<'a>(&'a Record<'a>, bool);

impl std::fmt::Display for RecordLine<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(record, is_control) = self;
        write!(
            f,
            "    record offset={} timestamp={}",
            record.offset,
            Utc(record.timestamp)
        )?;
        if let Some(control) = ControlRecord::parse(record).filter(|_| *is_control) {
            return write!(f, " {control:?}");
        }
        write!(
            f,
            " key={} value={}",
            JsonBytes(record.key),
            JsonBytes(record.value)
        )?;
        for header in record.headers.iter() {
            write!(
                f,
                " header {}={}",
                JsonBytes(Some(header.key)),
                JsonBytes(header.value)
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
