//! What a produced batch costs: its checksum, its validation, plain and in every codec.
//!
//! `cargo bench --bench batch`. Throughput counts the batch's bytes before compression.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use klamm::protocol::record::{
    BatchBuilder, BatchSpec, Codec, RecordParts, Rules, TargetCompression, TimestampType, crc32c,
    decompress, stamp, validate,
};

const NOW: i64 = 1_800_000_000_000;
const SIZES: [usize; 3] = [1 << 10, 64 << 10, 1 << 20];
const WORDS: [&str; 8] = [
    "broker ",
    "partition ",
    "offset ",
    "leader ",
    "epoch ",
    "batch ",
    "record ",
    "consumer ",
];

criterion_group!(benches, checksum, plain, compressed, decompression, rebuild);
criterion_main!(benches);

fn checksum(c: &mut Criterion) {
    let mut group = c.benchmark_group("crc32c");
    for size in SIZES {
        let bytes = text(size);
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            b.iter(|| crc32c(black_box(&bytes)));
        });
    }
}

/// Validation and stamping of uncompressed batches, by batch size and record size.
fn plain(c: &mut Criterion) {
    let mut group = c.benchmark_group("validate");
    for (size, value_bytes) in [
        (1 << 10, 950),
        (64 << 10, 100),
        (64 << 10, 1000),
        (1 << 20, 100),
        (1 << 20, 1000),
    ] {
        let (mut batch, _) = batch(Codec::None, size, value_bytes);
        group.throughput(Throughput::Bytes(batch.len() as u64));
        let name = format!("{size}/records of {value_bytes}");
        group.bench_function(BenchmarkId::new("none", name), |b| {
            b.iter(|| {
                stamp(&mut batch, 0, 7);
                validate(black_box(&batch), &rules()).expect("a good batch")
            });
        });
    }
}

fn compressed(c: &mut Criterion) {
    let mut group = c.benchmark_group("validate");
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        for size in SIZES {
            let (batch, plain_bytes) = batch(codec, size, 100);
            group.throughput(Throughput::Bytes(plain_bytes as u64));
            group.bench_function(BenchmarkId::new(codec.name(), size), |b| {
                b.iter(|| validate(black_box(&batch), &rules()).expect("a good batch"));
            });
        }
    }
}

/// What of the above is the codec's.
fn decompression(c: &mut Criterion) {
    let mut group = c.benchmark_group("decompress");
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let (batch, plain_bytes) = batch(codec, 1 << 20, 100);
        group.throughput(Throughput::Bytes(plain_bytes as u64));
        group.bench_function(BenchmarkId::from_parameter(codec), |b| {
            b.iter(|| decompress(codec, black_box(&batch[61..]), 4 << 20).expect("sound"));
        });
    }
}

fn rebuild(c: &mut Criterion) {
    let mut group = c.benchmark_group("rebuild");
    let (batch, plain_bytes) = batch(Codec::None, 1 << 20, 100);
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let rules = Rules {
            compression: TargetCompression::Fixed(codec.into()),
            ..rules()
        };
        group.throughput(Throughput::Bytes(plain_bytes as u64));
        group.bench_function(BenchmarkId::from_parameter(codec), |b| {
            b.iter(|| validate(black_box(&batch), &rules).expect("a good batch"));
        });
    }
}

/// A batch of about `size` bytes before compression, and how many they really are.
fn batch(codec: Codec, size: usize, value_bytes: usize) -> (Vec<u8>, usize) {
    let text = text(size + value_bytes);
    let mut builder = BatchBuilder::new(BatchSpec {
        compression: codec.into(),
        ..BatchSpec::default()
    });
    for (index, value) in text.chunks_exact(value_bytes).enumerate() {
        let key = format!("key-{index}");
        let record = RecordParts {
            key: Some(key.as_bytes()),
            value: Some(value),
            headers: &[],
        };
        let timestamp = NOW - 1000 + index as i64 / 10;
        if !builder.is_empty() && builder.plain_bytes_with(timestamp, &record) > size {
            break;
        }
        builder.append(timestamp, &record);
    }
    let plain_bytes = builder.plain_bytes();
    (builder.build(), plain_bytes)
}

/// Words and numbers, compressible about as log lines are.
fn text(len: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(1);
    let mut text = String::with_capacity(len + 32);
    while text.len() < len {
        text += WORDS[random.usize(..WORDS.len())];
        text += &random.u32(..1_000_000).to_string();
        text.push(' ');
    }
    text.truncate(len);
    text.into_bytes()
}

fn rules() -> Rules {
    Rules {
        max_message_bytes: 4 << 20,
        produce_version: 12,
        compacted: false,
        timestamp_type: TimestampType::CreateTime,
        timestamp_before_max_ms: i64::MAX,
        timestamp_after_max_ms: 3_600_000,
        now_ms: NOW,
        compression: TargetCompression::Producer,
        decompressed_bytes_max: 64 << 20,
    }
}
