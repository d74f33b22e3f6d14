//! Our batches read by an independent codec (the kafka-protocol crate), and its batches by ours.
//!
//! Random records, every codec, both directions. A failure prints the seed that repeats it.

use bytes::{Bytes, BytesMut};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{
    Compression as TheirCompression, Record as TheirRecord, RecordBatchDecoder, RecordBatchEncoder,
    RecordEncodeOptions, TimestampType as TheirTimestampType,
};
use klamm::protocol::record::{
    BatchBuilder, BatchSpec, Batches, Codec, Header, RecordParts, Records, Rules,
    TargetCompression, TimestampType, decompress, increment_sequence, stamp, validate,
};

const ROUNDS: u64 = 40;
const BYTES_MAX: usize = 64 << 20;

#[test]
fn an_independent_codec_reads_what_we_build() {
    each_seed_and_codec(|random, codec| {
        let records = Plain::some(random);
        let spec = random_spec(random, codec);
        let mut bytes = BytesMut::from(&build(&spec, &records)[..]);
        let set = RecordBatchDecoder::decode(&mut bytes).expect("our batch decodes");
        assert!(bytes.is_empty(), "their decoder took the whole batch");
        assert_eq!(set.compression as u8, codec.id());
        assert_eq!(set.records.len(), records.len());
        for (index, (theirs, ours)) in set.records.iter().zip(&records).enumerate() {
            assert_eq!(&Plain::from_theirs(theirs), ours, "record {index}");
            assert_eq!(theirs.offset, spec.base_offset + index as i64);
            assert_eq!(theirs.partition_leader_epoch, spec.leader_epoch);
            assert_eq!(theirs.producer_id, spec.producer_id);
            assert_eq!(theirs.producer_epoch, spec.producer_epoch);
            assert_eq!(theirs.transactional, spec.transactional);
            assert_eq!(theirs.control, spec.control);
        }
    });
}

#[test]
fn we_accept_and_read_what_an_independent_codec_builds() {
    each_seed_and_codec(|random, codec| {
        let records = Plain::some(random);
        let mut bytes = encode_theirs(&records, codec);
        let validated = validate(&bytes, &rules()).expect("their batch is acceptable");
        assert_eq!(validated.rebuilt, None);
        assert_eq!(validated.header.size_bytes(), bytes.len());
        let last = records.iter().map(|record| record.timestamp).max();
        assert_eq!(Some(validated.header.max_timestamp), last);
        stamp(&mut bytes, 1000, 7);
        assert_eq!(read_ours(&bytes, 1000), records);
    });
}

#[test]
fn what_we_compress_anew_is_what_an_independent_codec_built() {
    each_seed_and_codec(|random, codec| {
        let records = Plain::some(random);
        let bytes = encode_theirs(&records, codec);
        let target = Codec::ALL[random.usize(..Codec::ALL.len())];
        let rules = Rules {
            compression: TargetCompression::Fixed(target.into()),
            ..rules()
        };
        let validated = validate(&bytes, &rules).expect("their batch is acceptable");
        assert_eq!(validated.rebuilt.is_some(), target != codec);
        let batch = validated.rebuilt.as_deref().unwrap_or(&bytes);
        assert_eq!(read_ours(batch, 0), records);
        let set = RecordBatchDecoder::decode(&mut BytesMut::from(batch)).expect("it decodes");
        assert_eq!(set.compression as u8, target.id());
        let theirs: Vec<Plain> = set.records.iter().map(Plain::from_theirs).collect();
        assert_eq!(theirs, records);
    });
}

fn each_seed_and_codec(check: impl Fn(&mut fastrand::Rng, Codec)) {
    let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    let seeds = match number("KLAMM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("KLAMM_ROUNDS").unwrap_or(ROUNDS),
    };
    for seed in seeds {
        for codec in Codec::ALL {
            println!("KLAMM_SEED={seed} codec {codec}");
            check(&mut fastrand::Rng::with_seed(seed), codec);
        }
    }
}

/// A record without its place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Plain {
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Plain {
    fn some(random: &mut fastrand::Rng) -> Vec<Self> {
        let count = match random.u8(..10) {
            0 => 1,
            1 => random.usize(500..2000),
            _ => random.usize(1..60),
        };
        (0..count).map(|_| Self::any(random)).collect()
    }

    fn any(random: &mut fastrand::Rng) -> Self {
        let headers = match random.u8(..4) {
            0 => random.usize(1..6),
            _ => 0,
        };
        Self {
            timestamp: 1_700_000_000_000 + random.i64(-100_000_000..100_000_000),
            key: random_bytes(random, 40),
            value: match random.u8(..30) {
                0 => random_bytes(random, 200_000),
                _ => random_bytes(random, 600),
            },
            // Their headers are a map: the keys must differ.
            headers: (0..headers)
                .map(|index| (format!("h{index}-ü"), random_bytes(random, 30)))
                .collect(),
        }
    }

    fn from_theirs(record: &TheirRecord) -> Self {
        let headers = record.headers.iter();
        Self {
            timestamp: record.timestamp,
            key: record.key.as_ref().map(|key| key.to_vec()),
            value: record.value.as_ref().map(|value| value.to_vec()),
            headers: headers
                .map(|(key, value)| (key.to_string(), value.as_ref().map(|value| value.to_vec())))
                .collect(),
        }
    }

    fn to_theirs(&self, offset: i64) -> TheirRecord {
        let headers = self.headers.iter();
        TheirRecord {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id: -1,
            producer_epoch: -1,
            timestamp_type: TheirTimestampType::Creation,
            offset,
            sequence: offset as i32,
            timestamp: self.timestamp,
            key: self.key.clone().map(Bytes::from),
            value: self.value.clone().map(Bytes::from),
            headers: headers
                .map(|(key, value)| {
                    (
                        StrBytes::from_string(key.clone()),
                        value.clone().map(Bytes::from),
                    )
                })
                .collect::<IndexMap<_, _>>(),
        }
    }
}

