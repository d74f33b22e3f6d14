//! Every message in every version: random content comes back byte for byte, every cut of it is an
//! error, and the tables keep the rules that the codec rests on.

mod codec_support;

use codec_support::{codecs, random_message};
use fastrand::Rng;
use klamm::protocol::schema::{Field, Schema, Type};

const ROUNDS: usize = 60;

#[test]
fn random_messages_of_every_version_come_back_byte_for_byte() {
    for_every_message(|name, schema, version, recode, rng| {
        for _ in 0..ROUNDS {
            let bytes = random_message(schema, version, rng);
            assert_eq!(recode(&bytes), Ok(bytes), "{name}");
        }
    });
}

#[test]
fn every_cut_of_a_message_is_an_error() {
    for_every_message(|name, schema, version, recode, rng| {
        for _ in 0..3 {
            let bytes = random_message(schema, version, rng);
            for len in 0..bytes.len().min(2000) {
                assert!(
                    recode(&bytes[..len]).is_err(),
                    "{name}, {len} of {} bytes",
                    bytes.len()
                );
            }
        }
    });
}

#[test]
fn defaults_can_be_written_and_read_in_every_version() {
    for codec in codecs() {
        let schema = codec.schema;
        for version in schema.versions.first..=schema.versions.last {
            let bytes = (codec.default)(version);
            let bytes = bytes.unwrap_or_else(|error| panic!("{} v{version}: {error}", schema.name));
            assert_eq!(
                (codec.recode)(&bytes, version),
                Ok(bytes),
                "{} v{version}",
                schema.name
            );
        }
    }
}

#[test]
fn tables_keep_their_rules() {
    for codec in codecs() {
        let schema = codec.schema;
        assert!(!schema.versions.is_empty(), "{}", schema.name);
        check_fields(schema, schema.fields);
    }
}

/// Tags are written in the order of the table, so they must rise in it, and they need a version
/// that has tags.
fn check_fields(schema: &Schema, fields: &[Field]) {
    let tags: Vec<_> = fields.iter().filter_map(|field| field.spec.tag).collect();
    assert!(
        tags.is_sorted_by(|a, b| a < b),
        "{}: tags {tags:?}",
        schema.name
    );
    for field in fields {
        let (name, spec) = (field.name, field.spec);
        if spec.tag.is_some() {
            assert!(
                spec.versions.first >= schema.flexible.first,
                "{}.{name}",
                schema.name
            );
        }
        if spec.default == Some("null") {
            assert!(!spec.nullable.is_empty(), "{}.{name}", schema.name);
        }
        match &field.kind {
            Type::Array(Type::Struct(nested)) | Type::Struct(nested) => {
                check_fields(schema, nested)
            }
            _ => {}
        }
    }
}

type Recode<'r> = &'r dyn Fn(&[u8]) -> Result<Vec<u8>, String>;

fn for_every_message(check: impl Fn(&str, &Schema, i16, Recode, &mut Rng)) {
    let seed = std::env::var("KLAMM_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    for codec in codecs() {
        let schema = codec.schema;
        for version in schema.versions.first..=schema.versions.last {
            let name = format!("{} v{version}, KLAMM_SEED={seed}", schema.name);
            let recode = |bytes: &[u8]| (codec.recode)(bytes, version);
            check(&name, schema, version, &recode, &mut Rng::with_seed(seed));
        }
    }
}
