//! Walking a range of bytes batch by batch.

use std::iter::FusedIterator;

use super::{BATCH_HEADER_BYTES, BatchError, BatchHeader, Records, verify_crc};

/// One whole batch within a range of bytes.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Where it begins in the range.
    pub position: usize,
    /// Its header.
    pub header: BatchHeader,
    /// All of it, header included.
    pub bytes: &'a [u8],
}

impl<'a> Batch<'a> {
    /// What follows the header: the records, compressed if the codec says so.
    pub fn body(&self) -> &'a [u8] {
        &self.bytes[BATCH_HEADER_BYTES..]
    }

    /// Whether the bytes are what was written.
    pub fn verify_crc(&self) -> Result<(), BatchError> {
        verify_crc(self.bytes)
    }

    /// The records of an uncompressed batch.
    ///
    /// # Panics
    /// If the batch is compressed: its body must be decompressed first.
    pub fn records(&self) -> Records<'a> {
        assert!(!self.header.attributes.is_compressed(), "decompress first");
        Records::new(self.header, self.body())
    }
}

/// The whole batches at the front of a range of bytes, one by one.
///
/// Ends at the range's end, at a batch that is cut off, at padding and at anything else that is
/// no batch of format v2; [`Batches::stopped_by`] tells which. Checksums are the caller's to check.
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    bytes: &'a [u8],
    position: usize,
    stopped_by: Option<BatchError>,
}

impl<'a> Batches<'a> {
    /// `bytes` begin at a batch.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            position: 0,
            stopped_by: None,
        }
    }

    /// Where the next batch would begin; at the end, how many bytes were whole batches.
    pub fn position(&self) -> usize {
        self.position
    }

    /// After the end: what stood where a batch should; `None` if the range ended with a batch.
    pub fn stopped_by(&self) -> Option<BatchError> {
        self.stopped_by
    }

    fn read(&self) -> Result<Batch<'a>, BatchError> {
        let rest = &self.bytes[self.position..];
        let header = BatchHeader::parse(rest)?;
        let need = header.size_bytes();
        let bytes = rest.get(..need).ok_or(BatchError::Truncated {
            have: rest.len(),
            need,
        })?;
        Ok(Batch {
            position: self.position,
            header,
            bytes,
        })
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Batch<'a>;

    fn next(&mut self) -> Option<Batch<'a>> {
        if self.stopped_by.is_some() || self.position == self.bytes.len() {
            return None;
        }
        match self.read() {
            Ok(batch) => {
                self.position += batch.bytes.len();
                Some(batch)
            }
            Err(error) => {
                self.stopped_by = Some(error);
                None
            }
        }
    }
}

impl FusedIterator for Batches<'_> {}
