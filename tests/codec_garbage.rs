//! Bytes that no honest client sends: the decoder answers each with a message or an error, never
//! panics, and holds no more memory than the bytes justify.
//!
//! This is the short form of the fuzz target in `fuzz/`.

#![expect(unsafe_code, reason = "an allocator that counts")]

mod codec_support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use codec_support::{codecs, random_message};
use fastrand::Rng;
use klamm::model::Uuid;
use klamm::protocol::frame::{self, FrameError, RequestHead};
use klamm::protocol::message::Message;
use klamm::protocol::message::create_topics::CreateTopicsRequest;
use klamm::protocol::message::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestGroup};
use klamm::protocol::message::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use klamm::protocol::wire::{Problem, Reader, RecordsField};

const ROUNDS: usize = 300;

#[test]
fn damaged_messages_of_every_version_are_decoded_or_refused() {
    let seed = std::env::var("KLAMM_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("KLAMM_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    for codec in codecs() {
        for version in codec.schema.versions.first..=codec.schema.versions.last {
            for _ in 0..ROUNDS {
                let mut bytes = random_message(codec.schema, version, &mut rng);
                damage(&mut bytes, &mut rng);
                let _ = (codec.recode)(&bytes, version);
            }
        }
    }
}

#[test]
fn random_frames_are_decoded_or_refused() {
    let mut rng = Rng::new();
    for _ in 0..50_000 {
        let len = rng.usize(..64);
        let mut frame: Vec<u8> = (0..len).map(|_| rng.u8(..)).collect();
        for (byte, most) in frame.iter_mut().zip([1, 96, 1, 20]) {
            *byte = rng.u8(..most);
        }
        let _ = RequestHead::parse(&frame);
    }
}

#[test]
fn a_claim_of_four_billion_entries_allocates_nothing() {
    // timeout and validate_only stand behind the list; the list's count is all there is.
    for (version, bytes) in [
        (2, [0x7f, 0xff, 0xff, 0xff, 0]),
        (7, [0xff, 0xff, 0xff, 0xff, 0x0f]),
    ] {
        let peak = peak_of(|| {
            let refused = CreateTopicsRequest::decode(&mut Reader::new(&bytes), version);
            let problem = refused.unwrap_err().problem;
            assert!(matches!(problem, Problem::Truncated { .. }), "{problem:?}");
        });
        assert_eq!(peak, 0, "bytes allocated for {bytes:?}");
    }
}

/// A megabyte of zeros is, to most messages, lists of lists of nothing: the worst a frame can do.
#[test]
fn memory_stays_in_proportion_to_the_bytes() {
    let frames = [vec![0; 1 << 20], vec![1; 1 << 20], vec![2; 1 << 20], {
        let mut list = vec![0; 1 << 20];
        list[..4].copy_from_slice(&(1i32 << 19).to_be_bytes());
        list
    }];
    for codec in codecs() {
        for version in codec.schema.versions.first..=codec.schema.versions.last {
            for frame in &frames {
                let peak = peak_of(|| drop((codec.recode)(frame, version)));
                // Decoded elements within the budget, what malloc rounds up, and encoded again.
                let most = (Reader::BUDGET_PER_BYTE + 8) * frame.len();
                assert!(
                    peak < most,
                    "{} v{version}: {peak} bytes",
                    codec.schema.name
                );
            }
        }
    }
}

#[test]
fn the_densest_honest_request_stays_within_the_budget() {
    let group = |_| OffsetFetchRequestGroup {
        group_id: "g".into(),
        topics: None,
        ..Default::default()
    };
    let groups = (0..100_000).map(group).collect();
    let request = OffsetFetchRequest {
        groups,
        ..Default::default()
    };
    let bytes = codec_support::encode(&request, 8).unwrap();
    assert_eq!(
        OffsetFetchRequest::decode(&mut Reader::new(&bytes), 8),
        Ok(request)
    );
}

#[test]
fn a_budget_can_be_set_below_what_the_bytes_justify() {
    let mut bytes = vec![0xff, 0xff, 0, 1, 0, 0, 0, 0];
    bytes.extend(1000i32.to_be_bytes());
    bytes.extend([0; 6 * 1000]);
    assert!(ProduceRequest::decode(&mut Reader::new(&bytes), 3).is_ok());
    let refused = ProduceRequest::decode(&mut Reader::new(&bytes).budget_at_most(10_000), 3);
    let problem = refused.unwrap_err().problem;
    assert!(
        matches!(problem, Problem::OverBudget { left: 10_000, .. }),
        "{problem:?}"
    );
}

#[test]
fn an_error_says_what_and_where() {
    let error = ProduceRequest::decode(&mut Reader::new(&[0, 5, b'a']), 3).unwrap_err();
    assert_eq!(
        error.to_string(),
        "4 bytes missing at byte 2 in ProduceRequest.transactional_id"
    );
    let unknown = RequestHead::parse(&[0, 99, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap_err();
    assert_eq!(
        unknown,
        FrameError::UnknownApi {
            key: 99,
            version: 0
        }
    );
    assert_eq!(unknown.to_string(), "API key 99 (version 0) is not known");
}

#[test]
fn records_are_neither_copied_in_nor_out() {
    let records = vec![7; 1 << 20];
    let request = produce_of(RecordsField::Borrowed(&records));
    let bytes = codec_support::encode(&request, 13).unwrap();
    let decoding = peak_of(|| {
        let decoded = ProduceRequest::decode(&mut Reader::new(&bytes), 13).unwrap();
        assert_eq!(decoded, request);
    });
    assert!(decoding < 200, "{decoding} bytes allocated by decoding");
    let spliced = produce_of(RecordsField::Spliced(records.len()));
    let encoding = peak_of(|| {
        let encoded = frame::request(&spliced, 13, 1, None).unwrap();
        assert!(encoded.total_len() > records.len());
    });
    assert!(encoding < 400, "{encoding} bytes allocated by encoding");
}

fn produce_of(records: RecordsField<'_>) -> ProduceRequest<'_> {
    let partition = PartitionProduceData {
        index: 3,
        records: Some(records),
    };
    let topic_id = Uuid::METADATA_TOPIC;
    let partition_data = vec![partition];
    let topic = TopicProduceData {
        topic_id,
        partition_data,
        ..Default::default()
    };
    ProduceRequest {
        acks: -1,
        topic_data: vec![topic],
        ..Default::default()
    }
}

fn damage(bytes: &mut Vec<u8>, rng: &mut Rng) {
    for _ in 0..rng.usize(1..4) {
        if bytes.is_empty() {
            return;
        }
        let at = rng.usize(..bytes.len());
        match rng.u8(..6) {
            0 => bytes[at] ^= 1 << rng.u8(..8),
            1 => bytes[at] = 0xff,
            2 => bytes[at] = rng.u8(..),
            3 => bytes.truncate(at),
            4 => drop(bytes.remove(at)),
            _ => {
                let end = (at + 4).min(bytes.len());
                bytes[at..end].fill(0x7f);
            }
        }
    }
}

/// The most memory that this thread held at once while `work` ran, beyond what it held before.
fn peak_of(work: impl FnOnce()) -> usize {
    HELD.set(0);
    PEAK.set(0);
    work();
    usize::try_from(PEAK.get()).unwrap_or(0)
}

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

impl Counting {
    fn count(bytes: isize) {
        let held = HELD.get() + bytes;
        HELD.set(held);
        PEAK.set(PEAK.get().max(held));
    }
}

// SAFETY: every call goes to the system allocator unchanged; counting touches no memory of it, and
// the counters need no allocation and no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::count(layout.size() as isize);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        Self::count(-(layout.size() as isize));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}
