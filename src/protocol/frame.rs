//! From a connection's bytes to a request's head and body, from a message to bytes to send.
//!
//! No I/O: whoever reads a socket brings the bytes. A frame is an `i32` length and so many bytes.

use super::api_key::ApiKey;
use super::header::{RequestHeader, ResponseHeader};
use super::message::Message;
use super::wire::{Encoded, Malformed, Reader, Unencodable, Writer};

/// Bytes of the length before each frame.
pub const PREFIX_LEN: usize = 4;
/// Bytes every request has: API key, version, correlation id and the client id's length.
pub const REQUEST_LEN_MIN: usize = 10;

/// So much memory a frame begins with: most requests and answers of a client at rest are smaller.
const SMALL_FRAME_LEN: usize = 128;

/// How many bytes follow the prefix, at most `max` (`socket.request.max.bytes`).
pub fn frame_len(prefix: [u8; PREFIX_LEN], max: usize) -> Result<usize, FrameError> {
    let len = i32::from_be_bytes(prefix);
    match usize::try_from(len) {
        Ok(len) if len > max => Err(FrameError::TooLarge { len, max }),
        Ok(len) => Ok(len),
        Err(_) => Err(FrameError::NegativeLength(len)),
    }
}

/// A request's head; its body is read by the message of this API and version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHead<'a> {
    /// What is asked.
    pub api: ApiKey,
    /// In which version; whether that is spoken is the dispatcher's to say.
    pub version: i16,
    /// Comes back in the response.
    pub correlation_id: i32,
    /// What the client calls itself, if it says.
    pub client_id: Option<&'a str>,
}

impl<'a> RequestHead<'a> {
    /// Parses a frame without its prefix; the reader stands at the request's body.
    pub fn parse(frame: &'a [u8]) -> Result<(Self, Reader<'a>), FrameError> {
        let mut r = Reader::new(frame);
        let (key, version) = peek_key(&r)?;
        let api = ApiKey::from_number(key).ok_or(FrameError::UnknownApi { key, version })?;
        let header = RequestHeader::decode(&mut r, api.request_header_version(version))?;
        let head = Self {
            api,
            version,
            correlation_id: header.correlation_id,
            client_id: header.client_id,
        };
        Ok((head, r))
    }

    /// The response to this request as a frame, its length and header included.
    pub fn respond<'m, M: Message<'m>>(&self, response: &M) -> Result<Encoded, Unencodable> {
        self.respond_in(response, self.version)
    }

    /// As [`RequestHead::respond`] but in another version: an ApiVersions request of a version
    /// not spoken is answered in version 0 (KIP-511).
    pub fn respond_in<'m, M: Message<'m>>(
        &self,
        response: &M,
        version: i16,
    ) -> Result<Encoded, Unencodable> {
        let header = ResponseHeader {
            correlation_id: self.correlation_id,
        };
        frame(
            &header,
            self.api.response_header_version(version),
            response,
            version,
        )
    }
}

/// A request as a frame, its length and header included.
pub fn request<'m, M: Message<'m>>(
    request: &M,
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
) -> Result<Encoded, Unencodable> {
    let header = RequestHeader {
        request_api_key: M::KEY,
        request_api_version: version,
        correlation_id,
        client_id,
    };
    frame(
        &header,
        if M::FLEXIBLE.contain(version) { 2 } else { 1 },
        request,
        version,
    )
}

/// Reads a response frame without its prefix: the correlation id, and a reader at the body.
pub fn response(frame: &[u8], api: ApiKey, version: i16) -> Result<(i32, Reader<'_>), Malformed> {
    let mut r = Reader::new(frame);
    let header = ResponseHeader::decode(&mut r, api.response_header_version(version))?;
    Ok((header.correlation_id, r))
}

/// A frame that ends its connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A length below zero.
    #[error("frame of {0} bytes")]
    NegativeLength(i32),
    /// A length above the limit.
    #[error("frame of {len} bytes, {max} are allowed")]
    TooLarge {
        /// What the peer claims.
        len: usize,
        /// What is allowed.
        max: usize,
    },
    /// No API has this number.
    #[error("API key {key} (version {version}) is not known")]
    UnknownApi {
        /// The number.
        key: i16,
        /// The version asked.
        version: i16,
    },
    /// The head cannot be read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

fn peek_key(r: &Reader<'_>) -> Result<(i16, i16), Malformed> {
    let mut r = r.clone();
    Ok((
        i16::from_be_bytes(r.array()?),
        i16::from_be_bytes(r.array()?),
    ))
}

