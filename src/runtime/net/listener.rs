//! Listening: every core has its own socket on the same port, the kernel spreads connections.

use super::super::core::Core;
use super::super::error::StartError;
use super::conn::Conn;
use super::readiness::Registered;
use socket2::{Domain, Protocol, Socket, Type};
use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

/// Pause after an accept that failed: out of descriptors stays so for a while.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);

/// Whether to make sure first that no other process serves the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exclusive {
    /// Ask; for the first core of a process.
    Yes,
    /// Join those that listen already; for the other cores.
    No,
}

/// A listening socket of one core.
pub struct Listener {
    core: Core,
    // Before the socket: its number is free for another one as soon as that is closed.
    registered: Registered,
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Listens on `address`; on port 0 the kernel chooses, see [`Listener::local_addr`]. The kernel
    /// completes `backlog` connections before they are accepted, if its own bound is not lower.
    ///
    /// # Errors
    /// When another process serves the port, or the address is not ours.
    pub fn bind(
        core: &Core,
        address: SocketAddr,
        exclusive: Exclusive,
        backlog: i32,
    ) -> Result<Self, StartError> {
        let explain = |error: io::Error| match error.kind() {
            io::ErrorKind::AddrInUse => StartError::PortTaken { address },
            _ => StartError::Listen { address, error },
        };
        if exclusive == Exclusive::Yes {
            check_unserved(address).map_err(explain)?;
        }
        let socket = listen(address, backlog).map_err(explain)?;
        let local = socket.local_addr().map_err(explain)?;
        let address = local.as_socket().unwrap_or(address);
        Ok(Self {
            core: core.clone(),
            registered: core.inner.sockets.register(&socket).map_err(explain)?,
            socket: socket.into(),
            address,
        })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The next connection.
    ///
    /// A connection that is over before we have it is passed over. When accepting itself fails,
    /// as it does without free descriptors, that is logged and slept on: it passes, and trying
    /// again at once would take the core.
    pub async fn accept(&self) -> (Conn, SocketAddr) {
        loop {
            let accept = || self.socket.accept();
            let accepted = poll_fn(|cx| self.registered.poll_accept(cx, accept)).await;
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) if is_of_the_peer(&error) => continue,
                Err(error) => {
                    log::warn!("accepting on {}: {error}", self.address);
                    self.core.sleep(PAUSE_AFTER_ERROR).await;
                    continue;
                }
            };
            match Conn::new(&self.core, stream, peer) {
                Ok(conn) => return (conn, peer),
                Err(error) if is_of_the_peer(&error) => {}
                Err(error) => {
                    log::warn!("a connection of {peer} is dropped: {error}");
                    self.core.sleep(PAUSE_AFTER_ERROR).await;
                }
            }
        }
    }
}

/// Errors that `accept(2)` passes on from a connection which failed before we had it.
fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionReset, HostUnreachable, Interrupted, NetworkDown,
        NetworkUnreachable, PermissionDenied, TimedOut,
    };
    let kinds = [
        ConnectionAborted,
        ConnectionReset,
        HostUnreachable,
        Interrupted,
        NetworkDown,
        NetworkUnreachable,
        PermissionDenied,
        TimedOut,
    ];
    kinds.contains(&error.kind())
}

fn listen(address: SocketAddr, backlog: i32) -> io::Result<Socket> {
    let socket = socket(address)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Binding without `SO_REUSEPORT` fails while anybody listens there, be it a second broker of the
/// same user that would silently take half of the connections.
fn check_unserved(address: SocketAddr) -> io::Result<()> {
    socket(address)?.bind(&address.into())
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // Connections of a process that ended a moment ago must not hold the port.
    socket.set_reuse_address(true)?;
    Ok(socket)
}
