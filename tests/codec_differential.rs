//! klamm's codec against an independent one, the `kafka-protocol` crate, over every request and
//! response in every version that both have, with random content, in both directions.
//!
//! The random bytes come from the tables and an encoder of the test's own. klamm reads and writes
//! them, the other codec reads and writes them, and each reads what the other wrote.

mod codec_support;

use codec_support::{codecs, random_message};
use fastrand::Rng;
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable, Message};
use klamm::protocol::schema::Schema;

const ROUNDS: usize = 100;

#[test]
fn both_codecs_read_and_write_the_same_bytes() {
    let seed = std::env::var("KLAMM_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    let mut versions = 0;
    let mut only_ours = Vec::new();
    for other in others() {
        let ours = codecs()
            .into_iter()
            .find(|codec| codec.schema.name == other.name);
        let ours = ours.expect(other.name);
        for version in ours.schema.versions.first..=ours.schema.versions.last {
            if !other.versions.contains(&version) {
                only_ours.push(format!("{} v{version}", other.name));
                continue;
            }
            versions += 1;
            let pair = Pair {
                schema: ours.schema,
                version,
                ours: ours.recode,
                theirs: other.recode,
            };
            pair.check(&mut Rng::with_seed(seed), seed);
        }
    }
    println!("{versions} versions of messages compared, {ROUNDS} random ones each");
    println!("the other codec lacks {}", only_ours.join(", "));
    assert!(versions > 300, "{versions}");
}

type Recode = fn(&[u8], i16) -> Result<Vec<u8>, String>;

/// Both codecs of one version of one message.
struct Pair {
    schema: &'static Schema,
    version: i16,
    ours: Recode,
    theirs: Recode,
}

impl Pair {
    fn check(&self, rng: &mut Rng, seed: u64) {
        let (version, name) = (self.version, self.schema.name);
        for _ in 0..ROUNDS {
            let mut bytes = random_message(self.schema, version, rng);
            // The other codec takes a field of this name for the version of the message.
            if self
                .schema
                .fields
                .first()
                .is_some_and(|field| field.name == "version")
            {
                bytes[..2].copy_from_slice(&version.to_be_bytes());
            }
            let context = format!("{name} v{version}, KLAMM_SEED={seed}: {bytes:?}");
            let ours = (self.ours)(&bytes, version).expect(&context);
            let theirs = (self.theirs)(&ours, version).expect(&context);
            assert_eq!(ours, theirs, "{context}");
            assert_eq!((self.ours)(&theirs, version), Ok(bytes), "{context}");
        }
    }
}

/// A message of the other codec with its type hidden.
struct Other {
    name: &'static str,
    versions: std::ops::RangeInclusive<i16>,
    recode: Recode,
}

macro_rules! others {
    ($($module:ident: $request:ident, $response:ident;)*) => {
        vec![$(others!(@one $request), others!(@one $response),)*]
    };
    (@one $message:ident) => {{
        let range = theirs::$message::VERSIONS;
        Other {
            name: stringify!($message),
            versions: range.min..=range.max,
            recode: recode::<theirs::$message>,
        }
    }};
}

fn others() -> Vec<Other> {
    let mut others = klamm::for_every_api!(others);
    others.extend([
        others!(@one RequestHeader),
        others!(@one ResponseHeader),
        others!(@one LeaderChangeMessage),
        others!(@one SnapshotHeaderRecord),
        others!(@one SnapshotFooterRecord),
        others!(@one KRaftVersionRecord),
        others!(@one VotersRecord),
        others!(@one EndTxnMarker),
    ]);
    others
}

fn recode<M: Decodable + Encodable>(bytes: &[u8], version: i16) -> Result<Vec<u8>, String> {
    let mut left = bytes;
    let message = M::decode(&mut left, version).map_err(|error| format!("decode: {error}"))?;
    assert!(left.is_empty(), "{} bytes left", left.len());
    let mut out = Vec::new();
    message
        .encode(&mut out, version)
        .map_err(|error| format!("encode: {error}"))?;
    Ok(out)
}
