//! One connection to one broker: requests out, answers in, in the same order.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::request::Request;
use super::versions::OfferedVersions;
use super::{Address, ClientError};
use crate::protocol::api_key::ApiKey;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::frame;
use crate::protocol::message::Message;
use crate::protocol::message::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use crate::protocol::wire::{Encoded, Piece, Reader};

/// Bounds of a connection.
#[derive(Clone, Debug)]
pub struct ConnectionSettings {
    /// What the broker's logs and quotas know us by.
    pub client_id: String,
    /// How long one attempt to connect may take.
    pub connect_timeout: Duration,
    /// How long an answer may take.
    pub request_timeout: Duration,
    /// The largest answer that is read.
    pub response_bytes_max: usize,
}

impl Default for ConnectionSettings {
    fn default() -> Self {
        Self {
            client_id: "klamm".to_owned(),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            response_bytes_max: 128 << 20,
        }
    }
}

/// A connection whose versions are agreed.
///
/// Several requests may be on their way at once; the broker answers in order. Any error but a
/// refusal in an answer leaves the connection unusable.
#[derive(Debug)]
pub struct Connection {
    sender: RequestSender,
    receiver: ResponseReceiver,
    expected: VecDeque<Expected>,
}

/// A connection taken apart; see [`Connection::into_parts`].
#[derive(Debug)]
pub struct ConnectionParts {
    /// The socket: blocking, without delay, with a write timeout.
    pub stream: TcpStream,
    /// Who is at the other end.
    pub address: Address,
    /// The versions it offers.
    pub offered: OfferedVersions,
}

/// The half that sends; see [`Connection::split`].
#[derive(Debug)]
pub struct RequestSender {
    stream: TcpStream,
    link: Arc<Link>,
    next_correlation_id: i32,
}

/// Ends a connection whose owner may be waiting for an answer.
#[derive(Debug)]
pub(super) struct Closer(TcpStream);

impl Closer {
    /// Ends both directions; whoever waits gets an error.
    pub(super) fn close(&self) {
        // The peer may have closed already, and then there is nothing to shut down.
        let _ = self.0.shutdown(std::net::Shutdown::Both);
    }
}

/// The half that receives; see [`Connection::split`].
#[derive(Debug)]
pub struct ResponseReceiver {
    stream: TcpStream,
    link: Arc<Link>,
}

/// An answer that is on its way.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    api: ApiKey,
    version: i16,
    correlation_id: i32,
    deadline: Instant,
}

/// An answer that has arrived, not yet decoded.
#[derive(Debug)]
pub struct Response {
    frame: Bytes,
    expected: Expected,
    address: Address,
}

#[derive(Debug)]
struct Link {
    address: Address,
    settings: ConnectionSettings,
    offered: OfferedVersions,
}

impl Connection {
    /// Connects and agrees on versions (KIP-511): asks in a recent version of ApiVersions and
    /// again in an older one if the broker does not know that.
    pub fn open(address: &Address, settings: &ConnectionSettings) -> Result<Self, ClientError> {
        let stream = connect(address, settings)?;
        let mut connection = Self::over(stream, address, settings)?;
        let offered = connection.negotiate()?;
        let link = Arc::new(Link {
            address: address.clone(),
            settings: settings.clone(),
            offered,
        });
        connection.sender.link = link.clone();
        connection.receiver.link = link;
        Ok(connection)
    }

    /// Sends a request and waits for its answer; nothing else may be on its way.
    pub fn call<'a, R: Request<'a>>(&mut self, request: &R) -> Result<Response, ClientError> {
        assert!(self.expected.is_empty(), "a call among pipelined requests");
        self.send(request, &[])?;
        self.receive()
    }

    /// Like [`Connection::call`], for a request that the broker answers in its own time.
    pub(super) fn call_within<'a, R: Request<'a>>(
        &mut self,
        request: &R,
        patience: Duration,
    ) -> Result<Response, ClientError> {
        assert!(self.expected.is_empty(), "a call among pipelined requests");
        let sent = self.sender.send(request, &[])?;
        let deadline = Instant::now() + patience;
        self.receiver.receive(Expected { deadline, ..sent })
    }

