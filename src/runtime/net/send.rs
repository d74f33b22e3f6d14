//! Sending a response: memory and file ranges in order, never waiting for a disk on the core.

use super::super::file::SharedFile;
use super::super::stats::Counters;
use super::cold::{Stretch, send_cold};
use super::conn::Conn;
use super::fetch_path::FetchPath;
use crate::sys;
use crate::sys::arena::Chunk;
use bytes::Bytes;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::task::Poll;
use std::time::Duration;

/// The most file bytes moved by one call: some 70 µs of work.
const PIECE_BYTES: usize = 256 << 10;
/// A cold range is read in pieces of this size when memory is short.
pub(super) const SMALL_PIECE_BYTES: usize = 16 << 10;
/// What is written by the call that waits for a full socket.
pub(super) const TRICKLE_BYTES: usize = 4 << 10;

/// A part of a response.
#[derive(Clone, Debug)]
pub enum Slice {
    /// Encoded for this response.
    Head(Bytes),
    /// Recent data where it lies.
    Chunk(Chunk),
    /// Older data, not yet read. The file is open through the page cache (not for direct I/O).
    File {
        /// Where it is.
        file: SharedFile,
        /// Its first byte in the file.
        position: u64,
        /// How many bytes.
        len: u32,
    },
}

thread_local! {
    /// File bytes on their way through user space, only while a poll lasts.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; PIECE_BYTES]);
}

/// Sends every slice in full; see [`Conn::send`].
pub(super) async fn send_all(
    conn: &Conn,
    mut slices: Vec<Slice>,
    stall_max: Duration,
) -> io::Result<()> {
    // Nothing may follow the last bytes, or the kernel waits for it (`MSG_MORE`).
    slices.retain(|slice| !slice.is_empty());
    let mut rest = Rest {
        slices,
        first: 0,
        sent: 0,
    };
    while let Some(slice) = rest.slices.get(rest.first) {
        match slice {
            Slice::File {
                file,
                position,
                len,
            } => {
                let range = FileRange {
                    file: file.clone(),
                    position: *position,
                    len: *len as usize,
                };
                let len = range.len;
                send_file(conn, range, stall_max).await?;
                rest.advance(len);
            }
            _ => send_memory(conn, &mut rest, stall_max).await?,
        }
    }
    Ok(())
}

/// Sends what the socket takes at once of slices in memory and gives the rest; where one is of a
/// file, all of them.
pub(super) fn send_at_once(conn: &Conn, mut slices: Vec<Slice>) -> io::Result<Vec<Slice>> {
    slices.retain(|slice| !slice.is_empty());
    if slices.is_empty() || slices.iter().any(|slice| slice.bytes().is_none()) {
        return Ok(slices);
    }
    let mut rest = Rest {
        slices,
        first: 0,
        sent: 0,
    };
    let sent = match rest.slices.len() {
        // As most are; the kernel has less to do for it.
        1 => conn.write(rest.first_bytes()),
        _ => {
            let (parts, more) = rest.memory();
            conn.with_socket(|socket| sys::net::send_vectored(socket, &parts, more))
        }
    };
    let sent = match sent {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
        Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
        other => other?,
    };
    Counters::add(&conn.core().inner.counters.sent_bytes, sent as u64);
    rest.advance(sent);
    Ok(rest.into_slices())
}

/// What has not been sent; no slice is empty.
struct Rest {
    slices: Vec<Slice>,
    first: usize,
    /// Of the first.
    sent: usize,
}

impl Rest {
    /// The memory slices up to the next file, and whether there is one.
    fn memory(&self) -> (Vec<IoSlice<'_>>, bool) {
        let rest = self.slices.iter().skip(self.first);
        let parts = rest.map_while(Slice::bytes).take(sys::net::SLICES_MAX);
        let mut parts: Vec<_> = parts.map(IoSlice::new).collect();
        parts[0].advance(self.sent);
        let more = self.first + parts.len() < self.slices.len();
        (parts, more)
    }

    fn first_bytes(&self) -> &[u8] {
        let bytes = self
            .slices
            .get(self.first)
            .and_then(Slice::bytes)
            .unwrap_or_default();
        &bytes[self.sent.min(bytes.len())..]
    }

    fn into_slices(mut self) -> Vec<Slice> {
        self.slices.drain(..self.first);
        if let Some(first) = self.slices.first_mut() {
            first.skip(self.sent);
        }
        self.slices
    }

