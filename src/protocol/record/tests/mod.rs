//! Golden bytes of whole batches, and reading them back.

mod validation;

use super::*;

const NOW: i64 = 1_800_000_000_000;

/// One record "k" → "v" with a header.
const GOLDEN: [u8; 76] = [
    0, 0, 0, 0, 0, 0, 0, 0, // base offset
    0, 0, 0, 64, // length
    0xff, 0xff, 0xff, 0xff, // leader epoch
    2,    // magic
    0, 0, 0, 0, // checksum, see below
    0, 0, // attributes
    0, 0, 0, 0, // last offset delta
    0, 0, 1, 0xa3, 0x18, 0x5c, 0x50, 0, // base timestamp
    0, 0, 1, 0xa3, 0x18, 0x5c, 0x50, 0, // maximum timestamp
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // producer id
    0xff, 0xff, // producer epoch
    0xff, 0xff, 0xff, 0xff, // base sequence
    0, 0, 0, 1, // record count
    28, 0, 0, 0, // record length, attributes, timestamp delta, offset delta
    2, b'k', 2, b'v', // key and value
    2, 2, b'h', 6, b'x', b'y', b'z', // one header
];

fn golden() -> Vec<u8> {
    let headers = [Header {
        key: b"h",
        value: Some(b"xyz"),
    }];
    let record = RecordParts {
        key: Some(b"k"),
        value: Some(b"v"),
        headers: &headers,
    };
    build_batch(BatchSpec::default(), NOW, [record])
}

fn keyed(count: usize) -> Vec<u8> {
    build_batch(BatchSpec::default(), NOW, (0..count).map(|_| KEYED))
}

const KEYED: RecordParts<'static> = RecordParts {
    key: Some(b"key"),
    value: Some(b"value"),
    headers: &[],
};

#[test]
fn a_batch_is_these_bytes() {
    let mut expected = GOLDEN;
    expected[17..21].copy_from_slice(&crc32c(&GOLDEN[21..]).to_be_bytes());
    assert_eq!(golden(), expected);
}

#[test]
fn a_header_reads_back_as_it_was_written() {
    let header = BatchHeader {
        base_offset: 1 << 40,
        length: 49,
        leader_epoch: 7,
        crc: 0xdead_beef,
        attributes: Attributes(0x7c),
        last_offset_delta: 9,
        base_timestamp: -5,
        max_timestamp: 1 << 50,
        producer_id: 1 << 33,
        producer_epoch: 12,
        base_sequence: i32::MAX - 3,
        record_count: 10,
    };
    assert_eq!(BatchHeader::parse(&header.to_bytes()), Ok(header));
    assert_eq!(header.size_bytes(), 61);
    assert_eq!(header.last_offset(), (1 << 40) + 9);
    assert_eq!((header.last_sequence(), header.next_sequence()), (5, 6));
    assert_eq!(header.codec(), Ok(Codec::Zstd));
    assert!(header.is_transactional() && header.is_control() && header.has_producer());
}

#[test]
fn sequences_wrap_to_zero() {
    assert_eq!(increment_sequence(i32::MAX, 1), 0);
    assert_eq!(increment_sequence(i32::MAX - 1, 1), i32::MAX);
    assert_eq!(increment_sequence(i32::MAX - 2, 5), 2);
}

#[test]
fn the_stamp_lies_outside_of_the_checksum() {
    let mut bytes = keyed(3);
    stamp(&mut bytes, 4711, 9);
    verify_crc(&bytes).expect("untouched");
    let header = BatchHeader::parse(&bytes).expect("a batch");
    assert_eq!((header.base_offset, header.leader_epoch), (4711, 9));
    assert_eq!(header.next_offset(), 4714);
}

#[test]
fn log_append_time_goes_to_every_record() {
    let mut bytes = keyed(2);
    stamp_log_append_time(&mut bytes, NOW + 5);
    verify_crc(&bytes).expect("computed again");
    let batch = Batches::new(&bytes).next().expect("a batch");
    assert_eq!(batch.header.timestamp_type(), TimestampType::LogAppendTime);
    let timestamps: Result<Vec<_>, _> = batch
        .records()
        .map(|record| Ok(record?.timestamp))
        .collect();
    assert_eq!(timestamps, Ok::<_, BatchError>(vec![NOW + 5, NOW + 5]));
}

