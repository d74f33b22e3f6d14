//! Random messages made from nothing but their tables, by an encoder of its own: what klamm's codec
//! then reads and writes can be compared with bytes that it had no hand in.

#![allow(dead_code)] // each test uses a part of it

use fastrand::Rng;
use klamm::protocol::message::Message;
use klamm::protocol::message::metadata_record as records;
use klamm::protocol::message::{control_record, voters_record};
use klamm::protocol::schema::{Field, Schema, Type};
use klamm::protocol::wire::{Form, Reader, Writer};
use klamm::protocol::{header, message};

/// A message's table and its codec with the types hidden.
pub(crate) struct Codec {
    pub(crate) schema: &'static Schema,
    /// Decodes all of the bytes and encodes what they said.
    pub(crate) recode: fn(&[u8], i16) -> Result<Vec<u8>, String>,
    /// Encodes the default.
    pub(crate) default: fn(i16) -> Result<Vec<u8>, String>,
}

macro_rules! codec {
    ($message:ty) => {{
        fn recode(bytes: &[u8], version: i16) -> Result<Vec<u8>, String> {
            let mut r = Reader::new(bytes);
            let message = <$message>::decode(&mut r, version).map_err(|error| error.to_string())?;
            r.expect_end().map_err(|error| error.to_string())?;
            encode(&message, version)
        }
        fn default(version: i16) -> Result<Vec<u8>, String> {
            encode(&<$message>::default(), version)
        }
        Codec {
            schema: <$message as Message>::SCHEMA,
            recode,
            default,
        }
    }};
}

macro_rules! api_codecs {
    ($($module:ident: $request:ident, $response:ident;)*) => {
        vec![$(codec!(message::$module::$request), codec!(message::$module::$response),)*]
    };
}

/// Every message klamm has.
pub(crate) fn codecs() -> Vec<Codec> {
    let mut codecs = klamm::for_every_api!(api_codecs);
    codecs.extend([
        codec!(header::RequestHeader),
        codec!(header::ResponseHeader),
        codec!(control_record::LeaderChangeMessage),
        codec!(control_record::SnapshotHeaderRecord),
        codec!(control_record::SnapshotFooterRecord),
        codec!(control_record::KRaftVersionRecord),
        codec!(control_record::EndTxnMarker),
        codec!(voters_record::VotersRecord),
        codec!(records::broker::RegisterBrokerRecord),
        codec!(records::broker::UnregisterBrokerRecord),
        codec!(records::broker::FenceBrokerRecord),
        codec!(records::broker::UnfenceBrokerRecord),
        codec!(records::broker::BrokerRegistrationChangeRecord),
        codec!(records::controller::RegisterControllerRecord),
        codec!(records::controller::UnregisterControllerRecord),
        codec!(records::topic::TopicRecord),
        codec!(records::topic::PartitionRecord),
        codec!(records::topic::PartitionChangeRecord),
        codec!(records::topic::RemoveTopicRecord),
        codec!(records::topic::ClearElrRecord),
        codec!(records::config::ConfigRecord),
        codec!(records::config::ClientQuotaRecord),
        codec!(records::config::FeatureLevelRecord),
        codec!(records::config::ProducerIdsRecord),
        codec!(records::security::AccessControlEntryRecord),
        codec!(records::security::RemoveAccessControlEntryRecord),
        codec!(records::security::UserScramCredentialRecord),
        codec!(records::security::RemoveUserScramCredentialRecord),
        codec!(records::security::DelegationTokenRecord),
        codec!(records::security::RemoveDelegationTokenRecord),
        codec!(records::transaction::BeginTransactionRecord),
        codec!(records::transaction::EndTransactionRecord),
        codec!(records::transaction::AbortTransactionRecord),
        codec!(records::transaction::NoOpRecord),
        codec!(records::transaction::ZkMigrationStateRecord),
    ]);
    codecs
}

/// Encodes a message that has no spliced bodies.
pub(crate) fn encode<'a>(message: &impl Message<'a>, version: i16) -> Result<Vec<u8>, String> {
    let mut w = Writer::new();
    message.encode(&mut w, version);
    let encoded = w.finish().map_err(|error| error.to_string())?;
    assert!(encoded.splices.is_empty());
    Ok(encoded.head)
}

/// Bytes of a random message in the one form that an encoder may give it.
pub(crate) fn random_message(schema: &Schema, version: i16, rng: &mut Rng) -> Vec<u8> {
    let form = Form::of_message(version, schema.flexible.contain(version));
    let mut out = Vec::new();
    put_struct(&mut out, schema.fields, form, &mut Source::Random(rng));
    out
}

/// Where values come from.
enum Source<'r> {
    Random(&'r mut Rng),
    Defaults,
}

