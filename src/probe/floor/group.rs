//! Many connections with small requests: what has arrived shares one write and one sync.

use std::hint::black_box;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{RecvFlags, recv};

use super::produce::figures;
use super::target::Target;
use super::{REPLY_BYTES, SMALL_BYTES};
use crate::probe::disk::Written;
use crate::probe::memory::touched;
use crate::probe::meter::Meter;
use crate::probe::pair;
use crate::probe::report::FloorProduce;
use crate::probe::rig::Rig;
use crate::probe::sending::until;
use crate::protocol::record::crc32c;
use crate::sys::arena::{ChunkMut, PAGE_BYTES};

const CONNECTIONS: usize = 8;
/// Requests that a connection has in flight.
const IN_FLIGHT: usize = 16;
/// What one connection can have sent and not got answered.
const AREA_BYTES: usize = IN_FLIGHT * SMALL_BYTES;

/// Measures 1 KiB requests on several connections.
pub(super) fn measure(rig: &Rig<'_>, written: &Written, synced: bool) -> io::Result<FloorProduce> {
    let program = |sockets: Vec<TcpStream>| {
        let mut program = Program::new(&sockets, Target::new(written, synced))?;
        program.serve_for(rig.pace.figure / 8)?;
        let meter = Meter::begin();
        let requests = program.serve_for(rig.pace.figure)?;
        let spent = meter.end(rig);
        Ok(figures(SMALL_BYTES, CONNECTIONS, synced, requests, &spent))
    };
    pair::run(rig, CONNECTIONS, program, |sockets| load(&sockets))
}

struct Program<'a> {
    connections: Vec<Connection<'a>>,
    /// The group's requests, one behind the other: what is written.
    group: ChunkMut,
    target: Target<'a>,
}

struct Connection<'a> {
    socket: &'a TcpStream,
    area: Vec<u8>,
    received: usize,
}

impl<'a> Program<'a> {
    fn new(sockets: &'a [TcpStream], target: Target<'a>) -> io::Result<Self> {
        let connections = sockets.iter().map(|socket| Connection {
            socket,
            area: vec![0; AREA_BYTES],
            received: 0,
        });
        Ok(Self {
            connections: connections.collect(),
            group: touched(CONNECTIONS * AREA_BYTES)?,
            target,
        })
    }

    fn serve_for(&mut self, span: Duration) -> io::Result<u64> {
        let mut requests = 0;
        until(span, || {
            requests += self.serve_group()?;
            Ok(())
        })?;
        Ok(requests)
    }

    /// Waits for requests and answers all that are there; how many they were.
    fn serve_group(&mut self) -> io::Result<u64> {
        let ready = ready(&self.connections)?;
        let mut arrived = [0; CONNECTIONS];
        let (group, mut filled) = (self.group.spare(), 0);
        for at in ready {
            let bytes = self.connections[at].receive(&mut group[filled..])?;
            filled += bytes;
            arrived[at] = bytes / SMALL_BYTES;
        }
        if filled > 0 {
            self.target
                .append(&group[..filled.next_multiple_of(PAGE_BYTES)])?;
        }
        for (connection, requests) in self.connections.iter_mut().zip(arrived) {
            connection.answer(requests)?;
        }
        Ok((filled / SMALL_BYTES) as u64)
    }
}

/// The connections that have something to read.
fn ready(connections: &[Connection<'_>]) -> io::Result<Vec<usize>> {
    let fds = connections
        .iter()
        .map(|one| PollFd::new(one.socket, PollFlags::IN));
    let mut fds: Vec<_> = fds.collect();
    poll(&mut fds, None)?;
    let ready = fds
        .iter()
        .enumerate()
        .filter(|(_, fd)| !fd.revents().is_empty());
    Ok(ready.map(|(at, _)| at).collect())
}

impl Connection<'_> {
    /// Takes what has arrived, and moves the whole requests of it to the beginning of `group`.
    fn receive(&mut self, group: &mut [u8]) -> io::Result<usize> {
        let free = &mut self.area[self.received..];
        match recv(self.socket, free, RecvFlags::DONTWAIT)?.0 {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            bytes => self.received += bytes,
        }
        let whole = self.received - self.received % SMALL_BYTES;
        for request in self.area[..whole].chunks_exact(SMALL_BYTES) {
            black_box(crc32c(request));
        }
        group[..whole].copy_from_slice(&self.area[..whole]);
        self.area.copy_within(whole..self.received, 0);
        self.received -= whole;
        Ok(whole)
    }

    fn answer(&mut self, requests: usize) -> io::Result<()> {
        match requests {
            0 => Ok(()),
            _ => self
                .socket
                .write_all(&[0; IN_FLIGHT * REPLY_BYTES][..requests * REPLY_BYTES]),
        }
    }
}

/// Keeps every connection's requests in flight until the program has gone.
fn load(sockets: &[TcpStream]) -> io::Result<()> {
    let (requests, mut replies) = ([0x5a; AREA_BYTES], [0; IN_FLIGHT * REPLY_BYTES]);
    for mut socket in sockets {
        socket.write_all(&requests)?;
    }
    loop {
        for mut socket in sockets {
            socket.read_exact(&mut replies)?;
            socket.write_all(&requests)?;
        }
    }
}
