//! A non-blocking socket: frames out as far as they go, whole frames in.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use super::BenchError;
use crate::client::{Address, ConnectionParts};
use crate::protocol::frame::{PREFIX_LEN, frame_len};

/// What is received at a time unless a frame is larger.
const RECEIVE_BYTES: usize = 64 * 1024;
/// The largest answer that is taken.
const FRAME_BYTES_MAX: usize = 256 << 20;

/// One connection of the load.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    address: Address,
    received: Vec<u8>,
    /// What of `received` holds bytes not yet taken.
    from: usize,
    until: usize,
    receive_bytes: usize,
}

impl Socket {
    /// Takes over a connection that nothing is on its way on.
    pub(super) fn new(parts: ConnectionParts) -> Result<Self, BenchError> {
        Self::receiving(parts, RECEIVE_BYTES)
    }

    /// The same, for one of many connections whose answers are small.
    pub(super) fn receiving(
        parts: ConnectionParts,
        receive_bytes: usize,
    ) -> Result<Self, BenchError> {
        let ConnectionParts {
            stream, address, ..
        } = parts;
        let socket = Self {
            stream,
            address,
            received: vec![0; receive_bytes],
            from: 0,
            until: 0,
            receive_bytes,
        };
        let prepared = socket.stream.set_nonblocking(true);
        prepared.map_err(|error| socket.failed(error))?;
        Ok(socket)
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Sends what the system takes now of `bytes` and says how much.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<usize, BenchError> {
        let mut sent = 0;
        while sent < bytes.len() {
            match self.stream.write(&bytes[sent..]) {
                Ok(0) => return Err(self.failed(io::ErrorKind::WriteZero.into())),
                Ok(written) => sent += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(sent)
    }

    /// Receives once; `false` if there is nothing more to receive now.
    pub(super) fn receive(&mut self) -> Result<bool, BenchError> {
        self.make_room()?;
        let room = self.received.len() - self.until;
        match self.stream.read(&mut self.received[self.until..]) {
            Ok(0) => Err(self.failed(io::ErrorKind::UnexpectedEof.into())),
            Ok(read) => {
                self.until += read;
                Ok(read == room)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// The next whole frame without its length, if it is there.
    pub(super) fn next_frame(&mut self) -> Result<Option<&[u8]>, BenchError> {
        let Some(len) = self.announced()? else {
            return Ok(None);
        };
        let start = self.from + PREFIX_LEN;
        if self.until - start < len {
            return Ok(None);
        }
        self.from = start + len;
        Ok(Some(&self.received[start..start + len]))
    }

    pub(super) fn malformed(&self, api: &'static str, why: impl ToString) -> BenchError {
        BenchError::Malformed {
            address: self.address.clone(),
            api,
            why: why.to_string(),
        }
    }

    /// The length of the frame at hand, once its prefix is there.
    fn announced(&self) -> Result<Option<usize>, BenchError> {
        let Some(prefix) = self.received[self.from..self.until].first_chunk::<PREFIX_LEN>() else {
            return Ok(None);
        };
        let len = frame_len(*prefix, FRAME_BYTES_MAX);
        len.map(Some)
            .map_err(|error| self.malformed("a request", error))
    }

    /// Room for the rest of the frame at hand, or for a fresh one.
    fn make_room(&mut self) -> Result<(), BenchError> {
        let needed = self.announced()?.unwrap_or(0) + PREFIX_LEN;
        if self.from == self.until
            || self.from + needed.max(self.receive_bytes) > self.received.len()
        {
            self.received.copy_within(self.from..self.until, 0);
            (self.from, self.until) = (0, self.until - self.from);
        }
        // Never full: receiving into no room would look like the end of the connection.
        let room_for = (self.from + needed).max(self.until + 1);
        if room_for > self.received.len() {
            self.received.resize(room_for + self.receive_bytes, 0);
        }
        Ok(())
    }

    fn failed(&self, source: io::Error) -> BenchError {
        BenchError::Io {
            address: self.address.clone(),
            source,
        }
    }
}
