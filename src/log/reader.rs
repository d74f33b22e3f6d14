use std::io;

use super::data_dir::DataDir;
use super::names::SegmentFile;
use super::offset_index::{self, ENTRY_BYTES, Spot};
use super::read::{ColdRead, FileRange, Located, ReadError};
use crate::protocol::record::{BATCH_HEADER_BYTES, BatchHeader};
use crate::runtime::File;

/// Entries of an index that are read at once: one page.
const PAGE_ENTRIES: u32 = 512;
/// Read ahead while batches are passed one by one.
const WINDOW_BYTES: usize = 8 << 10;
/// The most a part of a file can hold in one answer.
const RANGE_BYTES_MAX: u64 = i32::MAX as u64;

impl ColdRead {
    /// Finds the batch and the part of the file: a few small reads through the page cache.
    pub async fn locate(self, dir: &DataDir) -> Result<Located, ReadError> {
        let base = self.base;
        let file = dir.readable(&self.dir, SegmentFile::Log, base).await;
        let file = file.map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ReadError::Gone,
            _ => ReadError::Io { base, source },
        })?;
        let from = self
            .begin(dir)
            .await
            .map_err(|source| ReadError::Io { base, source })?;
        let mut headers = Headers::new(&file, base, from, self.end_position);
        let first = loop {
            match headers.next().await? {
                None => return Ok(Located::Skip(self.end_offset)),
                Some(found) if found.1.last_offset() >= self.offset => break found,
                Some(_) => {}
            }
        };
        self.range(headers, first).await
    }

    /// Where the walk through the headers begins.
    async fn begin(&self, dir: &DataDir) -> io::Result<u64> {
        let entries = match self.spot {
            Spot::Position(position) => return Ok(u64::from(position)),
            Spot::Stored { entries } => entries,
        };
        let file = dir
            .readable(&self.dir, SegmentFile::OffsetIndex, self.base)
            .await?;
        let page = self.page(&file, entries).await?;
        let count = PAGE_ENTRIES.min(entries - page) as usize;
        let bytes = file.read_vec(count * ENTRY_BYTES, byte(page)).await?;
        let decoded = (0..count).map_while(|at| offset_index::decode(self.base, &bytes, at));
        let below = decoded.take_while(|entry| entry.offset <= self.offset);
        Ok(below.last().map_or(0, |entry| u64::from(entry.position)))
    }

    /// The last page of the index whose first entry is at or below the offset.
    async fn page(&self, file: &File, entries: u32) -> io::Result<u32> {
        let (mut low, mut high) = (0, entries.div_ceil(PAGE_ENTRIES));
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            let bytes = file
                .read_vec(ENTRY_BYTES, byte(middle * PAGE_ENTRIES))
                .await?;
            match offset_index::decode(self.base, &bytes, 0) {
                Some(entry) if entry.offset <= self.offset => low = middle,
                _ => high = middle,
            }
        }
        Ok(low * PAGE_ENTRIES)
    }

    async fn range(
        self,
        mut headers: Headers<'_>,
        (position, header): (u64, BatchHeader),
    ) -> Result<Located, ReadError> {
        let size = header.size_bytes();
        let too_large = size > self.bytes_max && !self.at_least_one;
        if too_large || header.base_offset >= self.upper {
            return Ok(Located::Empty);
        }
        let wanted = (self.bytes_max.max(size) as u64).min(RANGE_BYTES_MAX);
        let mut end = self.end_position.min(position + wanted);
        if self.upper < self.end_offset {
            end = headers.position_of(self.upper, end).await?;
        }
        Ok(Located::Range(FileRange {
            file: headers.file.shared(),
            position,
            bytes: u32::try_from(end - position).expect("bounded by RANGE_BYTES_MAX"),
            first_batch_bytes: u32::try_from(size).expect("a batch's length is an i32"),
        }))
    }
}

/// The headers of a file's batches from a position on, below an end.
struct Headers<'a> {
    file: &'a File,
    base: i64,
    position: u64,
    end: u64,
    window: Vec<u8>,
    window_start: u64,
}

impl<'a> Headers<'a> {
    fn new(file: &'a File, base: i64, position: u64, end: u64) -> Self {
        Self {
            file,
            base,
            position,
            end,
            window: Vec::new(),
            window_start: 0,
        }
    }

    async fn next(&mut self) -> Result<Option<(u64, BatchHeader)>, ReadError> {
        let position = self.position;
        if position + BATCH_HEADER_BYTES as u64 > self.end {
            return Ok(None);
        }
        let base = self.base;
        let bytes = self
            .header_bytes()
            .await
            .map_err(|source| ReadError::Io { base, source })?;
        let parsed = BatchHeader::parse(bytes);
        let header = parsed.map_err(|_| ReadError::Corrupt { base, position })?;
        self.position += header.size_bytes() as u64;
        Ok(Some((position, header)))
    }

    /// The position of the first batch at or beyond `offset`; `end` if that is nearer.
    async fn position_of(&mut self, offset: i64, end: u64) -> Result<u64, ReadError> {
        while self.position < end {
            match self.next().await? {
                Some((position, header)) if header.base_offset >= offset => {
                    return Ok(position.min(end));
                }
                Some(_) => {}
                None => break,
            }
        }
        Ok(end)
    }

    async fn header_bytes(&mut self) -> io::Result<&[u8]> {
        let window_end = self.window_start + self.window.len() as u64;
        let held = self.position >= self.window_start
            && self.position + BATCH_HEADER_BYTES as u64 <= window_end;
        if !held {
            let bytes = (WINDOW_BYTES as u64).min(self.end - self.position) as usize;
            self.window = self.file.read_vec(bytes, self.position).await?;
            self.window_start = self.position;
        }
        let at = (self.position - self.window_start) as usize;
        let bytes = self.window.get(at..at + BATCH_HEADER_BYTES);
        bytes.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

fn byte(entry: u32) -> u64 {
    u64::from(entry) * ENTRY_BYTES as u64
}