    fn advance(&mut self, mut count: usize) {
        while count > 0 {
            let left = self.slices[self.first].len() - self.sent;
            if count < left {
                self.sent += count;
                return;
            }
            count -= left;
            // Its memory is free as soon as the socket has it.
            self.slices[self.first] = Slice::Head(Bytes::new());
            (self.first, self.sent) = (self.first + 1, 0);
        }
    }
}

impl Slice {
    /// Whether it sends nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its bytes, unless they are in a file.
    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Head(bytes) => Some(bytes),
            Self::Chunk(chunk) => Some(chunk),
            Self::File { .. } => None,
        }
    }

    /// Leaves the beginning of bytes in memory away.
    fn skip(&mut self, count: usize) {
        match self {
            Self::Head(bytes) => drop(bytes.split_to(count)),
            Self::Chunk(chunk) => *chunk = chunk.slice(count..chunk.len()),
            Self::File { .. } => assert_eq!(count, 0, "a file is not sent with memory"),
        }
    }

    /// How many bytes it sends.
    pub fn len(&self) -> usize {
        match self {
            Self::File { len, .. } => *len as usize,
            _ => self.bytes().map_or(0, <[u8]>::len),
        }
    }
}

/// Sends a vector of what is in memory, or a little of it when the socket is full.
async fn send_memory(conn: &Conn, rest: &mut Rest, stall_max: Duration) -> io::Result<()> {
    let (parts, more) = rest.memory();
    let sent = match conn.with_socket(|socket| sys::net::send_vectored(socket, &parts, more)) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            trickle(conn, rest.first_bytes(), stall_max).await?
        }
        Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
        other => other?,
    };
    Counters::add(&conn.core().inner.counters.sent_bytes, sent as u64);
    rest.advance(sent);
    if sent >= PIECE_BYTES {
        conn.core().breathe().await;
    }
    Ok(())
}

/// Waits until the socket takes something and gives it the beginning of `bytes`.
pub(super) async fn trickle(conn: &Conn, bytes: &[u8], stall_max: Duration) -> io::Result<usize> {
    let some = &bytes[..bytes.len().min(TRICKLE_BYTES)];
    let sent = poll_fn(|cx| conn.poll_write(cx, some));
    in_time(conn, stall_max, sent).await
}

/// A peer that takes nothing for too long is given up.
async fn in_time(
    conn: &Conn,
    stall_max: Duration,
    sent: impl Future<Output = io::Result<usize>>,
) -> io::Result<usize> {
    let in_time = conn.core().timeout(stall_max, sent).await;
    in_time.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
}

/// Bytes of a file that are to be sent.
#[derive(Clone, Debug)]
pub(super) struct FileRange {
    pub(super) file: SharedFile,
    pub(super) position: u64,
    pub(super) len: usize,
}

/// What became of an attempt to send file bytes.
pub(super) enum Attempt {
    Sent(usize),
    SocketFull,
    NotCached,
}

async fn send_file(conn: &Conn, mut range: FileRange, stall_max: Duration) -> io::Result<()> {
    assert!(
        !range.file.is_direct(),
        "files are sent through the page cache"
    );
    let (mut piece_bytes, mut brought_to) = (PIECE_BYTES, range.position);
    let mut ahead = None;
    while range.len > 0 {
        if let Some(stretch) = ahead.take_if(|_| range.position == brought_to) {
            brought_to = Stretch::arrived(stretch).await?;
            ahead = range
                .from(brought_to)
                .map(|rest| Stretch::begin(conn.core(), &rest));
        }
        let brought = (brought_to - range.position) as usize;
        let piece = range.first(if brought > 0 {
            piece_bytes.min(brought)
        } else {
            piece_bytes
        });
        let attempt = match conn.core().fetch_path() {
            FetchPath::Sendfile => by_sendfile(conn, &piece),
            FetchPath::Copy => by_copy(conn, &piece),
        };
        let sent = match attempt? {
            Attempt::Sent(sent) => sent,
            Attempt::SocketFull => trickle_file(conn, &piece, stall_max).await?,
            Attempt::NotCached if brought == 0 => {
                ahead = Some(Stretch::begin(conn.core(), &range));
                continue;
            }
            // It has left the cache already, or never came.
            Attempt::NotCached => send_cold(conn, &piece, stall_max).await?,
        };
        // A socket that takes little is not offered much.
        piece_bytes = (2 * sent).clamp(SMALL_PIECE_BYTES, PIECE_BYTES);
        range = range.after(sent);
        brought_to = brought_to.max(range.position);
        conn.core().breathe().await;
    }
    Ok(())
}

