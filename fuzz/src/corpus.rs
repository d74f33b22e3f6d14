//! Writes the corpus the fuzzer starts from: every request in its lowest and its highest version,
//! and every metadata record, each with content made from its table.

#[path = "../../tests/codec_support/mod.rs"]
mod codec_support;

use codec_support::{codecs, encode, random_message};
use fastrand::Rng;
use klamm::protocol::header::RequestHeader;
use klamm::protocol::schema::{Kind, Schema};

fn main() -> std::io::Result<()> {
    let folder = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "fuzz/corpus/frame".into());
    for codec in codecs() {
        let schema = codec.schema;
        let versions = [schema.versions.first, schema.versions.last];
        for version in versions {
            let bytes = match schema.kind {
                Kind::Request(key) => request(schema, key, version),
                Kind::Record(key) => record(schema, key, version),
                _ => continue,
            };
            std::fs::write(format!("{folder}/{}-v{version}", schema.name), bytes)?;
        }
    }
    Ok(())
}

fn request(schema: &Schema, key: i16, version: i16) -> Vec<u8> {
    let header = RequestHeader {
        request_api_key: key,
        request_api_version: version,
        correlation_id: 1,
        client_id: Some("corpus"),
    };
    let header_version = if schema.flexible.contain(version) {
        2
    } else {
        1
    };
    let mut bytes = encode(&header, header_version).expect("a header fits its version");
    bytes.extend(medium(schema, version));
    bytes
}

fn record(schema: &Schema, key: i16, version: i16) -> Vec<u8> {
    let mut bytes = vec![1, key as u8, version as u8];
    bytes.extend(medium(schema, version));
    bytes
}

/// Content of a size that shows the fields: the largest of a few that is still small.
fn medium(schema: &Schema, version: i16) -> Vec<u8> {
    let made = (0..40).map(|seed| random_message(schema, version, &mut Rng::with_seed(seed)));
    let small = made.filter(|bytes| bytes.len() <= 240);
    small.max_by_key(Vec::len).unwrap_or_default()
}
