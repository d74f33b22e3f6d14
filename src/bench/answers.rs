//! Reading answers to a fetch. Pure.

use super::BenchError;
use crate::protocol::api_key::ApiKey;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::frame;
use crate::protocol::message::Message;
use crate::protocol::message::fetch::FetchResponse;

/// Reads an answer, whose correlation id must be the one expected.
pub(super) fn decode_fetch(
    frame: &[u8],
    version: i16,
    expected: i32,
) -> Result<FetchResponse<'_>, String> {
    let read = frame::response(frame, ApiKey::Fetch, version);
    let (correlation_id, mut body) = read.map_err(|error| error.to_string())?;
    if correlation_id != expected {
        return Err(format!(
            "its correlation id is {correlation_id}, {expected} was expected"
        ));
    }
    FetchResponse::decode(&mut body, version).map_err(|error| error.to_string())
}

/// An error code as an error; −1 stands for all partitions.
pub(super) fn refused(partition: i32, code: i16) -> Result<(), BenchError> {
    match ErrorCode::from_code(code) {
        ErrorCode::None => Ok(()),
        code => Err(BenchError::Refused {
            doing: "read from",
            partition,
            code,
        }),
    }
}
