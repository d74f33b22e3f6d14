//! Open files: whole reads and writes on the side ring, and the descriptor other cores may use.

use super::op::{Buffer, Kind, Read, Write};
use super::ring::Ring;
use super::stats::Counters;
use crate::sys;
use crate::sys::arena::{Chunk, ChunkMut, PAGE_BYTES};
use std::fmt;
use std::fs;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;

/// How a file is read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OpenMode {
    /// Past the page cache: positions, lengths and addresses are multiples of 4096.
    DirectReadWrite,
    /// Through the page cache.
    BufferedRead,
    /// Through the page cache.
    BufferedWrite,
    /// Through the page cache.
    BufferedReadWrite,
}

impl OpenMode {
    /// The flags of `open(2)`.
    pub(super) fn flags(self) -> i32 {
        match self {
            Self::DirectReadWrite => libc::O_RDWR | libc::O_DIRECT,
            Self::BufferedRead => libc::O_RDONLY,
            Self::BufferedWrite => libc::O_WRONLY,
            Self::BufferedReadWrite => libc::O_RDWR,
        }
    }
}

/// An open file of this core. Clones are the same open file; the last one closes it.
#[derive(Clone)]
pub struct File {
    descriptor: Arc<Descriptor>,
    ring: Ring,
    counters: Rc<Counters>,
}

/// The open file for any core: to be sent from, and kept open as long as it exists.
#[derive(Clone, Debug)]
pub struct SharedFile {
    descriptor: Arc<Descriptor>,
}

impl SharedFile {
    /// Takes over a file that std opened for reading.
    pub fn from_std(file: fs::File) -> Self {
        Self {
            descriptor: Arc::new(Descriptor::new(file, OpenMode::BufferedRead)),
        }
    }

    /// Whether a range can be sent without waiting for the disk, as far as its ends tell.
    pub fn is_cached(&self, position: u64, bytes: u32) -> bool {
        sys::file::is_resident(self, position, bytes as usize).unwrap_or(false)
    }

    pub(super) fn is_direct(&self) -> bool {
        self.descriptor.is_direct()
    }

    pub(super) fn descriptor(&self) -> &Arc<Descriptor> {
        &self.descriptor
    }
}

impl AsFd for SharedFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl File {
    pub(super) fn new(file: fs::File, mode: OpenMode, ring: Ring, counters: Rc<Counters>) -> Self {
        Self {
            descriptor: Arc::new(Descriptor::new(file, mode)),
            ring,
            counters,
        }
    }

    pub(super) fn of_shared(file: &SharedFile, ring: Ring, counters: Rc<Counters>) -> Self {
        Self {
            descriptor: file.descriptor.clone(),
            ring,
            counters,
        }
    }

    /// Writes all parts, one after the other, from `position` on. On its way when this returns;
    /// it then goes on whether or not the future is awaited.
    ///
    /// The caller sees to it that no two writes under way touch the same 4 KiB block: the older
    /// could win.
    ///
    /// # Errors
    /// The disk's; what of the range was then written is not known.
    ///
    /// # Panics
    /// When a direct file gets a part or position that is not a multiple of 4096.
    pub fn write_at(
        &self,
        parts: Vec<Chunk>,
        position: u64,
    ) -> impl Future<Output = io::Result<()>> + use<> {
        let aligned = position.is_multiple_of(PAGE_BYTES as u64);
        let direct = self.descriptor.is_direct();
        assert!(
            !direct || aligned && parts.iter().all(Chunk::is_aligned),
            "direct writes align"
        );
        let bytes = parts.iter().map(|part| part.len() as u64).sum();
        Counters::add(&self.counters.writes, 1);
        Counters::add(&self.counters.written_bytes, bytes);
        if direct {
            Counters::add(&self.counters.direct_writes, 1);
            Counters::add(&self.counters.direct_bytes, bytes);
        }
        let file = self.descriptor.clone();
        let write = Write {
            file,
            parts,
            position,
            done: 0,
            bytes,
            vectors: Vec::new(),
        };
        let running = (bytes > 0).then(|| self.ring.start(Kind::Write(write)));
        async move {
            let Some(running) = running else {
                return Ok(());
            };
            running.await.1.map(drop)
        }
    }

    /// Makes what was written durable, with as much metadata as is needed to read it. On its way
    /// when this returns.
    ///
    /// # Errors
    /// The disk's; nothing written since the last success may then be taken for durable.
    pub fn sync_data(&self) -> impl Future<Output = io::Result<()>> + use<> {
        self.sync(true)
    }

    /// As [`File::sync_data`], with all metadata.
    ///
    /// # Errors
    /// As [`File::sync_data`].
    pub fn sync_all(&self) -> impl Future<Output = io::Result<()>> + use<> {
        self.sync(false)
    }

