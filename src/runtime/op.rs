//! One operation of the side ring: what it owns while the kernel works, and when it is done.

use super::file::{Descriptor, SharedFile};
use crate::sys::arena::{Chunk, ChunkMut, PAGE_BYTES};
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::sync::Arc;

/// Direct I/O that ends inside a logical block has met the end of the file.
const LOGICAL_BLOCK_BYTES: u64 = 512;
/// How often an operation the kernel could not take at once is tried again.
const AGAIN_MAX: u32 = 1000;

/// What is to be done. Everything the kernel reads or writes meanwhile is owned here.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) kind: Kind,
    again: u32,
}

#[derive(Debug)]
pub(super) enum Kind {
    Write(Write),
    Read(Read),
    Sync {
        file: Arc<Descriptor>,
        data_only: bool,
    },
    Allocate {
        file: Arc<Descriptor>,
        from: u64,
        bytes: u64,
    },
    /// Reads ahead into the page cache; done when the reads are on their way.
    BringIn {
        file: Arc<Descriptor>,
        from: u64,
        bytes: u32,
    },
    Truncate {
        file: Arc<Descriptor>,
        bytes: u64,
    },
    Open {
        path: CString,
        flags: i32,
        opened: Option<File>,
    },
    CreateDir {
        path: CString,
    },
    Rename {
        from: CString,
        to: CString,
    },
    Unlink {
        path: CString,
        directory: bool,
    },
}

#[derive(Debug)]
pub(super) struct Write {
    pub(super) file: Arc<Descriptor>,
    pub(super) parts: Vec<Chunk>,
    pub(super) position: u64,
    pub(super) done: u64,
    pub(super) bytes: u64,
    /// Where the kernel finds the parts; filled by the ring for each attempt.
    pub(super) vectors: Vec<libc::iovec>,
}

#[derive(Debug)]
pub(super) struct Read {
    pub(super) file: Arc<Descriptor>,
    pub(super) into: Buffer,
    pub(super) position: u64,
    pub(super) done: u64,
    pub(super) bytes: u64,
}

#[derive(Debug)]
pub(super) enum Buffer {
    /// From the mark upwards.
    Chunk(ChunkMut),
    Vec(Vec<u8>),
}

impl Buffer {
    /// What was read: `count` bytes from where reading began.
    pub(super) fn filled(&mut self, count: usize) -> &[u8] {
        match self {
            Self::Chunk(chunk) => &chunk.spare()[..count],
            Self::Vec(bytes) => &bytes[..count],
        }
    }
}

/// What follows a completion.
pub(super) enum Step {
    /// The rest has to be submitted.
    Again,
    Done(io::Result<u64>),
}

impl From<Kind> for Work {
    fn from(kind: Kind) -> Self {
        Self { kind, again: 0 }
    }
}

impl Work {
    /// Takes the kernel's answer: a count or a negative error number.
    pub(super) fn advance(&mut self, answer: i32) -> Step {
        match u64::try_from(answer) {
            Ok(count) => self.on_success(count),
            Err(_) => self.on_error(io::Error::from_raw_os_error(-answer)),
        }
    }

    fn on_success(&mut self, count: u64) -> Step {
        match &mut self.kind {
            Kind::Write(write) => write.advance(count),
            Kind::Read(read) => read.advance(count),
            _ => Step::Done(Ok(count)),
        }
    }

    fn on_error(&mut self, error: io::Error) -> Step {
        let transient = [io::ErrorKind::Interrupted, io::ErrorKind::WouldBlock];
        if transient.contains(&error.kind()) && self.again < AGAIN_MAX {
            self.again += 1;
            return Step::Again;
        }
        Step::Done(Err(error))
    }

    /// The buffer of a read.
    pub(super) fn into_buffer(self) -> Buffer {
        match self.kind {
            Kind::Read(read) => read.into,
            _ => unreachable!("only reads have a buffer"),
        }
    }

    /// Whether the kernel should go to a worker at once because it could not finish inline.
    pub(super) fn is_retry(&self) -> bool {
        self.again > 0
    }
}

impl Write {
    fn advance(&mut self, count: u64) -> Step {
        let before = self.done;
        self.done += count;
        if self.done < self.bytes && self.file.is_direct() {
            // The block in which a direct write stopped is written again as a whole.
            self.done -= self.done % PAGE_BYTES as u64;
        }
        match self.done {
            done if done == self.bytes => Step::Done(Ok(done)),
            done if done == before => Step::Done(Err(io::ErrorKind::WriteZero.into())),
            _ => Step::Again,
        }
    }
}

impl Read {
    pub(super) fn new(file: &SharedFile, into: Buffer, position: u64, bytes: usize) -> Self {
        Self {
            file: file.descriptor().clone(),
            into,
            position,
            done: 0,
            bytes: bytes as u64,
        }
    }

    fn advance(&mut self, count: u64) -> Step {
        self.done += count;
        let stopped_short = self.file.is_direct() && !count.is_multiple_of(LOGICAL_BLOCK_BYTES);
        if count == 0 || stopped_short || self.done == self.bytes {
            return Step::Done(Ok(self.done));
        }
        Step::Again
    }
}
