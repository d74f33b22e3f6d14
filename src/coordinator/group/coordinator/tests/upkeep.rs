//! What goes without being asked for.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::bench::Bench;
use crate::coordinator::group::coordinator::{Call, CommitRequest, OffsetToCommit, Turn, Walk};
use crate::coordinator::group::record::GroupRecord;
use crate::model::Uuid;
use crate::protocol::message::group_record::offset::{OffsetCommitKey, OffsetCommitValue};

/// Of a stretch: one batch, or somewhat more.
const RECORDS_MAX: usize = 600;

fn commit(bench: &mut Bench, group: &str, places: &[(&str, Uuid, i32)]) {
    let offset = |(topic, topic_id, partition): &(&str, Uuid, i32)| OffsetToCommit {
        topic: (*topic).into(),
        topic_id: *topic_id,
        partition: *partition,
        offset: 7,
        leader_epoch: -1,
        metadata: None,
    };
    bench.ask(Call::Commit(CommitRequest {
        group: group.into(),
        member_id: "".into(),
        instance_id: None,
        generation: -1,
        knows_new_errors: true,
        retention_ms: None,
        offsets: places.iter().map(offset).collect(),
    }));
}

fn commit_many(bench: &mut Bench, group: &str, partitions: i32) {
    let places: Vec<_> = (0..partitions).map(|n| ("a", Uuid::ZERO, n)).collect();
    commit(bench, group, &places);
}

fn records(turn: &Turn) -> usize {
    turn.writes.iter().map(|write| write.records.len()).sum()
}

/// Takes a walk through all groups, with something else after each stretch; how many there were.
fn expire(bench: &mut Bench, mut between: impl FnMut(&mut Bench, usize)) -> usize {
    let (mut walk, mut stretches) = (Some(Walk::default()), 0);
    while let Some(from) = walk.take() {
        let (turn, next) = bench.coordinator.expire(&from, bench.now);
        assert!(records(&turn) <= RECORDS_MAX, "{}", records(&turn));
        bench.take(turn);
        stretches += 1;
        between(bench, stretches);
        walk = next;
    }
    stretches
}

/// With 100,000 groups nothing else had its turn for as long as it took to look at them all.
#[test]
fn offsets_expire_in_stretches() {
    let mut bench = Bench::eager();
    for number in 0..2_000 {
        commit_many(&mut bench, &format!("group{number}"), 2);
    }
    commit_many(&mut bench, "group1-large", 3_000);
    assert!(expire(&mut bench, |_, _| ()) >= 18);
    assert_eq!(bench.coordinator.figures().offsets, 7_000, "it is too soon");
    bench.now += bench.config.offsets_retention_ms;
    assert!(expire(&mut bench, |_, _| ()) >= 18);
    let figures = bench.coordinator.figures();
    assert_eq!((figures.offsets, figures.groups.len()), (0, 0));
    assert_eq!(bench.loaded().list(&[], &[]), []);
}

#[test]
fn a_group_stays_that_commits_while_its_offsets_expire() {
    let mut bench = Bench::eager();
    commit_many(&mut bench, "g", 3_000);
    bench.now += bench.config.offsets_retention_ms;
    expire(&mut bench, |bench, stretches| {
        if stretches == 3 {
            commit_many(bench, "g", 1);
        }
    });
    assert_eq!(bench.coordinator.figures().offsets, 1);
    assert_eq!(bench.coordinator.list(&[], &[]).len(), 1);
}

#[test]
fn a_group_stays_whose_first_offsets_do_not_expire() {
    let mut bench = Bench::eager();
    commit_many(&mut bench, "g", 3_000);
    bench.now += bench.config.offsets_retention_ms;
    commit_many(&mut bench, "g", 1);
    expire(&mut bench, |_, _| ());
    assert_eq!(bench.coordinator.figures().offsets, 1);
    assert_eq!(bench.coordinator.list(&[], &[]).len(), 1);
}

/// The broker died before it wrote that the offsets of a deleted topic are gone: they were there
/// again after its start, and counted for the next topic of that name.
#[test]
fn offsets_of_lost_topics_go_when_they_are_loaded() {
    let mut bench = Bench::eager();
    let (of_a, _) = bench.cluster.topics["a"];
    let (deleted, foreign) = (Uuid::from_u128(900), Uuid::from_u128(901));
    let places = [
        ("a", of_a, 0),
        ("a", Uuid::ZERO, 1),
        ("a", foreign, 2),
        ("a", deleted, 3),
        ("gone", deleted, 0),
        ("unheard of", foreign, 0),
    ];
    commit(&mut bench, "g", &places);
    commit_many(&mut bench, "other", 3_000);
    let mut coordinator = bench.loaded();
    let key = OffsetCommitKey {
        group: "other".to_owned(),
        topic: "gone".to_owned(),
        partition: 5,
    };
    let value = Some(OffsetCommitValue::default());
    let pending = GroupRecord::OffsetCommit { key, value };
    coordinator.load(9_000, 7, &pending, bench.now);
    bench.coordinator = coordinator;
    let (mut walk, mut lost) = (Some(Walk::default()), Vec::new());
    while let Some(from) = walk.take() {
        let deleted = BTreeSet::from([deleted]);
        let (turn, next) = bench
            .coordinator
            .forget_lost(&from, &bench.cluster, &deleted);
        let records = turn.writes.iter().flat_map(|write| &write.records);
        lost.extend(records.map(place));
        bench.take(turn);
        walk = next;
    }
    let expected = [("a", 3), ("gone", 0), ("unheard of", 0), ("gone", 5)];
    assert_eq!(lost, expected.map(|(topic, n)| (Arc::from(topic), n)));
    assert_eq!(bench.coordinator.figures().offsets, 3_003);
}

