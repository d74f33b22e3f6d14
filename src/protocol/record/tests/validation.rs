//! The verdicts of validation, one by one.

use super::super::header::write_header;
use super::super::*;
use super::{KEYED, NOW, keyed};

const KEYLESS: RecordParts<'static> = RecordParts { key: None, ..KEYED };

fn rules() -> Rules {
    Rules {
        max_message_bytes: 1_048_588,
        produce_version: 12,
        compacted: false,
        timestamp_type: TimestampType::CreateTime,
        timestamp_before_max_ms: i64::MAX,
        timestamp_after_max_ms: 3_600_000,
        now_ms: NOW,
        compression: TargetCompression::Producer,
        decompressed_bytes_max: 16 << 20,
    }
}

/// Changes the header and makes the checksum right again.
fn with_header(mut bytes: Vec<u8>, change: impl FnOnce(&mut BatchHeader)) -> Vec<u8> {
    let mut header = BatchHeader::parse(&bytes).expect("a batch");
    change(&mut header);
    write_header(&mut bytes, &header);
    bytes
}

fn refusal(bytes: &[u8]) -> RecordError {
    validate(bytes, &rules()).expect_err("refused")
}

fn invalid(bytes: &[u8]) -> InvalidBatch {
    match refusal(bytes) {
        RecordError::Invalid(invalid) => invalid,
        other => panic!("refused for {other}"),
    }
}

