//! One connection: received from by one task, sent to by another, closed by any.

use super::super::core::Core;
use super::super::stats::Counters;
use super::readiness::Registered;
use super::receive_area::ReceiveArea;
use super::send::{Slice, send_all, send_at_once};
use crate::sys::arena::{Chunk, ChunkMut};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::cell::Cell;
use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// A connection of this core. Clones are the same connection; the last one closes it.
#[derive(Clone)]
pub struct Conn {
    inner: Rc<Inner>,
}

struct Inner {
    core: Core,
    // Before the socket: its number is free for another one as soon as that is closed.
    registered: Registered,
    stream: TcpStream,
    peer: SocketAddr,
    quiet: Cell<bool>,
}

/// Connects to a listening peer.
///
/// # Errors
/// Those of `connect(2)`.
pub async fn connect(core: &Core, address: SocketAddr) -> io::Result<Conn> {
    let protocol = Some(Protocol::TCP);
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, protocol)?;
    socket.set_nonblocking(true)?;
    let begun = match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => Ok(()),
        begun => begun,
    };
    begun?;
    let conn = Conn::new(core, socket.into(), address)?;
    let Inner {
        registered, stream, ..
    } = &*conn.inner;
    registered.expect_connect();
    poll_fn(|cx| registered.poll_connected(cx)).await;
    match stream.take_error()? {
        None => Ok(conn),
        Some(error) => Err(error),
    }
}

impl Conn {
    pub(super) fn new(core: &Core, stream: TcpStream, peer: SocketAddr) -> io::Result<Self> {
        set_options(stream.as_fd())?;
        let inner = Inner {
            core: core.clone(),
            registered: core.inner.sockets.register(&stream)?,
            stream,
            peer,
            quiet: Cell::new(false),
        };
        Ok(Self {
            inner: Rc::new(inner),
        })
    }

    /// The other end's address.
    pub fn peer(&self) -> SocketAddr {
        self.inner.peer
    }

    /// Waits for bytes and gives those that are there; none at the end of the stream.
    ///
    /// While it waits it holds no memory. A slice that is kept keeps its area of 256 KiB from
    /// being reused: copy what is small and outlives its request. When the arena is exhausted
    /// this waits for memory, and the peer's window closes. One task receives at a time.
    ///
    /// # Errors
    /// Those of `recv(2)`: the connection is over.
    pub async fn receive(&self, area: &ReceiveArea) -> io::Result<Chunk> {
        self.receive_at_most(area, usize::MAX).await
    }

    /// [`Conn::receive`], but at most `bytes_max` of what is there.
    ///
    /// For the beginning of a frame whose rest then goes straight to its place by
    /// [`Conn::receive_into`].
    ///
    /// # Errors
    /// As [`Conn::receive`].
    pub async fn receive_at_most(&self, area: &ReceiveArea, bytes_max: usize) -> io::Result<Chunk> {
        assert!(
            bytes_max > 0,
            "receiving nothing would look like the end of the stream"
        );
        loop {
            match poll_fn(|cx| self.poll_receive(area, bytes_max, cx)).await {
                Some(received) => return received,
                None => area.refilled(&self.inner.core).await,
            }
        }
    }

    /// Waits for bytes and puts those that are there into a range of the chunk above its mark,
    /// without sealing them; says how many. 0 at the end of the stream.
    ///
    /// # Errors
    /// Those of `recv(2)`: the connection is over.
    pub async fn receive_into(&self, chunk: &mut ChunkMut, to: Range<usize>) -> io::Result<usize> {
        let into = chunk.writable(to);
        assert!(
            !into.is_empty(),
            "receiving nothing would look like the end of the stream"
        );
        poll_fn(|cx| self.poll_read(cx, into)).await
    }