#[test]
fn batches_end_at_the_end_at_a_cut_and_at_padding() {
    let one = keyed(1);
    let mut bytes = one.repeat(3);
    let end = |bytes: &[u8]| {
        let mut batches = Batches::new(bytes);
        let count = batches.by_ref().count();
        (count, batches.position(), batches.stopped_by())
    };
    assert_eq!(end(&bytes), (3, bytes.len(), None));
    assert_eq!(end(&[]), (0, 0, None));
    for cut in 2 * one.len() + 1..bytes.len() {
        let (count, position, stopped_by) = end(&bytes[..cut]);
        assert_eq!((count, position), (2, 2 * one.len()));
        assert!(
            matches!(stopped_by, Some(BatchError::Truncated { .. })),
            "cut at {cut}"
        );
    }
    bytes.extend([0; 4096]);
    assert_eq!(end(&bytes), (3, 3 * one.len(), Some(BatchError::Length(0))));
}

#[test]
fn an_impossible_length_or_magic_is_no_batch() {
    let with_length = |length: i32| {
        let mut bytes = keyed(1);
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        BatchHeader::parse(&bytes)
    };
    for length in [i32::MIN, -1, 0, 13, 48, i32::MAX - 11, i32::MAX] {
        assert_eq!(with_length(length), Err(BatchError::Length(length)));
    }
    assert!(with_length(49).is_ok() && with_length(i32::MAX - 12).is_ok());
    let mut bytes = keyed(1);
    bytes[16] = 1;
    assert_eq!(BatchHeader::parse(&bytes), Err(BatchError::Magic(1)));
}

#[test]
fn control_records_read_back() {
    let markers = [
        ControlRecord::Abort {
            coordinator_epoch: 3,
        },
        ControlRecord::Commit {
            coordinator_epoch: -1,
        },
        ControlRecord::LeaderChange(b"leader"),
        ControlRecord::KRaftVoters(b""),
        ControlRecord::Unknown {
            kind: 99,
            value: b"?",
        },
    ];
    for marker in markers {
        let bytes = control_batch(BatchSpec::default(), NOW, &marker);
        let batch = Batches::new(&bytes).next().expect("a batch");
        assert!(batch.header.is_control());
        let record = batch.records().next().expect("a record").expect("sound");
        assert_eq!(ControlRecord::parse(&record), Some(marker));
    }
    assert_eq!(
        ControlRecord::Commit {
            coordinator_epoch: 5
        }
        .key(),
        [0, 0, 0, 1]
    );
    let commit = ControlRecord::Commit {
        coordinator_epoch: 5,
    };
    assert_eq!(commit.value()[..], [0, 0, 0, 0, 0, 5]);
}

#[test]
fn control_records_too_short_or_of_negative_version_are_none() {
    let read = |key: Option<&[u8]>, value: Option<&[u8]>| {
        let parts = RecordParts {
            key,
            value,
            headers: &[],
        };
        let bytes = build_batch(BatchSpec::default(), NOW, [parts]);
        let batch = Batches::new(&bytes).next().expect("a batch");
        let record = batch.records().next().expect("a record").expect("sound");
        ControlRecord::parse(&record).map(|marker| marker.kind())
    };
    let value = Some(&[0, 0, 0, 0, 0, 5][..]);
    assert_eq!(read(None, value), None);
    assert_eq!(read(Some(&[0, 0, 0]), value), None);
    assert_eq!(read(Some(&[0xff, 0xff, 0, 1]), value), None);
    assert_eq!(read(Some(&[0, 0, 0, 1]), Some(&[0, 0, 0, 0, 5])), None);
    assert_eq!(
        read(Some(&[0, 1, 0, 1, 9]), Some(&[0, 9, 0, 0, 0, 5, 1])),
        Some(1)
    );
}

#[test]
fn a_record_is_found_by_its_timestamp_in_every_codec() {
    for codec in Codec::ALL {
        let mut builder = BatchBuilder::new(BatchSpec {
            base_offset: 500,
            compression: codec.into(),
            ..BatchSpec::default()
        });
        // Not in order: the maximum stands at 503.
        for timestamp in [NOW, NOW + 5, NOW + 2, NOW + 9, NOW + 9, NOW + 1] {
            builder.append(timestamp, &KEYED);
        }
        let bytes = builder.build();
        let batch = Batches::new(&bytes).next().expect("a batch");
        let find = |timestamp, from| {
            let found = find_by_timestamp(&batch, timestamp, from, 1 << 20).expect("sound");
            found.map(|place| (place.offset, place.timestamp - NOW))
        };
        assert_eq!(find(0, 0), Some((500, 0)));
        assert_eq!(find(NOW + 3, 0), Some((501, 5)));
        assert_eq!(find(NOW + 3, 502), Some((503, 9)));
        assert_eq!(find(batch.header.max_timestamp, 0), Some((503, 9)));
        assert_eq!(find(NOW + 10, 0), None);
        assert_eq!(find(0, 506), None);
    }
}
