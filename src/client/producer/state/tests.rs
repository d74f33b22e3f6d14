use super::*;
use crate::client::Acks;
use crate::protocol::message::metadata::{
    MetadataResponse, MetadataResponsePartition, MetadataResponseTopic,
};

const NODE: NodeId = 4;

fn settings() -> ProducerSettings {
    ProducerSettings {
        acks: Acks::All,
        linger: Duration::ZERO,
        batch_bytes_max: 200,
        ..ProducerSettings::default()
    }
}

fn metadata(leader_id: NodeId) -> Metadata {
    let partition = MetadataResponsePartition {
        leader_id,
        ..Default::default()
    };
    let mut metadata = Metadata::default();
    metadata.update(MetadataResponse {
        topics: vec![MetadataResponseTopic {
            name: Some("t".to_owned()),
            partitions: vec![partition],
            ..Default::default()
        }],
        ..Default::default()
    });
    metadata
}

fn state(settings: ProducerSettings) -> State {
    let mut state = State::new(settings);
    state.on_metadata(&metadata(NODE));
    state.on_identity(Identity {
        producer_id: 1,
        epoch: 0,
    });
    state
}

fn append(state: &mut State, now: Instant, tag: u64) -> Result<bool, Rejection> {
    let topic: Arc<str> = "t".into();
    let record = ProducerRecord {
        topic: &topic,
        partition: Some(0),
        timestamp: None,
        key: None,
        value: Some(&[7; 100]),
        headers: &[],
        tag,
    };
    state.append(now, 0, &record, 0)
}

fn take(state: &mut State, now: Instant) -> Parcel {
    let Work::Send(NODE, mut parcels) = state.next_work(now) else {
        panic!("a batch can be sent");
    };
    assert_eq!(parcels.len(), 1);
    parcels.remove(0)
}

fn refused(code: ErrorCode) -> Answer {
    Answer::Refused(Refusal {
        code,
        message: None,
    })
}

#[test]
fn a_record_travels_from_append_to_report() {
    let now = Instant::now();
    let mut state = state(settings());
    assert!(
        append(&mut state, now, 11).unwrap(),
        "the thread is to be woken"
    );
    let parcel = take(&mut state, now);
    state.on_request_done(NODE);
    let report = state.on_answer(now, parcel, Answer::Stored(40), 0).unwrap();
    assert_eq!(
        (report.tags.as_slice(), report.bytes),
        ([11].as_slice(), 100)
    );
    assert_eq!(report.outcome.unwrap(), 40);
    assert!(!state.is_idle(), "the user has not been told yet");
    state.on_reported(1);
    assert!(state.is_idle() && state.held_bytes == 0);
}

#[test]
fn a_producer_id_comes_before_the_first_batch() {
    let now = Instant::now();
    let mut state = State::new(settings());
    assert!(matches!(
        append(&mut state, now, 0),
        Err(Rejection::UnknownTopic)
    ));
    state.on_metadata(&metadata(NODE));
    append(&mut state, now, 0).unwrap();
    assert!(matches!(state.next_work(now), Work::Identity));
    state.pause_lookups(now + Duration::from_secs(1));
    assert!(matches!(state.next_work(now), Work::Wait(Some(_))));
    state.give_up_idempotence();
    assert!(matches!(state.next_work(now), Work::Send(..)));
}

#[test]
fn requests_in_flight_are_bounded() {
    let now = Instant::now();
    let mut state = state(ProducerSettings {
        in_flight_max: 2,
        ..settings()
    });
    for tag in 0..3 {
        append(&mut state, now, tag).unwrap();
    }
    let first = take(&mut state, now);
    let _second = take(&mut state, now);
    assert!(matches!(state.next_work(now), Work::Wait(_)));
    state.on_request_done(NODE);
    assert!(state.on_answer(now, first, Answer::Stored(0), 0).is_some());
    assert_eq!(take(&mut state, now).batch.tags, [2]);
}

#[test]
fn a_moved_leader_is_looked_up_and_the_batch_sent_again() {
    let now = Instant::now();
    let mut state = state(settings());
    append(&mut state, now, 0).unwrap();
    let parcel = take(&mut state, now);
    state.on_request_done(NODE);
    let answer = refused(ErrorCode::NotLeaderOrFollower);
    assert!(state.on_answer(now, parcel, answer, 0).is_none());
    let later = now + Duration::from_secs(1);
    assert!(matches!(state.next_work(later), Work::Metadata(_)));
    state.on_metadata(&metadata(NODE));
    let again = take(&mut state, later);
    assert_eq!(again.batch.stamp.unwrap().base_sequence, 0);
}

/// The first of two batches is lost for good: the second, known not to be written, goes out under
/// a new identity from sequence 0.
#[test]
fn a_batch_given_up_costs_a_new_identity() {
    let now = Instant::now();
    let mut state = state(settings());
    append(&mut state, now, 0).unwrap();
    append(&mut state, now, 1).unwrap();
    let (first, second) = (take(&mut state, now), take(&mut state, now));
    state.on_request_done(NODE);
    let report = state
        .on_answer(now, first, refused(ErrorCode::MessageTooLarge), 0)
        .unwrap();
    assert_eq!(
        report.outcome.unwrap_err().code(),
        Some(ErrorCode::MessageTooLarge)
    );
    state.on_request_done(NODE);
    let answer = refused(ErrorCode::OutOfOrderSequenceNumber);
    assert!(state.on_answer(now, second, answer, 0).is_none());
    let later = now + Duration::from_secs(1);
    assert!(matches!(state.next_work(later), Work::Identity));
    let next = Identity {
        producer_id: 2,
        epoch: 0,
    };
    state.on_identity(next);
    let stamp = take(&mut state, later).batch.stamp.unwrap();
    assert_eq!((stamp.identity, stamp.base_sequence), (next, 0));
}

#[test]
fn what_was_written_already_counts_as_written() {
    let now = Instant::now();
    let mut state = state(settings());
    append(&mut state, now, 0).unwrap();
    let parcel = take(&mut state, now);
    let answer = refused(ErrorCode::DuplicateSequenceNumber);
    let report = state.on_answer(now, parcel, answer, 0).unwrap();
    assert_eq!(report.outcome.unwrap(), -1);
}

#[test]
fn memory_is_bounded_and_records_expire() {
    let now = Instant::now();
    let mut state = state(ProducerSettings {
        memory_bytes: 150,
        delivery_timeout: Duration::from_secs(2),
        ..settings()
    });
    append(&mut state, now, 0).unwrap();
    assert!(matches!(append(&mut state, now, 1), Err(Rejection::Full)));
    state.last_trouble = Some("no route".to_owned());
    assert!(state.expire(now + Duration::from_secs(1)).is_empty());
    let expired = state.expire(now + Duration::from_secs(3));
    let error = expired[0].outcome.as_ref().unwrap_err().to_string();
    assert!(
        error.contains("within 2 s") && error.contains("no route"),
        "{error}"
    );
    assert!(append(&mut state, now, 1).is_ok());
}