    /// Sends a request in the newest version that both sides speak. `bodies` are the record
    /// bytes it leaves places for, in order.
    pub fn send<'a, R: Request<'a>>(
        &mut self,
        request: &R,
        bodies: &[&[u8]],
    ) -> Result<(), ClientError> {
        let expected = self.sender.send(request, bodies)?;
        self.expected.push_back(expected);
        Ok(())
    }

    /// Waits for the answer to the oldest request on its way.
    pub fn receive(&mut self) -> Result<Response, ClientError> {
        let expected = self.expected.pop_front();
        let expected = expected.expect("an answer is only waited for after a request");
        self.receiver.receive(expected)
    }

    /// The version that [`Connection::send`] will use.
    pub fn version_of<'a, R: Request<'a>>(&self) -> Result<i16, ClientError> {
        self.sender.version_of::<R>()
    }

    /// What ends this connection from another thread.
    pub(super) fn closer(&self) -> Result<Closer, ClientError> {
        let stream = self.sender.stream.try_clone();
        stream.map(Closer).map_err(|source| ClientError::Connect {
            address: self.sender.link.address.clone(),
            source,
        })
    }

    /// The socket and what was agreed on it, for a load that frames its requests itself; nothing
    /// may be on its way.
    pub fn into_parts(self) -> ConnectionParts {
        assert!(
            self.expected.is_empty(),
            "a connection is taken apart before it is used"
        );
        let RequestSender { stream, link, .. } = self.sender;
        ConnectionParts {
            stream,
            address: link.address.clone(),
            offered: link.offered.clone(),
        }
    }

    /// The two directions, to be used on two threads; nothing may be on its way.
    pub fn split(self) -> (RequestSender, ResponseReceiver) {
        assert!(
            self.expected.is_empty(),
            "a connection is split before it is used"
        );
        (self.sender, self.receiver)
    }

    fn over(
        stream: TcpStream,
        address: &Address,
        settings: &ConnectionSettings,
    ) -> Result<Self, ClientError> {
        let link = Arc::new(Link {
            address: address.clone(),
            settings: settings.clone(),
            offered: OfferedVersions::default(),
        });
        let second = stream.try_clone().map_err(|source| ClientError::Connect {
            address: address.clone(),
            source,
        })?;
        Ok(Self {
            sender: RequestSender {
                stream,
                link: link.clone(),
                next_correlation_id: 0,
            },
            receiver: ResponseReceiver {
                stream: second,
                link,
            },
            expected: VecDeque::new(),
        })
    }

    fn negotiate(&mut self) -> Result<OfferedVersions, ClientError> {
        let first = self.ask_versions(ASKED_FIRST)?;
        if first.error_code != ErrorCode::UnsupportedVersion.code() {
            return self.accept_versions(&first);
        }
        let offered = OfferedVersions::from_response(&first);
        let ours = ApiVersionsRequest::VERSIONS;
        let version = offered.highest_common(ApiVersionsRequest::KEY, ours);
        let second = self.ask_versions(version.unwrap_or(0).min(ASKED_FIRST))?;
        self.accept_versions(&second)
    }

    fn accept_versions(
        &self,
        response: &ApiVersionsResponse,
    ) -> Result<OfferedVersions, ClientError> {
        let address = &self.sender.link.address;
        super::Refusal::check(response.error_code, None)
            .map_err(|refusal| refusal.of(format!("ask {address} which versions it speaks")))?;
        Ok(OfferedVersions::from_response(response))
    }

    fn ask_versions(&mut self, version: i16) -> Result<ApiVersionsResponse, ClientError> {
        let request = ApiVersionsRequest {
            client_software_name: "klamm".into(),
            client_software_version: env!("CARGO_PKG_VERSION").into(),
            ..Default::default()
        };
        let expected = self.sender.send_in(&request, version, &[])?;
        let response = self.receiver.receive(expected)?;
        response.decode_versions()
    }
}