    /// Sends all slices in order, in full.
    ///
    /// Memory slices go out by vectored writes, files by the core's fetch path, without stalling
    /// the core on a range that is not cached. While it waits for the peer it holds the slices
    /// and nothing else. One task sends at a time.
    ///
    /// # Errors
    /// `TimedOut` when the peer took no byte for `stall_max`; `UnexpectedEof` when a file is
    /// shorter than its slice says; those of `send(2)`. What was sent is then not known: close.
    pub async fn send(&self, slices: Vec<Slice>, stall_max: Duration) -> io::Result<()> {
        send_all(self, slices, stall_max.max(Duration::from_millis(1))).await
    }

    /// Sends what the socket takes at once and gives the rest, for [`Conn::send`]; of slices with a
    /// file among them nothing. Not while somebody sends.
    ///
    /// # Errors
    /// Those of `send(2)`: the connection is over.
    pub fn send_at_once(&self, slices: Vec<Slice>) -> io::Result<Vec<Slice>> {
        send_at_once(self, slices)
    }

    /// Whether what the peer says is heard up to 2 ms late while many others speak: for peers that
    /// speak seldom and on whom nobody waits. Some system calls where it is a change.
    pub fn set_quiet(&self, quiet: bool) {
        let Inner {
            registered,
            quiet: known,
            ..
        } = &*self.inner;
        if known.get() != quiet && self.with_socket(|socket| registered.set_quiet(socket, quiet)) {
            known.set(quiet);
        }
    }

    /// Ends both directions; whoever receives gets the end, whoever sends an error.
    pub fn close(&self) {
        // It fails on a connection that is already over, which is what was asked for.
        let _ = self.with_socket(|socket| SockRef::from(&socket).shutdown(Shutdown::Both));
    }

    pub(super) fn core(&self) -> &Core {
        &self.inner.core
    }

    /// Makes a system call on the socket.
    pub(super) fn with_socket<T>(&self, call: impl FnOnce(BorrowedFd<'_>) -> T) -> T {
        call(self.inner.stream.as_fd())
    }

    /// Sends what the socket takes of `bytes`, or waits until it takes something.
    pub(super) fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let write = || self.write(bytes);
        self.inner.registered.poll_write(cx, write)
    }

    /// Sends what the socket takes of `bytes`: `WouldBlock` where that is nothing.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        (&self.inner.stream).write(bytes)
    }

    fn poll_read(&self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let wanted = into.len();
        let read = || (&self.inner.stream).read(into);
        let polled = self.inner.registered.poll_read(cx, wanted, read);
        if let Poll::Ready(Ok(count)) = polled {
            Counters::add(&self.inner.core.inner.counters.received_bytes, count as u64);
        }
        polled
    }

    /// `Ready(None)`: there is no memory to receive into.
    fn poll_receive(
        &self,
        area: &ReceiveArea,
        bytes_max: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Chunk>>> {
        let filled = area.fill(|into| match self.poll_read(cx, first(into, bytes_max)) {
            Poll::Ready(Ok(count)) => (Some(count), Ok(Poll::Ready(()))),
            Poll::Ready(Err(error)) => (None, Err(error)),
            Poll::Pending => (None, Ok(Poll::Pending)),
        });
        match filled {
            None => Poll::Ready(None),
            Some((Ok(Poll::Pending), _)) => Poll::Pending,
            Some((Ok(Poll::Ready(())), chunk)) => Poll::Ready(Some(Ok(chunk))),
            Some((Err(error), _)) => Poll::Ready(Some(Err(error))),
        }
    }
}

fn set_options(socket: BorrowedFd<'_>) -> io::Result<()> {
    let socket = SockRef::from(&socket);
    socket.set_tcp_nodelay(true)?;
    // A peer that has vanished without a word is noticed after the host's time (as in Kafka).
    socket.set_keepalive(true)?;
    // `sendfile` knows no flag of its own for not waiting.
    socket.set_nonblocking(true)
}

fn first(bytes: &mut [u8], bytes_max: usize) -> &mut [u8] {
    let len = bytes.len().min(bytes_max);
    &mut bytes[..len]
}
