//! Batches that somebody damaged on purpose: refused or read, never a panic, never without bound.
//!
//! Every case has a sound checksum, so that what is behind it is reached. A failure prints the
//! seed that repeats it (`KLAMM_SEED=…`); `KLAMM_ROUNDS=…` makes it a longer search.

use klamm::protocol::record::{
    BATCH_HEADER_BYTES, BatchBuilder, BatchHeader, BatchSpec, Batches, Codec, ControlRecord,
    Decompressor, Header, RecordError, RecordParts, Records, Rules, Step, TargetCompression,
    TimestampType, Validated, Validation, crc32c, decompress, validate,
};

const ROUNDS: u64 = 4000;
const DECOMPRESSED_BYTES_MAX: usize = 1 << 20;
const NOW: i64 = 1_800_000_000_000;

#[test]
fn damaged_batches_get_one_verdict_and_what_passes_can_be_read() {
    each_seed(|random| {
        let bytes = damaged(random);
        let rules = any_rules(random);
        let at_once = validate(&bytes, &rules);
        let in_steps = in_steps(&bytes, &rules, random.usize(1..300));
        // Compressing anew in smaller pieces may give other bytes, of the same meaning.
        let read = |validated: Result<Validated, _>| validated.map(|it| read_back(&bytes, &it));
        assert_eq!(read(in_steps), read(at_once));
    });
}

#[test]
fn whatever_stands_in_a_log_can_be_walked() {
    each_seed(|random| {
        let bytes: Vec<u8> = (0..random.usize(1..5))
            .flat_map(|_| damaged(random))
            .collect();
        let mut batches = Batches::new(&bytes);
        for batch in batches.by_ref() {
            let Ok(codec) = batch.header.codec() else {
                continue;
            };
            let Ok(body) = decompress(codec, batch.body(), DECOMPRESSED_BYTES_MAX) else {
                continue;
            };
            for record in Records::new(batch.header, &body).flatten() {
                let _ = ControlRecord::parse(&record);
                assert_eq!(record.headers.iter().count(), record.headers.len());
            }
        }
        assert!(batches.position() <= bytes.len());
    });
}

#[test]
fn cut_off_anywhere_with_the_length_made_to_fit() {
    for codec in Codec::ALL {
        let whole = batch(&mut fastrand::Rng::with_seed(3), codec);
        for cut in BATCH_HEADER_BYTES..whole.len() {
            let mut bytes = whole[..cut].to_vec();
            fix(&mut bytes);
            let refused = validate(&bytes, &rules());
            assert!(refused.is_err(), "{codec} cut at {cut}");
        }
    }
}

#[test]
fn noise_is_no_compressed_data() {
    each_seed(|random| {
        let noise: Vec<u8> = (0..random.usize(..400)).map(|_| random.u8(..)).collect();
        for codec in Codec::ALL {
            let mut bytes = compressed_beginning(codec);
            bytes.extend(&noise);
            let mut decompressor = Decompressor::new(codec, &bytes, DECOMPRESSED_BYTES_MAX);
            let mut calls = 0;
            while let Ok(Some(_)) = decompressor.next_piece() {
                calls += 1;
                assert!(calls < 10_000, "{codec} goes on for ever");
            }
        }
    });
}

#[test]
fn a_bomb_is_refused_at_the_bound_and_in_steps() {
    let zeros = vec![0; 20 << 20];
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let mut builder = BatchBuilder::new(BatchSpec {
            compression: codec.into(),
            ..BatchSpec::default()
        });
        let record = RecordParts {
            value: Some(&zeros),
            ..RecordParts::default()
        };
        builder.append(NOW, &record);
        let bytes = builder.build();
        let refused = RecordError::TooLargeDecompressed {
            bytes_max: DECOMPRESSED_BYTES_MAX,
        };
        assert_eq!(validate(&bytes, &rules()), Err(refused), "{codec}");
        let wide = Rules {
            decompressed_bytes_max: 32 << 20,
            ..rules()
        };
        let mut validation = Validation::new(&bytes, &wide).expect("a sound header");
        let mut steps = 1;
        while let Step::More = validation.step(256 << 10).expect("a sound batch") {
            steps += 1;
        }
        assert!(steps > 40, "{codec} took {steps} steps for 20 MiB");
    }
}

fn each_seed(check: impl Fn(&mut fastrand::Rng)) {
    let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    let seeds = match number("KLAMM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("KLAMM_ROUNDS").unwrap_or(ROUNDS),
    };
    for seed in seeds {
        println!("KLAMM_SEED={seed}");
        check(&mut fastrand::Rng::with_seed(seed));
    }
}

fn in_steps(bytes: &[u8], rules: &Rules, budget: usize) -> Result<Validated, RecordError> {
    let mut validation = Validation::new(bytes, rules)?;
    loop {
        if let Step::Done(validated) = validation.step(budget)? {
            return Ok(validated);
        }
    }
}