    /// Reads `len` bytes, fewer only at the end of the file. Not for direct files.
    ///
    /// # Errors
    /// The disk's.
    pub async fn read_vec(&self, len: usize, position: u64) -> io::Result<Vec<u8>> {
        assert!(
            !self.descriptor.is_direct(),
            "a vector is not aligned for direct reads"
        );
        let (into, read) = self.read(Buffer::Vec(vec![0; len]), len, position).await?;
        let Buffer::Vec(mut bytes) = into else {
            unreachable!("it was a vector")
        };
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Reads `len` bytes to the chunk's mark and upwards, without sealing them, and says how many
    /// there were: fewer only at the end of the file.
    ///
    /// # Errors
    /// The disk's; the chunk is then lost.
    ///
    /// # Panics
    /// When the chunk has less room, or when a direct file gets a mark, length or position that
    /// is not a multiple of 4096.
    pub async fn read_into(
        &self,
        chunk: ChunkMut,
        len: usize,
        position: u64,
    ) -> io::Result<(ChunkMut, usize)> {
        assert!(
            len <= chunk.capacity() - chunk.sealed(),
            "the chunk has room"
        );
        let page = PAGE_BYTES as u64;
        let aligned = |value: u64| !self.descriptor.is_direct() || value.is_multiple_of(page);
        let all = [position, len as u64, chunk.sealed() as u64];
        assert!(all.into_iter().all(aligned), "direct reads align");
        let (into, read) = self.read(Buffer::Chunk(chunk), len, position).await?;
        let Buffer::Chunk(chunk) = into else {
            unreachable!("it was a chunk")
        };
        Ok((chunk, read))
    }

    /// Gives `len` bytes from `from` on a place on the disk; the file is then at least as long.
    ///
    /// # Errors
    /// `StorageFull`, and the disk's.
    pub async fn allocate(&self, from: u64, len: u64) -> io::Result<()> {
        Counters::add(&self.counters.allocations, 1);
        let file = self.descriptor.clone();
        self.ring
            .start(Kind::Allocate {
                file,
                from,
                bytes: len,
            })
            .await
            .1
            .map(drop)
    }

    /// Sets the file's length.
    ///
    /// # Errors
    /// The disk's.
    pub async fn truncate(&self, len: u64) -> io::Result<()> {
        let file = self.descriptor.clone();
        let result = self.ring.start(Kind::Truncate { file, bytes: len }).await.1;
        match result {
            // Kernels before 6.9 do not know the operation.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                let file = self.descriptor.clone();
                super::blocking::run(move || file.file().set_len(len)).await
            }
            other => other.map(drop),
        }
    }

    /// The file's length now. (The kernel knows it without asking the disk.)
    ///
    /// # Errors
    /// Those of `fstat(2)`.
    pub fn len(&self) -> io::Result<u64> {
        Ok(self.descriptor.file().metadata()?.len())
    }

    /// Whether the file holds nothing.
    ///
    /// # Errors
    /// Those of `fstat(2)`.
    pub fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// The same open file for other cores.
    pub fn shared(&self) -> SharedFile {
        SharedFile {
            descriptor: self.descriptor.clone(),
        }
    }

    /// Has the kernel read only what is asked for: readers say themselves how much they want, and
    /// nothing is read ahead into a range that is being written.
    pub(super) fn advise_random(&self) {
        sys::file::advise_random(&*self.descriptor);
    }

    fn sync(&self, data_only: bool) -> impl Future<Output = io::Result<()>> + use<> {
        Counters::add(&self.counters.syncs, 1);
        let file = self.descriptor.clone();
        let running = self.ring.start(Kind::Sync { file, data_only });
        async move { running.await.1.map(drop) }
    }

    async fn read(&self, into: Buffer, len: usize, position: u64) -> io::Result<(Buffer, usize)> {
        if len == 0 {
            return Ok((into, 0));
        }
        let read = Read::new(&self.shared(), into, position, len);
        let (work, result) = self.ring.start(Kind::Read(read)).await;
        let count = result?;
        Counters::add(&self.counters.reads, 1);
        Counters::add(&self.counters.read_bytes, count);
        Ok((work.into_buffer(), count as usize))
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File({:?})", self.descriptor)
    }
}

/// An open descriptor, closed on a thread of its own.
///
/// The last close of a file that was deleted frees its blocks, which takes milliseconds for a
/// large one: no core may do that.
#[derive(Debug)]
pub(super) struct Descriptor {
    /// There until the descriptor is dropped.
    file: Option<fs::File>,
    mode: OpenMode,
}

impl Descriptor {
    fn new(file: fs::File, mode: OpenMode) -> Self {
        Self {
            file: Some(file),
            mode,
        }
    }

    pub(super) fn is_direct(&self) -> bool {
        self.mode == OpenMode::DirectReadWrite
    }

    fn file(&self) -> &fs::File {
        self.file
            .as_ref()
            .expect("a descriptor is open until it is dropped")
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file().as_fd()
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        static CLOSER: OnceLock<mpsc::Sender<fs::File>> = OnceLock::new();
        if let Some(file) = self.file.take() {
            // Without the thread the file is closed here: slower, not wrong.
            let _ = CLOSER.get_or_init(start_closer).send(file);
        }
    }
}

fn start_closer() -> mpsc::Sender<fs::File> {
    let (sender, receiver) = mpsc::channel();
    let close_each = move || receiver.into_iter().for_each(drop::<fs::File>);
    if let Err(error) = thread::Builder::new()
        .name("closer".to_owned())
        .spawn(close_each)
    {
        log::warn!("files are closed on the cores, there is no thread for it: {error}");
    }
    sender
}