/// The version of ApiVersions asked in first: Kafka 4's. Older brokers answer with an error in
/// version 0 that says what they know.
const ASKED_FIRST: i16 = 4;

impl RequestSender {
    /// Sends a request in the newest version that both sides speak.
    pub fn send<'a, R: Request<'a>>(
        &mut self,
        request: &R,
        bodies: &[&[u8]],
    ) -> Result<Expected, ClientError> {
        let version = self.version_of::<R>()?;
        self.send_in(request, version, bodies)
    }

    /// The newest version that both sides speak.
    pub fn version_of<'a, R: Request<'a>>(&self) -> Result<i16, ClientError> {
        let common = self.link.offered.highest_common(R::KEY, R::VERSIONS);
        common.ok_or_else(|| ClientError::Unsupported {
            address: self.link.address.clone(),
            api: R::API.name(),
            ours: format!("{} to {}", R::VERSIONS.first, R::VERSIONS.last),
            theirs: self.link.offered.describe(R::KEY),
        })
    }

    /// Who is at the other end.
    pub fn address(&self) -> &Address {
        &self.link.address
    }

    /// Ends both directions; a receiver that waits returns with an error.
    pub fn shut_down(&self) {
        // The peer may have closed already, and then there is nothing to shut down.
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }

    fn send_in<'a, R: Request<'a>>(
        &mut self,
        request: &R,
        version: i16,
        bodies: &[&[u8]],
    ) -> Result<Expected, ClientError> {
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id = correlation_id.wrapping_add(1);
        let client_id = Some(self.link.settings.client_id.as_str());
        let encoded = frame::request(request, version, correlation_id, client_id);
        let encoded = encoded.map_err(|error| ClientError::Unencodable {
            api: R::API.name(),
            why: error.to_string(),
        })?;
        let deadline = Instant::now() + self.link.settings.request_timeout;
        write_pieces(&mut self.stream, encoded, bodies).map_err(|error| {
            self.link
                .io_error(format!("sending a {} request", R::API), error)
        })?;
        Ok(Expected {
            api: R::API,
            version,
            correlation_id,
            deadline,
        })
    }
}

impl ResponseReceiver {
    /// Waits for this answer, which must be the oldest on its way.
    pub fn receive(&mut self, expected: Expected) -> Result<Response, ClientError> {
        let frame = Bytes::from(self.read_frame(expected)?);
        let response = Response {
            frame,
            expected,
            address: self.link.address.clone(),
        };
        response.check_correlation()?;
        Ok(response)
    }

    fn read_frame(&mut self, expected: Expected) -> Result<Vec<u8>, ClientError> {
        let doing = || format!("waiting for the answer to {}", expected.api);
        let failed = |error| self.link.io_error(doing(), error);
        let mut prefix = [0; frame::PREFIX_LEN];
        read_by(&self.stream, &mut prefix, expected.deadline).map_err(failed)?;
        let bytes_max = self.link.settings.response_bytes_max;
        let len = frame::frame_len(prefix, bytes_max).map_err(|error| match error {
            frame::FrameError::TooLarge { len, .. } => ClientError::TooLarge {
                address: self.link.address.clone(),
                bytes: len as u64,
                bytes_max,
            },
            other => malformed(&self.link.address, expected.api, other.to_string()),
        })?;
        let mut frame = Vec::new();
        while frame.len() < len {
            let arrived = frame.len();
            frame.resize(len.min(arrived + arrived.max(READ_STEP_BYTES)), 0);
            read_by(&self.stream, &mut frame[arrived..], expected.deadline).map_err(failed)?;
        }
        Ok(frame)
    }
}

/// An answer's memory grows by no more than what has arrived, or this.
const READ_STEP_BYTES: usize = 64 * 1024;

impl Response {
    /// The version it is in.
    pub fn version(&self) -> i16 {
        self.expected.version
    }

    /// Reads it; records stay borrowed.
    pub fn decode<'a, M: Message<'a>>(&'a self) -> Result<M, ClientError> {
        let (_, mut reader) = self.body(self.expected.version)?;
        self.read(&mut reader, self.expected.version)
    }