/// Now compressible, now not.
fn random_bytes(random: &mut fastrand::Rng, len_max: usize) -> Option<Vec<u8>> {
    let len = random.usize(..=len_max);
    match random.u8(..5) {
        0 => None,
        1 => Some((0..len).map(|_| random.u8(..)).collect()),
        2 => Some(vec![random.u8(..); len]),
        _ => Some(
            (0..len)
                .map(|index| b"klamm and kafka "[index % 16])
                .collect(),
        ),
    }
}

fn random_spec(random: &mut fastrand::Rng, codec: Codec) -> BatchSpec {
    BatchSpec {
        base_offset: random.i64(0..1 << 40),
        leader_epoch: random.i32(-1..1000),
        compression: codec.into(),
        producer_id: random.i64(-1..5000),
        producer_epoch: random.i16(0..50),
        base_sequence: random.i32(0..1 << 20),
        transactional: random.bool(),
        ..BatchSpec::default()
    }
}

fn build(spec: &BatchSpec, records: &[Plain]) -> Vec<u8> {
    let mut builder = BatchBuilder::new(*spec);
    for record in records {
        let headers: Vec<Header> = record.headers.iter().map(to_header).collect();
        let parts = RecordParts {
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &headers,
        };
        let bytes = builder.plain_bytes_with(record.timestamp, &parts);
        builder.append(record.timestamp, &parts);
        assert_eq!(builder.plain_bytes(), bytes);
    }
    builder.build()
}

fn to_header((key, value): &(String, Option<Vec<u8>>)) -> Header<'_> {
    Header {
        key: key.as_bytes(),
        value: value.as_deref(),
    }
}

fn encode_theirs(records: &[Plain], codec: Codec) -> Vec<u8> {
    let places = records.iter().zip(0..);
    let theirs: Vec<TheirRecord> = places
        .map(|(record, offset)| record.to_theirs(offset))
        .collect();
    let compression = match codec {
        Codec::None => TheirCompression::None,
        Codec::Gzip => TheirCompression::Gzip,
        Codec::Snappy => TheirCompression::Snappy,
        Codec::Lz4 => TheirCompression::Lz4,
        Codec::Zstd => TheirCompression::Zstd,
    };
    let options = RecordEncodeOptions {
        version: 2,
        compression,
    };
    let mut bytes = BytesMut::new();
    RecordBatchEncoder::encode(&mut bytes, &theirs, &options).expect("they encode it");
    bytes.to_vec()
}

fn read_ours(bytes: &[u8], base_offset: i64) -> Vec<Plain> {
    let mut batches = Batches::new(bytes);
    let batch = batches.next().expect("one batch");
    assert!(batches.next().is_none());
    assert_eq!(batches.stopped_by(), None);
    batch.verify_crc().expect("the checksum is right");
    let header = batch.header;
    assert_eq!(header.base_offset, base_offset);
    assert_eq!(
        header.next_sequence(),
        increment_sequence(header.last_sequence(), 1)
    );
    let codec = header.codec().expect("a known codec");
    let body = decompress(codec, batch.body(), BYTES_MAX).expect("the body decompresses");
    let records = Records::new(header, &body).zip(base_offset..);
    records
        .map(|(record, offset)| {
            let record = record.expect("a sound record");
            assert_eq!(record.offset, offset);
            let headers = record.headers.iter();
            Plain {
                timestamp: record.timestamp,
                key: record.key.map(<[u8]>::to_vec),
                value: record.value.map(<[u8]>::to_vec),
                headers: headers
                    .map(|header| {
                        let key = String::from_utf8(header.key.to_vec()).expect("UTF-8");
                        (key, header.value.map(<[u8]>::to_vec))
                    })
                    .collect(),
            }
        })
        .collect()
}

fn rules() -> Rules {
    Rules {
        max_message_bytes: BYTES_MAX,
        produce_version: 9,
        compacted: false,
        timestamp_type: TimestampType::CreateTime,
        timestamp_before_max_ms: i64::MAX,
        timestamp_after_max_ms: 3_600_000,
        now_ms: 1_800_000_000_000,
        compression: TargetCompression::Producer,
        decompressed_bytes_max: BYTES_MAX,
    }
}