impl Source<'_> {
    fn number(&mut self, default: i64) -> i64 {
        match self {
            Self::Defaults => default,
            Self::Random(rng) => match rng.u8(..4) {
                0 => default,
                1 => rng.i64(-2..100),
                _ => rng.i64(..),
            },
        }
    }

    fn len(&mut self, most: usize) -> usize {
        match self {
            Self::Defaults => 0,
            Self::Random(rng) => rng.usize(..=most),
        }
    }

    fn is_null(&mut self, by_default: bool) -> bool {
        match self {
            Self::Defaults => by_default,
            Self::Random(rng) => rng.u8(..4) == 0,
        }
    }

    fn text(&mut self) -> String {
        let most = if self.len(20) == 20 { 300 } else { 12 };
        let len = self.len(most);
        match self {
            Self::Defaults => String::new(),
            Self::Random(rng) => (0..len).map(|_| random_char(rng)).collect(),
        }
    }
}

fn random_char(rng: &mut Rng) -> char {
    match rng.u8(..8) {
        0 => rng.char(..),
        _ => rng.alphanumeric(),
    }
}

fn put_struct(out: &mut Vec<u8>, fields: &[Field], form: Form, source: &mut Source) {
    let version = form.version;
    for field in fields.iter().filter(|field| field.spec.in_body(version)) {
        put_field(out, field, form, source);
    }
    if !form.flexible {
        return;
    }
    let mut tagged = Vec::new();
    for field in fields.iter().filter(|field| field.spec.in_tags(version)) {
        let (mut value, mut default) = (Vec::new(), Vec::new());
        put_field(&mut value, field, form, source);
        put_field(&mut default, field, form, &mut Source::Defaults);
        if value != default {
            tagged.push((field.spec.tag.unwrap(), value));
        }
    }
    tagged.sort();
    put_uvarint(out, tagged.len());
    for (tag, value) in tagged {
        put_uvarint(out, tag as usize);
        put_uvarint(out, value.len());
        out.extend(value);
    }
}

fn put_field(out: &mut Vec<u8>, field: &Field, form: Form, source: &mut Source) {
    let form = form.of(&field.spec);
    let null = form.nullable && source.is_null(field.spec.default == Some("null"));
    put_value(out, &field.kind, null, default_number(field), form, source);
}

fn put_value(
    out: &mut Vec<u8>,
    kind: &Type,
    null: bool,
    default: i64,
    form: Form,
    source: &mut Source,
) {
    match kind {
        Type::Bool => out.push((source.number(default) & 1) as u8),
        Type::Int8 => out.push(source.number(default) as u8),
        Type::Int16 | Type::Uint16 => {
            out.extend((source.number(default) as i16).to_be_bytes());
        }
        Type::Int32 | Type::Uint32 => {
            out.extend((source.number(default) as i32).to_be_bytes());
        }
        Type::Int64 => out.extend(source.number(default).to_be_bytes()),
        Type::Float64 => out.extend((source.number(default) as f64).to_be_bytes()),
        Type::Uuid => put_uuid(out, source),
        Type::String => {
            let text = source.text();
            put_len(out, (!null).then_some(text.len()), form, 2);
            out.extend(text.bytes().filter(|_| !null));
        }
        Type::Bytes | Type::Records => {
            let len = source.len(40);
            put_len(out, (!null).then_some(len), form, 4);
            (0..len)
                .filter(|_| !null)
                .for_each(|_| out.push(source.number(0) as u8));
        }
        Type::Array(element) => {
            let len = source.len(3);
            put_len(out, (!null).then_some(len), form, 4);
            for _ in (0..len).filter(|_| !null) {
                put_value(out, element, false, 0, form.not_null(), source);
            }
        }
        Type::Struct(fields) => {
            if form.nullable {
                out.push(if null { 0xff } else { 1 });
            }
            if !null {
                put_struct(out, fields, form.not_null(), source);
            }
        }
    }
}

fn put_uuid(out: &mut Vec<u8>, source: &mut Source) {
    let value = match source {
        Source::Random(rng) => rng.u128(..) * u128::from(rng.u8(..4) > 0),
        Source::Defaults => 0,
    };
    out.extend(value.to_be_bytes());
}

fn put_len(out: &mut Vec<u8>, len: Option<usize>, form: Form, classic_bytes: usize) {
    match form.flexible {
        true => put_uvarint(out, len.map_or(0, |len| len + 1)),
        false => {
            let len = len.map_or(-1, |len| len as i32).to_be_bytes();
            out.extend(&len[4 - classic_bytes..]);
        }
    }
}

fn put_uvarint(out: &mut Vec<u8>, mut value: usize) {
    while value > 0x7f {
        out.push((value % 128) as u8 + 128);
        value /= 128;
    }
    out.push(value as u8);
}

/// What the table writes after `default`, as a number.
pub(crate) fn default_number(field: &Field) -> i64 {
    match field.spec.default {
        None | Some("null") | Some("false") => 0,
        Some("true") => 1,
        Some("i32::MAX") => i32::MAX.into(),
        Some("i32::MIN") => i32::MIN.into(),
        Some("i64::MAX") => i64::MAX,
        Some(text) => text.replace([' ', '_'], "").parse().expect(text),
    }
}
