//! Ways for bytes to reach a socket: loopback, and a fetch's response by each of them.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use super::meter::Meter;
use super::pair;
use super::report::{Fetch, FetchBy};
use super::rig::Rig;
use super::scratch::{Caching, nameless};
use crate::sys::shared_memory::SharedMemory;

/// Response sizes that are measured: a consumer's usual ones.
pub(super) const RESPONSE_BYTES: [usize; 2] = [1 << 20, 64 << 10];
/// What responses are cut from: more than a core's own cache.
const SOURCE_BYTES: usize = 64 << 20;
const PIECE_BYTES: usize = 256 << 10;

/// Where the bytes of responses lie.
pub(super) struct Source {
    pub(super) path: FetchBy,
    bytes: Bytes,
    position: usize,
}

enum Bytes {
    Memory(Vec<u8>),
    File(File),
    Shared(SharedMemory),
}

/// One source for each way that this host has.
pub(super) fn sources(rig: &Rig<'_>) -> io::Result<Vec<Source>> {
    let mut sources = vec![
        Source::new(FetchBy::Write, Bytes::Memory(vec![0x5a; SOURCE_BYTES])),
        Source::new(FetchBy::SendfileFile, Bytes::File(cached_file(rig)?)),
    ];
    for huge in [false, true] {
        let memory = SharedMemory::filled(SOURCE_BYTES, huge, 0x5a)?;
        let path = match memory.huge_bytes()? {
            0 if !huge => FetchBy::SendfileMemfd,
            given if huge && given == memory.bytes() => FetchBy::SendfileMemfdHuge,
            // Small pages a second time, or huge ones unasked: no figure of its own.
            _ => continue,
        };
        sources.push(Source::new(path, Bytes::Shared(memory)));
    }
    Ok(sources)
}

/// Sends responses back to back for one figure's time.
pub(super) fn stream(
    rig: &Rig<'_>,
    source: &mut Source,
    response_bytes: usize,
) -> io::Result<Fetch> {
    let path = source.path;
    let send = |sockets: Vec<TcpStream>| {
        let socket = &sockets[0];
        until(rig.pace.figure / 8, || source.send(socket, response_bytes))?;
        let meter = Meter::begin();
        let sent = until(rig.pace.figure, || source.send(socket, response_bytes))?;
        let (spent, bytes) = (meter.end(rig), sent * response_bytes as u64);
        Ok(Fetch {
            path,
            response_bytes,
            cpu_seconds_per_gb: spent.cpu_seconds_per_gb(bytes),
            bytes_per_second: spent.bytes_per_second(bytes),
        })
    };
    pair::run(rig, 1, send, drain)
}

/// Bytes a second of one connection, whatever the ends spend on it.
pub(super) fn loopback(rig: &Rig<'_>) -> io::Result<u64> {
    let mut source = Source::new(FetchBy::Write, Bytes::Memory(vec![0x5a; PIECE_BYTES]));
    Ok(stream(rig, &mut source, PIECE_BYTES)?.bytes_per_second)
}

/// Repeats until the time is over; how often it did.
pub(super) fn until(span: Duration, mut work: impl FnMut() -> io::Result<()>) -> io::Result<u64> {
    let (began, mut times) = (Instant::now(), 0);
    while began.elapsed() < span {
        work()?;
        times += 1;
    }
    Ok(times)
}

impl Source {
    fn new(path: FetchBy, bytes: Bytes) -> Self {
        Self {
            path,
            bytes,
            position: 0,
        }
    }

    /// Sends the next `bytes`, at most as many as the source has.
    pub(super) fn send(&mut self, mut socket: &TcpStream, bytes: usize) -> io::Result<()> {
        if self.position + bytes > self.len() {
            self.position = 0;
        }
        let from = self.position;
        self.position += bytes;
        match &self.bytes {
            Bytes::Memory(memory) => socket.write_all(&memory[from..from + bytes]),
            Bytes::File(file) => send_file(socket, file, from, bytes),
            Bytes::Shared(memory) => send_file(socket, memory.file(), from, bytes),
        }
    }

    fn len(&self) -> usize {
        match &self.bytes {
            Bytes::Memory(memory) => memory.len(),
            _ => SOURCE_BYTES,
        }
    }
}

fn send_file(socket: &TcpStream, file: &File, from: usize, bytes: usize) -> io::Result<()> {
    let (mut position, end) = (from as u64, (from + bytes) as u64);
    while position < end {
        let left = (end - position) as usize;
        if rustix::fs::sendfile(socket, file, Some(&mut position), left)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

/// A file whose pages are in the cache and clean.
fn cached_file(rig: &Rig<'_>) -> io::Result<File> {
    let file = nameless(rig.dir, Caching::PageCache)?;
    let piece = vec![0x5a; PIECE_BYTES];
    for position in (0..SOURCE_BYTES).step_by(PIECE_BYTES) {
        file.write_all_at(&piece, position as u64)?;
    }
    file.sync_data()?;
    Ok(file)
}

fn drain(sockets: Vec<TcpStream>) -> io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut socket = &sockets[0];
    while socket.read(&mut piece)? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_sends_what_the_source_holds() {
        let dir = tempfile::tempdir_in(".").expect("a directory");
        let rig = Rig::of_test(dir.path());
        for mut source in sources(&rig).expect("sources") {
            source.position = SOURCE_BYTES - 1000;
            let path = source.path;
            let got = pair::run(
                &rig,
                1,
                |sockets| {
                    let mut got = vec![0; 5000];
                    (&sockets[0]).read_exact(&mut got)?;
                    Ok(got)
                },
                |sockets| source.send(&sockets[0], 5000),
            );
            assert_eq!(got.expect("received"), vec![0x5a; 5000], "{path:?}");
        }
    }
}