    /// The part of the answer that `part`, borrowed from it by decoding, points to; it keeps the
    /// answer's memory alive.
    pub(super) fn share(&self, part: &[u8]) -> Bytes {
        self.frame.slice_ref(part)
    }

    /// An answer to ApiVersions is in version 0 when the version asked is not known.
    fn decode_versions(&self) -> Result<ApiVersionsResponse, ClientError> {
        let (_, body) = self.body(self.expected.version)?;
        let code = body.clone().array().map(i16::from_be_bytes);
        let unsupported = code == Ok(ErrorCode::UnsupportedVersion.code());
        let version = if unsupported {
            0
        } else {
            self.expected.version
        };
        self.read(&mut body.clone(), version)
    }

    fn read<'a, M: Message<'a>>(
        &'a self,
        reader: &mut Reader<'a>,
        version: i16,
    ) -> Result<M, ClientError> {
        let message = M::decode(reader, version).and_then(|message| {
            reader.expect_end()?;
            Ok(message)
        });
        message.map_err(|error| malformed(&self.address, self.expected.api, error.to_string()))
    }

    fn check_correlation(&self) -> Result<(), ClientError> {
        let (found, _) = self.body(self.expected.version)?;
        let expected = self.expected.correlation_id;
        match found == expected {
            true => Ok(()),
            false => Err(malformed(
                &self.address,
                self.expected.api,
                format!("its correlation id is {found}, {expected} was expected"),
            )),
        }
    }

    fn body(&self, version: i16) -> Result<(i32, Reader<'_>), ClientError> {
        frame::response(&self.frame, self.expected.api, version)
            .map_err(|error| malformed(&self.address, self.expected.api, error.to_string()))
    }
}

impl Link {
    fn io_error(&self, doing: String, error: io::Error) -> ClientError {
        let address = self.address.clone();
        let gone = [
            io::ErrorKind::UnexpectedEof,
            io::ErrorKind::ConnectionReset,
            io::ErrorKind::BrokenPipe,
        ];
        match gone.contains(&error.kind()) {
            true => ClientError::Closed { address, doing },
            false => ClientError::Io {
                address,
                doing,
                source: error,
            },
        }
    }
}

fn malformed(address: &Address, api: ApiKey, why: String) -> ClientError {
    ClientError::Malformed {
        address: address.clone(),
        api: api.name(),
        why,
    }
}

/// Tries every address of the name in turn.
fn connect(address: &Address, settings: &ConnectionSettings) -> Result<TcpStream, ClientError> {
    let failed = |source| ClientError::Connect {
        address: address.clone(),
        source,
    };
    let resolved = (address.host.as_str(), address.port)
        .to_socket_addrs()
        .map_err(failed)?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for target in resolved {
        match TcpStream::connect_timeout(&target, settings.connect_timeout) {
            Ok(stream) => {
                prepare(&stream, settings).map_err(failed)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}

fn prepare(stream: &TcpStream, settings: &ConnectionSettings) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(settings.request_timeout))
}

/// Writes head and bodies without copying the bodies together.
fn write_pieces(stream: &mut TcpStream, encoded: Encoded, bodies: &[&[u8]]) -> io::Result<()> {
    let pieces = encoded.into_pieces();
    let mut bodies = bodies.iter();
    let mut slices = Vec::with_capacity(pieces.len());
    for piece in &pieces {
        match piece {
            Piece::Head(bytes) => slices.push(IoSlice::new(bytes)),
            Piece::Body(len) => {
                let body = bodies.next().expect("a body for every place that was left");
                assert_eq!(body.len(), *len, "the body has the announced length");
                slices.push(IoSlice::new(body));
            }
        }
    }
    let mut rest = slices.as_mut_slice();
    while !rest.is_empty() {
        match stream.write_vectored(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Fills the buffer, or fails at the deadline however slowly the peer dribbles.
fn read_by(mut stream: &TcpStream, mut buffer: &mut [u8], deadline: Instant) -> io::Result<()> {
    while !buffer.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time"));
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => buffer = &mut buffer[read..],
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock => {}
                _ => return Err(error),
            },
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