fn rejected(bytes: &[u8], rules: &Rules) -> RejectedRecords {
    match validate(bytes, rules) {
        Err(RecordError::Rejected(rejected)) => rejected,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_good_batch_passes_as_it_is() {
    for codec in Codec::ALL {
        let spec = BatchSpec {
            compression: codec.into(),
            ..BatchSpec::default()
        };
        let bytes = build_batch(spec, NOW, (0..100).map(|_| KEYED));
        let validated = validate(&bytes, &rules()).expect("a good batch");
        assert_eq!(Ok(validated.header), BatchHeader::parse(&bytes));
        assert!(validated.rebuilt.is_none() && !validated.needs_patch());
        assert_eq!(validated.log_append_time, None);
    }
}

#[test]
fn steps_however_small_come_to_the_same_end() {
    for codec in Codec::ALL {
        let spec = BatchSpec {
            compression: codec.into(),
            ..BatchSpec::default()
        };
        let bytes = build_batch(spec, NOW, (0..5000).map(|_| KEYED));
        let at_once = validate(&bytes, &rules()).expect("a good batch");
        for budget in [0, 1, 100, 5000] {
            let mut validation = Validation::new(&bytes, &rules()).expect("a good header");
            let mut steps = 0;
            let validated = loop {
                steps += 1;
                if let Step::Done(validated) = validation.step(budget).expect("a good batch") {
                    break validated;
                }
            };
            assert_eq!(validated, at_once);
            assert!(steps > 1, "{codec} by {budget}");
        }
    }
}

#[test]
fn only_one_whole_batch_of_the_right_format_is_taken() {
    let one = keyed(2);
    assert_eq!(invalid(&[]), InvalidBatch::NoBatch);
    for cut in 0..one.len() {
        assert_eq!(invalid(&one[..cut]), InvalidBatch::NoBatch, "cut at {cut}");
    }
    assert_eq!(invalid(&one.repeat(2)), InvalidBatch::MoreThanOneBatch);
    for magic in [0, 1] {
        let mut old = one.clone();
        old[16] = magic;
        assert_eq!(invalid(&old), InvalidBatch::OldMagic(magic as i8));
    }
    let mut new = one.clone();
    new[16] = 3;
    assert_eq!(refusal(&new), RecordError::Corrupt(BatchError::Magic(3)));
}

#[test]
fn an_incomplete_batch_behind_the_first_is_cut_off_as_in_kafka() {
    let one = keyed(2);
    for tail in [1, 11, 12, 16, 17, one.len() - 1] {
        let bytes = [&one[..], &one[..tail]].concat();
        let validated = validate(&bytes, &rules()).expect("the first is whole");
        assert_eq!(validated.header.size_bytes(), one.len());
    }
    let padded = [&one[..], &[0; 17]].concat();
    assert_eq!(
        refusal(&padded),
        RecordError::Corrupt(BatchError::Length(0))
    );
}

#[test]
fn any_damaged_byte_under_the_checksum_is_corrupt() {
    let good = keyed(2);
    for position in 17..good.len() {
        let mut bytes = good.clone();
        bytes[position] ^= 0x10;
        assert!(
            matches!(
                refusal(&bytes),
                RecordError::Corrupt(BatchError::Crc { .. })
            ),
            "byte {position}"
        );
    }
}

#[test]
fn a_header_that_contradicts_itself_is_invalid() {
    let offset = with_header(keyed(2), |header| header.base_offset = 5);
    assert_eq!(invalid(&offset), InvalidBatch::BaseOffset(5));
    let negative = with_header(keyed(2), |header| header.last_offset_delta = -1);
    assert_eq!(invalid(&negative), InvalidBatch::LastOffsetDelta(-1));
    let none = with_header(keyed(2), |header| header.record_count = 0);
    assert_eq!(invalid(&none), InvalidBatch::RecordCount(0));
    let mismatch = with_header(keyed(2), |header| header.last_offset_delta = 2);
    assert!(matches!(
        invalid(&mismatch),
        InvalidBatch::CountMismatch { .. }
    ));
    let more = with_header(keyed(2), |header| {
        header.last_offset_delta = 2;
        header.record_count = 3;
    });
    assert_eq!(
        invalid(&more),
        InvalidBatch::Malformed(BatchError::Record { index: 2 })
    );
    let fewer = with_header(keyed(2), |header| {
        header.last_offset_delta = 0;
        header.record_count = 1;
    });
    assert!(matches!(
        invalid(&fewer),
        InvalidBatch::Malformed(BatchError::TrailingBytes(_))
    ));
}

#[test]
fn markers_and_unnumbered_idempotent_batches_are_not_for_clients() {
    let control = with_header(keyed(1), |header| {
        header.attributes = header.attributes.with_control(true);
    });
    assert_eq!(invalid(&control), InvalidBatch::ControlBatch);
    let sequence = with_header(keyed(1), |header| header.producer_id = 5);
    assert_eq!(
        invalid(&sequence),
        InvalidBatch::Sequence {
            producer_id: 5,
            base_sequence: -1
        }
    );
    let numbered = with_header(keyed(1), |header| {
        (header.producer_id, header.base_sequence) = (5, 0);
    });
    validate(&numbered, &rules()).expect("a numbered batch");
}

#[test]
fn offset_deltas_count_up_from_zero() {
    let mut bytes = keyed(2);
    let second = 61 + (bytes.len() - 61) / 2;
    bytes[second + 3] = 4;
    let wrong = with_header(bytes, |_| {});
    assert_eq!(
        invalid(&wrong),
        InvalidBatch::OffsetDelta {
            index: 1,
            offset_delta: 2
        }
    );
}

#[test]
fn sizes_are_bounded_whole_compressed_and_decompressed() {
    let bytes = keyed(2);
    let exact = Rules {
        max_message_bytes: bytes.len(),
        ..rules()
    };
    validate(&bytes, &exact).expect("the limit itself is allowed");
    let below = Rules {
        max_message_bytes: bytes.len() - 1,
        ..rules()
    };
    let too_large = RecordError::TooLarge {
        size_bytes: bytes.len(),
        max_message_bytes: bytes.len() - 1,
    };
    assert_eq!(validate(&bytes, &below), Err(too_large));
}

#[test]
fn zstd_needs_a_request_of_version_seven_and_codecs_five_to_seven_mean_nothing() {
    let spec = BatchSpec {
        compression: Codec::Zstd.into(),
        ..BatchSpec::default()
    };
    let bytes = build_batch(spec, NOW, [KEYED]);
    let version = |produce_version| Rules {
        produce_version,
        ..rules()
    };
    validate(&bytes, &version(7)).expect("zstd is known to v7");
    let too_early = RecordError::ZstdTooEarly { produce_version: 6 };
    assert_eq!(validate(&bytes, &version(6)), Err(too_early));
    for id in 5..8 {
        let unknown = with_header(keyed(1), |header| header.attributes = Attributes(id));
        assert_eq!(refusal(&unknown), RecordError::UnknownCodec(id as u8));
    }
}

#[test]
fn compacted_topics_need_keys() {
    let bytes = build_batch(BatchSpec::default(), NOW, [KEYED, KEYLESS, KEYED, KEYLESS]);
    validate(&bytes, &rules()).expect("other topics do not");
    let compacted = Rules {
        compacted: true,
        ..rules()
    };
    let rejected = rejected(&bytes, &compacted);
    assert!(!rejected.invalid_timestamp);
    let indexes: Vec<i32> = rejected.listed.iter().map(|record| record.index).collect();
    assert_eq!(indexes, [1, 3]);
}

#[test]
fn rejected_records_are_counted_but_listed_only_up_to_a_bound() {
    let bytes = build_batch(BatchSpec::default(), NOW, (0..10_000).map(|_| KEYLESS));
    let compacted = Rules {
        compacted: true,
        ..rules()
    };
    let rejected = rejected(&bytes, &compacted);
    assert_eq!((rejected.count, rejected.listed.len()), (10_000, 100));
}

#[test]
fn timestamps_must_lie_within_the_topics_bounds() {
    let at = |timestamp| build_batch(BatchSpec::default(), timestamp, [KEYED]);
    let day = Rules {
        timestamp_before_max_ms: 86_400_000,
        ..rules()
    };
    for good in [NOW, NOW - 86_400_000, NOW + 3_600_000, NO_TIMESTAMP] {
        validate(&at(good), &day).expect("within the bounds");
    }
    for bad in [NOW - 86_400_001, NOW + 3_600_001, 0, i64::MAX] {
        assert!(rejected(&at(bad), &day).invalid_timestamp, "{bad}");
    }
    let append_time = Rules {
        timestamp_type: TimestampType::LogAppendTime,
        ..day
    };
    validate(&at(0), &append_time).expect("the producer's time does not matter");
}

#[test]
fn the_log_append_time_bit_is_the_brokers() {
    let mut bytes = keyed(1);
    stamp_log_append_time(&mut bytes, NOW);
    for timestamp_type in [TimestampType::CreateTime, TimestampType::LogAppendTime] {
        let rules = Rules {
            timestamp_type,
            ..rules()
        };
        let rejected = rejected(&bytes, &rules);
        assert!(rejected.invalid_timestamp);
        assert_eq!(rejected.listed[0].fault, RecordFault::LogAppendTime);
    }
}

#[test]
fn a_wrong_maximum_timestamp_is_put_right() {
    let mut bytes = with_header(keyed(3), |header| header.max_timestamp = 17);
    let validated = validate(&bytes, &rules()).expect("Kafka mends it too");
    assert!(validated.needs_patch());
    validated.patch(&mut bytes);
    assert_eq!(bytes, keyed(3));
}

#[test]
fn log_append_time_topics_stamp_the_batch() {
    for codec in Codec::ALL {
        let spec = BatchSpec {
            compression: codec.into(),
            ..BatchSpec::default()
        };
        let mut bytes = build_batch(spec, NOW - 5000, [KEYED, KEYED]);
        let append_time = Rules {
            timestamp_type: TimestampType::LogAppendTime,
            ..rules()
        };
        let validated = validate(&bytes, &append_time).expect("a good batch");
        assert_eq!(validated.log_append_time, Some(NOW));
        validated.patch(&mut bytes);
        verify_crc(&bytes).expect("computed again");
        let header = BatchHeader::parse(&bytes).expect("a batch");
        assert_eq!(header.timestamp_type(), TimestampType::LogAppendTime);
        assert_eq!((header.max_timestamp, header.codec()), (NOW, Ok(codec)));
    }
}

#[test]
fn the_topics_codec_wins_and_its_result_is_bounded_too() {
    let value = [b'x'; 1000];
    let record = RecordParts {
        value: Some(&value),
        ..KEYED
    };
    let spec = BatchSpec {
        compression: Codec::Gzip.into(),
        producer_id: 77,
        producer_epoch: 1,
        base_sequence: 5,
        ..BatchSpec::default()
    };
    let bytes = build_batch(spec, NOW, (0..2000).map(|_| record));
    let target = |codec: Codec| Rules {
        compression: TargetCompression::Fixed(codec.into()),
        ..rules()
    };
    let validated = validate(&bytes, &target(Codec::Zstd)).expect("it is compressed anew");
    let rebuilt = validated.rebuilt.expect("another codec");
    let plain = build_batch(
        BatchSpec {
            compression: Codec::None.into(),
            ..spec
        },
        NOW,
        (0..2000).map(|_| record),
    );
    let body = decompress(Codec::Zstd, &rebuilt[61..], 4 << 20).expect("zstd");
    assert_eq!(body, plain[61..]);
    assert_eq!(Ok(validated.header), BatchHeader::parse(&rebuilt));
    assert_eq!(
        (validated.header.producer_id, validated.header.base_sequence),
        (77, 5)
    );
    verify_crc(&rebuilt).expect("sealed");
    // Two megabytes do not fit into max.message.bytes without compression.
    let refused = validate(&bytes, &target(Codec::None));
    assert!(
        matches!(refused, Err(RecordError::TooLarge { .. })),
        "{refused:?}"
    );
    validate(&bytes, &target(Codec::Gzip))
        .map(|same| assert!(same.rebuilt.is_none()))
        .expect("the same codec");
}