fn frame<'h, 'm>(
    header: &impl Message<'h>,
    header_version: i16,
    message: &impl Message<'m>,
    version: i16,
) -> Result<Encoded, Unencodable> {
    let mut w = Writer::with_capacity(SMALL_FRAME_LEN);
    w.put(&[0; PREFIX_LEN]);
    header.encode(&mut w, header_version);
    message.encode(&mut w, version);
    match i32::try_from(w.total_len() - PREFIX_LEN) {
        Ok(len) => w.overwrite(0, &len.to_be_bytes()),
        Err(_) => w.reject(Unencodable::new("a frame holds less than 2 GiB")),
    }
    w.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::message::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
    use crate::protocol::message::fetch::{FetchResponse, FetchableTopicResponse, PartitionData};
    use crate::protocol::wire::{Piece, RecordsField};

    #[test]
    fn lengths_are_checked_before_anything_is_held() {
        assert_eq!(frame_len([0, 0, 0, 9], 9), Ok(9));
        assert_eq!(
            frame_len([0, 0, 0, 10], 9),
            Err(FrameError::TooLarge { len: 10, max: 9 })
        );
        assert_eq!(frame_len([0xff; 4], 9), Err(FrameError::NegativeLength(-1)));
    }

    #[test]
    fn a_request_comes_back_from_its_frame() {
        let asked = ApiVersionsRequest {
            client_software_name: "kcat".into(),
            client_software_version: "1.7".into(),
            ..Default::default()
        };
        let frame = request(&asked, 3, 7, Some("me")).unwrap().flatten([]);
        assert_eq!(frame[..10], [0, 0, 0, 23, 0, 18, 0, 3, 0, 0]);
        let (head, mut body) = RequestHead::parse(&frame[4..]).unwrap();
        assert_eq!((head.api, head.version), (ApiKey::ApiVersions, 3));
        assert_eq!((head.correlation_id, head.client_id), (7, Some("me")));
        assert_eq!(ApiVersionsRequest::decode(&mut body, 3).unwrap(), asked);
        body.expect_end().unwrap();
    }

    #[test]
    fn an_api_versions_answer_has_the_first_header() {
        let head = RequestHead {
            api: ApiKey::ApiVersions,
            version: 3,
            correlation_id: 1,
            client_id: None,
        };
        let answer = head.respond(&ApiVersionsResponse::default()).unwrap();
        let expected = [0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0];
        assert_eq!(answer.head, expected);
    }

    #[test]
    fn a_fetch_answer_counts_the_bodies_it_leaves_to_the_sender() {
        let data = |records| PartitionData {
            records: Some(records),
            ..Default::default()
        };
        let bodies = [&b"first"[..], b"", b"third!"];
        let partitions = |spliced: bool| {
            bodies
                .map(|body| match spliced {
                    true => data(RecordsField::Spliced(body.len())),
                    false => data(RecordsField::Borrowed(body)),
                })
                .to_vec()
        };
        let answer = |spliced| FetchResponse {
            responses: vec![FetchableTopicResponse {
                topic: "t",
                partitions: partitions(spliced),
                ..Default::default()
            }],
            ..Default::default()
        };
        let head = RequestHead {
            api: ApiKey::Fetch,
            version: 12,
            correlation_id: 1,
            client_id: None,
        };
        let spliced = head.respond(&answer(true)).unwrap();
        let whole = head.respond(&answer(false)).unwrap();
        assert_eq!(spliced.flatten(bodies), whole.head);
        assert_eq!(spliced.total_len(), whole.head.len());

        let mut sent = Vec::new();
        let mut left = bodies.iter();
        for piece in spliced.into_pieces() {
            match piece {
                Piece::Head(bytes) => sent.extend_from_slice(&bytes),
                Piece::Body(len) => {
                    let body = left.next().unwrap();
                    assert_eq!(body.len(), len);
                    sent.extend_from_slice(body);
                }
            }
        }
        assert_eq!(sent, whole.head);
    }

    #[test]
    fn heads_that_make_no_sense_are_errors() {
        assert!(matches!(
            RequestHead::parse(&[0, 0]),
            Err(FrameError::Malformed(_))
        ));
        let unknown = RequestHead::parse(&[0, 95, 0, 1, 0, 0, 0, 0, 0xff, 0xff]);
        assert_eq!(
            unknown.unwrap_err(),
            FrameError::UnknownApi {
                key: 95,
                version: 1
            }
        );
    }
}
