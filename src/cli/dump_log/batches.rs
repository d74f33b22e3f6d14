//! The batches of a file, one in memory at a time.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use crate::protocol::record::{BATCH_HEADER_BYTES, Batch, BatchError, BatchHeader};

/// Reads a .log file batch by batch; never more than the file has.
pub(super) struct BatchFile {
    reader: BufReader<File>,
    bytes: Vec<u8>,
    position: u64,
    len: u64,
    stopped_by: Option<BatchError>,
}

impl BatchFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        Ok(Self {
            len: file.metadata()?.len(),
            reader: BufReader::with_capacity(1 << 20, file),
            bytes: Vec::new(),
            position: 0,
            stopped_by: None,
        })
    }

    /// The next whole batch; `None` where there is none, see [`BatchFile::tail`].
    pub(super) fn next_batch(&mut self) -> io::Result<Option<Batch<'_>>> {
        let left = self.len - self.position;
        if left < BATCH_HEADER_BYTES as u64 {
            return Ok(None);
        }
        self.bytes.resize(BATCH_HEADER_BYTES, 0);
        self.reader.read_exact(&mut self.bytes)?;
        let header = match BatchHeader::parse(&self.bytes) {
            Ok(header) if header.size_bytes() as u64 <= left => header,
            Ok(header) => {
                return Ok(self.stop(BatchError::Truncated {
                    have: left as usize,
                    need: header.size_bytes(),
                }));
            }
            Err(error) => return Ok(self.stop(error)),
        };
        self.bytes.resize(header.size_bytes(), 0);
        self.reader
            .read_exact(&mut self.bytes[BATCH_HEADER_BYTES..])?;
        let position = self.position as usize;
        self.position += header.size_bytes() as u64;
        Ok(Some(Batch {
            position,
            header,
            bytes: &self.bytes,
        }))
    }

    /// The end of the last whole batch.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// What follows it.
    pub(super) fn tail(&mut self) -> io::Result<Tail> {
        let bytes = self.len - self.position;
        if bytes == 0 {
            return Ok(Tail::Nothing);
        }
        let file = self.reader.get_mut();
        file.seek(SeekFrom::Start(self.position))?;
        let mut start = vec![0; bytes.min(SENTINEL_BYTES) as usize];
        file.read_exact(&mut start)?;
        let zeros = is_zero(BufReader::new(file))?;
        Ok(match self.stopped_by {
            _ if zeros && start.iter().all(|byte| *byte == 0) => Tail::Zeros(bytes),
            _ if zeros && is_sentinel(&start) => Tail::Sentinel(bytes),
            Some(BatchError::Truncated { .. }) | None => Tail::CutOff(bytes),
            Some(error) => Tail::Garbage(bytes, error),
        })
    }

    fn stop(&mut self, error: BatchError) -> Option<Batch<'_>> {
        self.stopped_by = Some(error);
        None
    }
}

/// What stands behind the last batch of a segment that was not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// The segment was closed.
    Nothing,
    /// Direct writes fill the last block; or the file was allocated ahead.
    Zeros(u64),
    /// The same, begun by a header that readers take for a batch cut off.
    Sentinel(u64),
    /// A batch that was being written when the machine stopped.
    CutOff(u64),
    /// No batch at all.
    Garbage(u64, BatchError),
}

impl Tail {
    /// Whether it is more than an open segment may have.
    pub(super) fn is_damage(self) -> bool {
        matches!(self, Self::CutOff(_) | Self::Garbage(..))
    }
}

impl fmt::Display for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("trailing-bytes=0"),
            Self::Zeros(bytes) => write!(f, "trailing-bytes={bytes} (padding: zeros)"),
            Self::Sentinel(bytes) => write!(f, "trailing-bytes={bytes} (padding: marked)"),
            Self::CutOff(bytes) => write!(f, "trailing-bytes={bytes} (a batch cut off)"),
            Self::Garbage(bytes, error) => write!(f, "trailing-bytes={bytes} ({error})"),
        }
    }
}

/// The padding that Kafka's readers can pass begins with so many bytes of a batch header whose
/// length is larger than any file.
const SENTINEL_BYTES: u64 = 17;
const SENTINEL_LENGTH: [u8; 4] = 0x4000_0000_u32.to_be_bytes();

fn is_sentinel(start: &[u8]) -> bool {
    let length = start.get(8..12);
    length.is_some_and(|length| length == &SENTINEL_LENGTH[..])
}

fn is_zero(mut reader: impl Read) -> io::Result<bool> {
    let mut block = [0; 8192];
    loop {
        match reader.read(&mut block)? {
            0 => return Ok(true),
            read if block[..read].iter().any(|byte| *byte != 0) => return Ok(false),
            _ => {}
        }
    }
}
