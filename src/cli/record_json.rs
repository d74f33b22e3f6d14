//! One record as one JSON object, the same in `consume --json` and `produce --json`.
//!
//! Keys, values and header values are text where they are UTF-8 and base64 under a name that says
//! so where they are not: `"value": "text"`, `"value": null` or `"value_base64": "/w=="`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};

use crate::model::{Offset, TimestampMs};
use crate::protocol::record::Header;

/// A record on its way out.
pub(super) struct RecordLine<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: i32,
    pub(super) offset: Offset,
    pub(super) timestamp: TimestampMs,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) headers: Vec<Header<'a>>,
}

impl Serialize for RecordLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("topic", self.topic)?;
        map.serialize_entry("partition", &self.partition)?;
        map.serialize_entry("offset", &self.offset)?;
        map.serialize_entry("timestamp", &self.timestamp)?;
        bytes_entry(&mut map, ["key", "key_base64"], self.key)?;
        bytes_entry(&mut map, ["value", "value_base64"], self.value)?;
        let headers: Vec<_> = self.headers.iter().map(HeaderLine).collect();
        map.serialize_entry("headers", &headers)?;
        map.end()
    }
}

/// Header names are UTF-8 by contract; what is not is shown as well as it can be.
struct HeaderLine<'a, 'b>(&'b Header<'a>);

impl Serialize for HeaderLine<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &String::from_utf8_lossy(self.0.key))?;
        bytes_entry(&mut map, ["value", "value_base64"], self.0.value)?;
        map.end()
    }
}

fn bytes_entry<M: serde::ser::SerializeMap>(
    map: &mut M,
    [plain, base64]: [&'static str; 2],
    bytes: Option<&[u8]>,
) -> Result<(), M::Error> {
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => map.serialize_entry(plain, &None::<&str>),
        Some((_, Ok(text))) => map.serialize_entry(plain, text),
        Some((bytes, Err(_))) => map.serialize_entry(base64, &STANDARD.encode(bytes)),
    }
}

/// Bytes as a JSON text, or as `base64:` and base64 where they are not UTF-8.
pub(super) struct JsonBytes<'a>(pub(super) Option<&'a [u8]>);

impl std::fmt::Display for JsonBytes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
            None => f.write_str("null"),
            Some((_, Ok(text))) => write!(f, "{}", serde_json::Value::from(text)),
            Some((bytes, Err(_))) => write!(f, "base64:{}", STANDARD.encode(bytes)),
        }
    }
}

/// A record on its way in; `topic` and `offset` of the line are ignored.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RecordInput {
    pub(super) partition: Option<i32>,
    pub(super) timestamp: Option<TimestampMs>,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<(String, Option<Vec<u8>>)>,
}

impl RecordInput {
    /// Reads one line; the error says what is wrong with it.
    pub(super) fn parse(line: &[u8]) -> Result<Self, String> {
        let raw: RawRecord = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let header = |raw: RawHeader| Ok((raw.name, bytes("header", raw.value, raw.value_base64)?));
        Ok(Self {
            partition: raw.partition,
            timestamp: raw.timestamp,
            key: bytes("key", raw.key, raw.key_base64)?,
            value: bytes("value", raw.value, raw.value_base64)?,
            headers: raw
                .headers
                .into_iter()
                .map(header)
                .collect::<Result<_, String>>()?,
        })
    }
}

#[derive(Deserialize)]
struct RawRecord {
    partition: Option<i32>,
    timestamp: Option<TimestampMs>,
    key: Option<String>,
    key_base64: Option<String>,
    value: Option<String>,
    value_base64: Option<String>,
    #[serde(default)]
    headers: Vec<RawHeader>,
}

#[derive(Deserialize)]
struct RawHeader {
    name: String,
    value: Option<String>,
    value_base64: Option<String>,
}

fn bytes(
    what: &str,
    text: Option<String>,
    base64: Option<String>,
) -> Result<Option<Vec<u8>>, String> {
    match (text, base64) {
        (Some(_), Some(_)) => Err(format!("{what} is there as text and as base64")),
        (Some(text), None) => Ok(Some(text.into_bytes())),
        (None, None) => Ok(None),
        (None, Some(base64)) => match STANDARD.decode(&base64) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) => Err(format!("{what}_base64 is not base64: {error}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> RecordLine<'static> {
        RecordLine {
            topic: "orders",
            partition: 2,
            offset: 7,
            timestamp: 1234,
            key: None,
            value: Some(b"\xff"),
            headers: vec![
                Header {
                    key: b"h",
                    value: Some(b"x"),
                },
                Header {
                    key: b"none",
                    value: None,
                },
            ],
        }
    }

    #[test]
    fn a_record_is_one_stable_line() {
        assert_eq!(
            serde_json::to_string(&line()).unwrap(),
            r#"{"topic":"orders","partition":2,"offset":7,"timestamp":1234,"key":null,"value_base64":"/w==","headers":[{"name":"h","value":"x"},{"name":"none","value":null}]}"#
        );
    }

    #[test]
    fn what_consume_writes_produce_reads() {
        let text = serde_json::to_vec(&line()).unwrap();
        let read = RecordInput::parse(&text).unwrap();
        assert_eq!(read.value.as_deref(), Some(b"\xff".as_slice()));
        assert_eq!(
            (read.key, read.partition, read.timestamp),
            (None, Some(2), Some(1234))
        );
        assert_eq!(read.headers[1], ("none".to_owned(), None));
    }

    #[test]
    fn wrong_lines_are_explained() {
        assert!(RecordInput::parse(b"nonsense").is_err());
        let both = RecordInput::parse(br#"{"key":"a","key_base64":"YQ=="}"#).unwrap_err();
        assert!(both.contains("key is there"));
        assert!(RecordInput::parse(br#"{"value_base64":"*"}"#).is_err());
    }
}