/// What is appended: the header, without what depends on compression, and the records.
fn read_back(bytes: &[u8], validated: &Validated) -> (BatchHeader, Vec<u8>) {
    let mut batch = match &validated.rebuilt {
        Some(rebuilt) => rebuilt.clone(),
        None => bytes[..validated.header.size_bytes()].to_vec(),
    };
    validated.patch(&mut batch);
    let batch = Batches::new(&batch).next().expect("one batch");
    batch.verify_crc().expect("the patched checksum is right");
    let codec = batch.header.codec().expect("a known codec");
    let body = decompress(codec, batch.body(), usize::MAX).expect("it was decompressed before");
    let mut count = 0;
    for record in Records::new(batch.header, &body) {
        let record = record.expect("it was walked before");
        assert_eq!(record.offset, batch.header.base_offset + count);
        assert!(record.timestamp <= batch.header.max_timestamp);
        count += 1;
    }
    assert_eq!(count, i64::from(batch.header.record_count));
    assert_eq!(batch.header.attributes, validated.header.attributes);
    let header = BatchHeader {
        length: 0,
        crc: 0,
        ..batch.header
    };
    (header, body)
}

/// A batch with a few bytes changed, its length and checksum put right afterwards.
fn damaged(random: &mut fastrand::Rng) -> Vec<u8> {
    let codec = Codec::ALL[random.usize(..Codec::ALL.len())];
    let mut bytes = batch(random, codec);
    for _ in 0..random.usize(..4) {
        let position = random.usize(21..bytes.len());
        match random.u8(..6) {
            0 => bytes[position] = random.u8(..),
            1 => bytes[position] ^= 1 << random.u8(..8),
            2 => bytes[position] = 0xff,
            3 => bytes.truncate(position.max(BATCH_HEADER_BYTES)),
            4 => bytes.insert(position, random.u8(..)),
            _ => {
                bytes.remove(position);
            }
        }
        bytes.resize(bytes.len().max(BATCH_HEADER_BYTES), 0);
    }
    fix(&mut bytes);
    bytes
}

fn fix(bytes: &mut [u8]) {
    let length = (bytes.len() - 12) as i32;
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    let crc = crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
}

fn batch(random: &mut fastrand::Rng, codec: Codec) -> Vec<u8> {
    let mut builder = BatchBuilder::new(BatchSpec {
        compression: codec.into(),
        ..BatchSpec::default()
    });
    let value: Vec<u8> = (0..random.usize(..90))
        .map(|index| index as u8 & 7)
        .collect();
    let headers = [Header {
        key: b"header",
        value: None,
    }; 3];
    for _ in 0..random.usize(1..10) {
        let record = RecordParts {
            key: random.bool().then_some(b"key"),
            value: random.bool().then_some(&value),
            headers: &headers[..random.usize(..3)],
        };
        builder.append(NOW - random.i64(..5000), &record);
    }
    builder.build()
}

/// The codec's magic and a little more, so that noise gets past the first look.
fn compressed_beginning(codec: Codec) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(9);
    let bytes = batch(&mut random, codec);
    let body = &bytes[BATCH_HEADER_BYTES..];
    body[..body.len().min(30)].to_vec()
}

fn any_rules(random: &mut fastrand::Rng) -> Rules {
    Rules {
        compacted: random.bool(),
        timestamp_type: match random.bool() {
            true => TimestampType::LogAppendTime,
            false => TimestampType::CreateTime,
        },
        compression: match random.bool() {
            true => TargetCompression::Fixed(Codec::ALL[random.usize(..5)].into()),
            false => TargetCompression::Producer,
        },
        ..rules()
    }
}

fn rules() -> Rules {
    Rules {
        max_message_bytes: 1 << 20,
        produce_version: 12,
        compacted: false,
        timestamp_type: TimestampType::CreateTime,
        timestamp_before_max_ms: i64::MAX,
        timestamp_after_max_ms: 3_600_000,
        now_ms: NOW,
        compression: TargetCompression::Producer,
        decompressed_bytes_max: DECOMPRESSED_BYTES_MAX,
    }
}

#[test]
fn a_header_of_noise_parses_or_not_but_never_panics() {
    each_seed(|random| {
        let mut bytes: Vec<u8> = (0..random.usize(..100)).map(|_| random.u8(..)).collect();
        if let Some(magic) = bytes.get_mut(16) {
            *magic = random.u8(..4);
        }
        if let Ok(header) = BatchHeader::parse(&bytes) {
            assert!(header.size_bytes() >= BATCH_HEADER_BYTES);
            let _ = (
                header.last_offset(),
                header.next_offset(),
                header.next_sequence(),
            );
            assert_eq!(header.to_bytes(), bytes[..BATCH_HEADER_BYTES]);
        }
        let _ = validate(&bytes, &rules());
    });
}