impl FileRange {
    /// Where it ends in the file.
    pub(super) fn end(&self) -> u64 {
        self.position + self.len as u64
    }

    pub(super) fn first(&self, bytes_max: usize) -> Self {
        Self {
            len: self.len.min(bytes_max),
            ..self.clone()
        }
    }

    /// What of it lies at `position` and beyond.
    fn from(&self, position: u64) -> Option<Self> {
        let before = position.saturating_sub(self.position) as usize;
        (before < self.len).then(|| self.clone().after(before))
    }

    fn after(self, sent: usize) -> Self {
        Self {
            position: self.position + sent as u64,
            len: self.len - sent,
            file: self.file,
        }
    }
}

fn by_sendfile(conn: &Conn, piece: &FileRange) -> io::Result<Attempt> {
    let FileRange {
        file,
        position,
        len,
    } = piece;
    if !sys::file::is_resident(file, *position, *len)? {
        return Ok(Attempt::NotCached);
    }
    let sent = conn.with_socket(|socket| sys::net::send_file(socket, file, *position, *len));
    if matches!(sent, Ok(0)) {
        return Err(shorter_than_said());
    }
    let attempt = attempt(sent)?;
    if let Attempt::Sent(count) = attempt {
        let counters = &conn.core().inner.counters;
        Counters::add(&counters.sendfiles, 1);
        Counters::add(&counters.sendfile_bytes, count as u64);
    }
    Ok(attempt)
}

fn by_copy(conn: &Conn, piece: &FileRange) -> io::Result<Attempt> {
    SCRATCH.with_borrow_mut(|scratch| {
        let into = &mut scratch[..piece.len];
        let Some(bytes) = read_cached(piece, into)? else {
            return Ok(Attempt::NotCached);
        };
        send_copied(conn, bytes)
    })
}

/// The cached beginning of a range; `None` when there is none.
fn read_cached<'a>(piece: &FileRange, into: &'a mut [u8]) -> io::Result<Option<&'a [u8]>> {
    match sys::file::read_resident(&piece.file, into, piece.position)? {
        None => Ok(None),
        Some(0) => Err(shorter_than_said()),
        Some(count) => Ok(Some(&into[..count])),
    }
}

pub(super) fn send_copied(conn: &Conn, bytes: &[u8]) -> io::Result<Attempt> {
    let slices = [IoSlice::new(bytes)];
    let sent = conn.with_socket(|socket| sys::net::send_vectored(socket, &slices, false));
    let attempt = attempt(sent)?;
    if let Attempt::Sent(count) = attempt {
        Counters::add(&conn.core().inner.counters.copied_bytes, count as u64);
    }
    Ok(attempt)
}

/// Waits until the socket takes something of a range; the range's bytes are read anew for each
/// try, so that waiting needs no memory.
async fn trickle_file(conn: &Conn, piece: &FileRange, stall_max: Duration) -> io::Result<usize> {
    let some = piece.first(TRICKLE_BYTES);
    let sent = poll_fn(|cx| {
        SCRATCH.with_borrow_mut(
            |scratch| match read_cached(&some, &mut scratch[..some.len]) {
                Ok(Some(bytes)) => conn.poll_write(cx, bytes),
                // It has left the cache meanwhile: the next attempt reads it from the disk.
                Ok(None) => Poll::Ready(Ok(0)),
                Err(error) => Poll::Ready(Err(error)),
            },
        )
    });
    let sent = in_time(conn, stall_max, sent).await?;
    Counters::add(&conn.core().inner.counters.copied_bytes, sent as u64);
    Ok(sent)
}

fn attempt(sent: io::Result<usize>) -> io::Result<Attempt> {
    match sent {
        Ok(count) => Ok(Attempt::Sent(count)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Attempt::SocketFull),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Attempt::Sent(0)),
        Err(error) => Err(error),
    }
}

pub(super) fn shorter_than_said() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the file ends before the range to be sent",
    )
}
