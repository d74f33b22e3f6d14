//! One connection of a load: requests out, answers in, in order, without waiting.

use std::collections::VecDeque;
use std::net::TcpStream;
use std::sync::Arc;

use crate::bench::BenchError;
use crate::bench::frames::{CLIENT_ID, set_correlation_id};
use crate::bench::socket::Socket;
use crate::client::{Address, ClientError, Connection, OfferedVersions};
use crate::protocol::api_key::ApiKey;
use crate::protocol::frame;
use crate::protocol::message::Message;
use crate::protocol::wire::Reader;

/// A connection and what is on its way on it.
#[derive(Debug)]
pub(super) struct Link {
    socket: Socket,
    address: Arc<Address>,
    offered: OfferedVersions,
    /// Bytes to send; those before `sent` are gone.
    out: Vec<u8>,
    sent: usize,
    asked: VecDeque<Asked>,
    next_correlation_id: i32,
}

/// A request that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) api: ApiKey,
    version: i16,
    correlation_id: i32,
    /// When it should have been sent.
    pub(super) due_us: u64,
}

/// A framed request that is sent more than once.
#[derive(Clone, Debug)]
pub(super) struct Framed {
    pub(super) bytes: Vec<u8>,
    api: ApiKey,
    version: i16,
}

/// An answer, not yet decoded.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) asked: Asked,
    body: Reader<'a>,
    address: Arc<Address>,
}

impl Link {
    /// Takes over a fresh connection; room is kept for answers of so many bytes.
    pub(super) fn new(connection: Connection, receive_bytes: usize) -> Result<Self, BenchError> {
        let parts = connection.into_parts();
        let offered = parts.offered.clone();
        Ok(Self {
            address: Arc::new(parts.address.clone()),
            socket: Socket::receiving(parts, receive_bytes)?,
            offered,
            out: Vec::new(),
            sent: 0,
            asked: VecDeque::new(),
            next_correlation_id: 0,
        })
    }

    pub(super) fn stream(&self) -> &TcpStream {
        self.socket.stream()
    }

    /// Requests that wait for their answers.
    pub(super) fn waiting(&self) -> usize {
        self.asked.len()
    }

    /// The newest version of a request that both sides speak.
    pub(super) fn version_of<'a, M: Message<'a>>(&self) -> Result<i16, BenchError> {
        let common = self.offered.highest_common(M::KEY, M::VERSIONS);
        common.ok_or_else(|| {
            BenchError::Client(ClientError::Unsupported {
                address: Address::clone(&self.address),
                api: api_of::<M>().name(),
                ours: format!("{} to {}", M::VERSIONS.first, M::VERSIONS.last),
                theirs: self.offered.describe(M::KEY),
            })
        })
    }

    /// Frames a request that will be sent several times.
    pub(super) fn framed<'a, M: Message<'a>>(&self, request: &M) -> Result<Framed, BenchError> {
        let version = self.version_of::<M>()?;
        let encoded = frame::request(request, version, 0, Some(CLIENT_ID));
        let encoded = encoded.map_err(|error| {
            BenchError::Client(ClientError::Unencodable {
                api: api_of::<M>().name(),
                why: error.to_string(),
            })
        })?;
        Ok(Framed {
            bytes: encoded.head,
            api: api_of::<M>(),
            version,
        })
    }

    /// Sends a request that was due then.
    pub(super) fn ask<'a, M: Message<'a>>(
        &mut self,
        request: &M,
        due_us: u64,
    ) -> Result<(), BenchError> {
        let mut framed = self.framed(request)?;
        self.send(&mut framed, due_us)
    }

    /// Sends a framed request that was due then.
    pub(super) fn send(&mut self, framed: &mut Framed, due_us: u64) -> Result<(), BenchError> {
        self.send_bytes(&mut framed.bytes, framed.api, framed.version, due_us)
    }

    /// Sends bytes that are a request of this API and version.
    pub(super) fn send_bytes(
        &mut self,
        bytes: &mut [u8],
        api: ApiKey,
        version: i16,
        due_us: u64,
    ) -> Result<(), BenchError> {
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id = correlation_id.wrapping_add(1);
        set_correlation_id(bytes, correlation_id);
        self.asked.push_back(Asked {
            api,
            version,
            correlation_id,
            due_us,
        });
        let at_once = match self.out.is_empty() {
            true => self.socket.send(bytes)?,
            false => 0,
        };
        self.out.extend_from_slice(&bytes[at_once..]);
        Ok(())
    }

    /// Sends what the system did not take before, and receives what is there.
    pub(super) fn move_bytes(&mut self) -> Result<(), BenchError> {
        if !self.out.is_empty() {
            self.sent += self.socket.send(&self.out[self.sent..])?;
            if self.sent == self.out.len() {
                self.out.clear();
                self.sent = 0;
            }
        }
        while self.socket.receive()? {}
        Ok(())
    }

    /// The answer to the oldest request on its way, if it is there.
    pub(super) fn next_answer(&mut self) -> Result<Option<Answer<'_>>, BenchError> {
        let address = self.address.clone();
        let Some(bytes) = self.socket.next_frame()? else {
            return Ok(None);
        };
        let Some(asked) = self.asked.pop_front() else {
            return Err(malformed(
                &address,
                "nothing",
                "nothing was asked".to_owned(),
            ));
        };
        match frame::response(bytes, asked.api, asked.version) {
            Ok((found, body)) if found == asked.correlation_id => Ok(Some(Answer {
                asked,
                body,
                address,
            })),
            Ok((found, _)) => {
                let expected = asked.correlation_id;
                let why = format!("its correlation id is {found}, {expected} was expected");
                Err(malformed(&address, asked.api.name(), why))
            }
            Err(error) => Err(malformed(&address, asked.api.name(), error.to_string())),
        }
    }
}

impl<'a> Answer<'a> {
    /// Reads it.
    pub(super) fn decode<M: Message<'a>>(mut self) -> Result<M, BenchError> {
        let read = M::decode(&mut self.body, self.asked.version);
        read.map_err(|error| malformed(&self.address, self.asked.api.name(), error.to_string()))
    }
}

fn malformed(address: &Address, api: &'static str, why: String) -> BenchError {
    BenchError::Malformed {
        address: address.clone(),
        api,
        why,
    }
}

fn api_of<'a, M: Message<'a>>() -> ApiKey {
    ApiKey::from_number(M::KEY).expect("every request has an API key")
}
