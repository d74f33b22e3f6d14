//! Whether the indexes beside a segment agree with its batches.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use crate::cli::error::CliError;
use crate::model::{Offset, TimestampMs};
use crate::protocol::record::BatchHeader;

/// The entries of an index in use; an open one is longer than that, filled with zeros.
#[derive(Debug)]
struct Entries<T> {
    used: Vec<T>,
    unused: usize,
    next: usize,
    missing: bool,
}

/// `.index`: the last offset of a batch, and where that batch begins.
#[derive(Debug)]
pub(super) struct OffsetIndex(Entries<(Offset, u64)>);

/// `.timeindex`: the largest timestamp so far, and an offset of the batch that has it.
#[derive(Debug)]
pub(super) struct TimeIndex(Entries<(TimestampMs, Offset)>);

impl OffsetIndex {
    pub(super) fn read(path: &Path, base_offset: Offset) -> Result<Self, CliError> {
        let parse = |entry: &[u8; 8]| {
            let [a, b, c, d, e, f, g, h] = *entry;
            let offset = base_offset + i64::from(i32::from_be_bytes([a, b, c, d]));
            (offset, u64::from(u32::from_be_bytes([e, f, g, h])))
        };
        Entries::read(path, parse).map(Self)
    }

    /// Compares the entries for this batch; says what is wrong with each.
    pub(super) fn on_batch(&mut self, position: u64, header: &BatchHeader) -> Vec<String> {
        let mut wrong = Vec::new();
        let end = position + header.size_bytes() as u64;
        while let Some((offset, at)) = self.0.next_if(|(_, at)| *at < end) {
            if at != position {
                wrong.push(format!(
                    "index: offset {offset} points to {at}, where no batch begins"
                ));
            } else if offset != header.last_offset() {
                let last = header.last_offset();
                wrong.push(format!(
                    "index: offset {offset} points to {at}, where {last} is last"
                ));
            }
        }
        wrong
    }

    /// What is wrong with the entries that no batch belongs to.
    pub(super) fn finish(&mut self) -> Vec<String> {
        let rest = self.0.rest().iter();
        rest.map(|(offset, at)| format!("index: offset {offset} points to {at}, behind the end"))
            .collect()
    }
}

impl TimeIndex {
    pub(super) fn read(path: &Path, base_offset: Offset) -> Result<Self, CliError> {
        let parse = |entry: &[u8; 12]| {
            let [a, b, c, d, e, f, g, h, i, j, k, l] = *entry;
            let timestamp = i64::from_be_bytes([a, b, c, d, e, f, g, h]);
            (
                timestamp,
                base_offset + i64::from(i32::from_be_bytes([i, j, k, l])),
            )
        };
        Entries::read(path, parse).map(Self)
    }

    /// Compares the entries for this batch; says what is wrong with each.
    pub(super) fn on_batch(&mut self, header: &BatchHeader) -> Vec<String> {
        let mut wrong = Vec::new();
        while let Some((timestamp, offset)) = self.0.next_if(|(_, o)| *o <= header.last_offset()) {
            let within = offset >= header.base_offset;
            if !within || timestamp != header.max_timestamp {
                wrong.push(format!(
                    "timeindex: timestamp {timestamp} points to offset {offset}, whose batch has {}",
                    header.max_timestamp
                ));
            }
        }
        wrong
    }

    /// What is wrong with the entries that no batch belongs to.
    pub(super) fn finish(&mut self) -> Vec<String> {
        let behind = |(timestamp, offset): &(TimestampMs, Offset)| {
            format!("timeindex: timestamp {timestamp} points to offset {offset}, behind the end")
        };
        self.0.rest().iter().map(behind).collect()
    }
}

impl<T: Copy> Entries<T> {
    /// Entries end at the first that is all zeros: none of either index ever is.
    fn read<const N: usize>(path: &Path, parse: impl Fn(&[u8; N]) -> T) -> Result<Self, CliError> {
        let (bytes, missing) = match fs::read(path) {
            Ok(bytes) => (bytes, false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Vec::new(), true),
            Err(error) => return Err(CliError::file(path, &error)),
        };
        let (entries, _) = bytes.as_chunks::<N>();
        let used = entries
            .iter()
            .take_while(|entry| entry.iter().any(|byte| *byte != 0));
        let used: Vec<T> = used.map(parse).collect();
        Ok(Self {
            unused: entries.len() - used.len(),
            used,
            next: 0,
            missing,
        })
    }

    fn next_if(&mut self, wanted: impl Fn(&T) -> bool) -> Option<T> {
        let entry = self.used.get(self.next).copied().filter(wanted)?;
        self.next += 1;
        Some(entry)
    }

    fn rest(&self) -> &[T] {
        &self.used[self.next..]
    }
}

impl<T> fmt::Display for Entries<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.missing {
            true => f.write_str("missing"),
            false => write!(f, "entries={} unused={}", self.used.len(), self.unused),
        }
    }
}

impl fmt::Display for OffsetIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for TimeIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