/// What a transaction has committed for the topic that is there went with what was lost.
#[test]
fn a_lost_offset_stays_while_a_transaction_may_replace_it() {
    let mut bench = Bench::eager();
    let (of_a, _) = bench.cluster.topics["a"];
    let deleted = Uuid::from_u128(900);
    commit(&mut bench, "g", &[("a", deleted, 0), ("a", deleted, 1)]);
    let mut coordinator = bench.loaded();
    for (offset, partition, topic_id) in [(8, 0, of_a), (9, 1, deleted)] {
        coordinator.load(
            offset,
            7,
            &pending("g", "a", partition, topic_id),
            bench.now,
        );
    }
    let deleted = BTreeSet::from([deleted]);
    let (turn, _) = coordinator.forget_lost(&Walk::default(), &bench.cluster, &deleted);
    let records = turn.writes.iter().flat_map(|write| &write.records);
    let mut lost: Vec<_> = records.map(place).collect();
    lost.dedup();
    assert_eq!(lost, [(Arc::from("a"), 1)]);
}

fn pending(group: &str, topic: &str, partition: i32, topic_id: Uuid) -> GroupRecord {
    let key = OffsetCommitKey {
        group: group.to_owned(),
        topic: topic.to_owned(),
        partition,
    };
    let value = Some(OffsetCommitValue {
        topic_id,
        ..OffsetCommitValue::default()
    });
    GroupRecord::OffsetCommit { key, value }
}

fn committed(bench: &Bench) -> Vec<i32> {
    let all = bench.coordinator.offsets.of_group_from("g", None);
    all.map(|(_, partition, _)| partition).collect()
}

/// The tombstones were refused, once and for all: a new topic of the name began with the offsets of
/// the old one.
#[test]
fn offsets_of_a_deleted_topic_go_though_the_log_is_full_at_first() {
    let mut bench = Bench::eager();
    let (old, _) = bench.cluster.topics["a"];
    let places = [0, 1, 2].map(|n| ("a", old, n));
    commit(&mut bench, "g", &places);
    commit(
        &mut bench,
        "g",
        &[("a", Uuid::ZERO, 3), ("a", Uuid::ZERO, 4)],
    );
    bench.is_full = true;
    bench.cluster.topics.remove("a");
    let deleted = HashSet::from(["a".into()]);
    let turn = bench.coordinator.forget_topics(&deleted);
    assert!(turn.writes.iter().all(|write| write.is_upkeep()));
    bench.take(turn);
    bench.pass(10_000);
    assert_eq!(committed(&bench), [0, 1, 2, 3, 4]);
    bench.cluster.create("a", 6);
    let (new, _) = bench.cluster.topics["a"];
    bench.is_full = false;
    commit(
        &mut bench,
        "g",
        &[("a", new, 1), ("a", Uuid::ZERO, 3), ("a", new, 5)],
    );
    bench.pass(1_000);
    assert_eq!(
        committed(&bench),
        [1, 3, 5],
        "what was committed since stays"
    );
    let written = bench.log.len();
    bench.pass(10_000);
    assert_eq!(
        (bench.log.len(), bench.coordinator.next_deadline()),
        (written, None)
    );
}

#[test]
fn tombstones_of_a_deleted_topic_that_the_log_loses_are_written_again() {
    let mut bench = Bench::eager();
    commit(&mut bench, "g", &[("a", Uuid::ZERO, 0)]);
    bench.is_prompt = false;
    let deleted = HashSet::from(["a".into()]);
    let turn = bench.coordinator.forget_topics(&deleted);
    bench.take(turn);
    assert!(committed(&bench).is_empty());
    bench.lose();
    assert_eq!(committed(&bench), [0]);
    bench.is_prompt = true;
    // It has the place in the log that the tombstone had.
    commit(&mut bench, "g", &[("a", Uuid::ZERO, 1)]);
    bench.pass(1_000);
    assert_eq!(committed(&bench), [1]);
}

fn place(record: &GroupRecord) -> (Arc<str>, i32) {
    match record {
        GroupRecord::OffsetCommit { key, value: None } => {
            (key.topic.as_str().into(), key.partition)
        }
        other => panic!("{other:?} is no tombstone of an offset"),
    }
}
