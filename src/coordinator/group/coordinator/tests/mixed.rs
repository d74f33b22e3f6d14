//! Groups between the two protocols.

use std::sync::Arc;

use bytes::Bytes;

use super::bench::{Bench, Classic, Consumer, GROUP};
use crate::coordinator::group::answer::Answer;
use crate::coordinator::group::config::MigrationPolicy;
use crate::coordinator::group::coordinator::Call;
use crate::coordinator::group::embedded::assignment_bytes;
use crate::protocol::error_code::ErrorCode;

/// A classic group of two, led by the first, which has partitions 0 and 1 of `a`.
fn classic_pair(bench: &mut Bench) -> [Classic; 2] {
    let mut pair = [Classic::new(&["a"]), Classic::new(&["a"])];
    let mut tickets = Vec::new();
    for member in &mut pair {
        let ticket = bench.join(member);
        member.id = bench.joined(ticket).expect("an id").member_id;
    }
    for member in &pair {
        tickets.push(bench.join(member));
    }
    bench.pass(0);
    for (member, ticket) in pair.iter_mut().zip(tickets) {
        member.generation = bench
            .joined(ticket)
            .expect("the rebalance is through")
            .generation;
    }
    let given = |some: &[i32]| assignment_bytes(1, &[("a".into(), some)]);
    let parts = vec![
        (pair[0].id.clone(), given(&[0, 1])),
        (pair[1].id.clone(), given(&[2, 3])),
    ];
    settle(bench, &mut pair, parts);
    pair
}

fn settle(bench: &mut Bench, members: &mut [Classic], mut parts: Vec<(Arc<str>, Bytes)>) {
    let mut tickets = Vec::new();
    for member in &*members {
        tickets.push(bench.sync(member, std::mem::take(&mut parts)));
    }
    for (member, ticket) in members.iter_mut().zip(tickets) {
        let told = bench.synced(ticket).expect("assigned");
        assert_eq!(told.error, ErrorCode::None);
        member.take(&told);
    }
}

/// A round of heartbeats; who is to join again does.
fn round(bench: &mut Bench, classic: &mut [Classic], consumers: &mut [Consumer]) {
    for member in classic {
        match bench.classic_beat(member) {
            ErrorCode::None => {}
            ErrorCode::RebalanceInProgress => drop(member.enter(bench)),
            other => panic!("{other:?}"),
        }
    }
    for consumer in consumers {
        assert_eq!(consumer.beat(bench), ErrorCode::None);
    }
}

#[test]
fn a_group_goes_to_the_new_protocol_and_back() {
    let mut bench = Bench::eager();
    let mut classic = classic_pair(&mut bench);
    assert_eq!(bench.state(), Some(("classic", "Stable")));
    let mut consumers = [Consumer::new("new", &["a"])];
    assert_eq!(consumers[0].beat(&mut bench), ErrorCode::None);
    assert_eq!(bench.state(), Some(("consumer", "Reconciling")));
    assert_eq!(
        bench.classic_beat(&classic[0]),
        ErrorCode::RebalanceInProgress
    );
    for _ in 0..6 {
        round(&mut bench, &mut classic, &mut consumers);
    }
    assert_eq!(bench.state(), Some(("consumer", "Stable")));
    let counts = [classic[0].count(), classic[1].count(), consumers[0].count()];
    assert_eq!(counts.iter().sum::<usize>(), 4);
    assert!(counts.iter().all(|count| *count >= 1), "{counts:?}");
    let ticket = bench.commit(&classic[0].id, classic[0].generation, "a", 0);
    assert_eq!(bench.committed(ticket), Some(ErrorCode::None));
    bench.restart();
    round(&mut bench, &mut classic, &mut consumers);
    // The only one of the new protocol goes.
    consumers[0].epoch = -1;
    assert_eq!(consumers[0].beat(&mut bench), ErrorCode::None);
    assert_eq!(bench.state(), Some(("classic", "PreparingRebalance")));
    assert_eq!(
        bench.classic_beat(&classic[0]),
        ErrorCode::RebalanceInProgress
    );
    let loaded = bench.loaded();
    assert_eq!(loaded.list(&[], &[])[0].kind, "classic");
    let tickets = [bench.join(&classic[0]), bench.join(&classic[1])];
    for (member, ticket) in classic.iter_mut().zip(tickets) {
        let joined = bench.joined(ticket).expect("all have joined");
        assert_eq!(joined.error, ErrorCode::None);
        member.generation = joined.generation;
    }
    assert_eq!(bench.state(), Some(("classic", "CompletingRebalance")));
}

#[test]
fn a_conversion_that_the_log_does_not_take_is_none() {
    let mut bench = Bench::eager();
    let mut classic = classic_pair(&mut bench);
    bench.is_prompt = false;
    let request = Consumer::new("new", &["a"]).request();
    bench.call(Call::ConsumerHeartbeat(GROUP.into(), request.clone()));
    assert_eq!(bench.state().unwrap().0, "consumer");
    bench.lose();
    assert_eq!(bench.state(), Some(("classic", "Stable")));
    assert_eq!(bench.classic_beat(&classic[0]), ErrorCode::None);
    bench.answers.clear();
    bench.is_prompt = true;
    let mut consumers = [Consumer::new("new", &["a"])];
    consumers[0].beat(&mut bench);
    for _ in 0..6 {
        round(&mut bench, &mut classic, &mut consumers);
    }
    bench.is_prompt = false;
    let mut leave = consumers[0].request();
    leave.epoch = -1;
    bench.call(Call::ConsumerHeartbeat(GROUP.into(), leave));
    assert_eq!(bench.state().unwrap().0, "classic");
    bench.lose();
    assert_eq!(bench.state(), Some(("consumer", "Stable")));
    bench.is_prompt = true;
    round(&mut bench, &mut classic, &mut consumers);
}

#[test]
fn a_policy_may_keep_groups_what_they_are() {
    let mut bench = Bench::eager();
    bench.config.consumer.migration = MigrationPolicy::Disabled;
    bench.coordinator.configure(bench.config.clone());
    let classic = classic_pair(&mut bench);
    let mut new = Consumer::new("new", &["a"]);
    assert_eq!(new.beat(&mut bench), ErrorCode::GroupIdNotFound);
    assert_eq!(bench.classic_beat(&classic[0]), ErrorCode::None);
}

#[test]
fn classic_members_join_a_consumer_group() {
    let mut bench = Bench::eager();
    let mut consumers = [Consumer::new("new", &["a"])];
    consumers[0].beat(&mut bench);
    let mut classic = [Classic::new(&["a"])];
    assert_eq!(classic[0].enter(&mut bench), ErrorCode::None);
    assert_eq!(classic[0].count(), 0, "nothing has been given up yet");
    for _ in 0..6 {
        round(&mut bench, &mut classic, &mut consumers);
    }
    assert_eq!((classic[0].count(), consumers[0].count()), (2, 2));
    let ticket = bench.leave(&classic[0]);
    assert_eq!(
        bench.answers.remove(&ticket),
        Some(Answer::Leave(ErrorCode::None, vec![ErrorCode::None]))
    );
    consumers[0].beat(&mut bench);
    assert_eq!(consumers[0].count(), 4);
}

#[test]
fn who_does_not_join_again_in_time_is_out() {
    let mut bench = Bench::eager();
    let mut classic = classic_pair(&mut bench);
    let mut new = Consumer::new("new", &["a"]);
    new.beat(&mut bench);
    for _ in 0..12 {
        bench.classic_beat(&classic[0]);
        round(
            &mut bench,
            &mut classic[1..],
            std::slice::from_mut(&mut new),
        );
        bench.pass(5_000);
    }
    assert_eq!(bench.classic_beat(&classic[0]), ErrorCode::UnknownMemberId);
    for _ in 0..6 {
        round(
            &mut bench,
            &mut classic[1..],
            std::slice::from_mut(&mut new),
        );
    }
    assert_eq!((classic[1].count(), new.count()), (2, 2));
}

#[test]
fn an_empty_group_is_whose_it_is_next() {
    let mut bench = Bench::eager();
    let mut new = Consumer::new("new", &["a"]);
    new.beat(&mut bench);
    bench.commit("new", 1, "a", 0);
    new.epoch = -1;
    new.beat(&mut bench);
    let mut pair = classic_pair(&mut bench);
    assert_eq!(bench.state(), Some(("classic", "Stable")));
    assert_eq!(bench.loaded().list(&[], &[])[0].kind, "classic");
    for member in &mut pair {
        bench.leave(member);
    }
    assert_eq!(bench.state(), Some(("classic", "Empty")));
    new.begin_anew();
    assert_eq!(new.beat(&mut bench), ErrorCode::None);
    assert_eq!(bench.state(), Some(("consumer", "Stable")));
    assert_eq!(bench.loaded().list(&[], &[])[0].kind, "consumer");
    assert_eq!(bench.coordinator.figures().offsets, 1, "offsets stay");
}

#[test]
fn a_static_consumer_goes_back_to_the_classic_protocol() {
    let mut bench = Bench::eager();
    let mut classic = classic_pair(&mut bench);
    let mut consumers = [Consumer::new("new", &["a"])];
    consumers[0].instance_id = Some("i".into());
    consumers[0].beat(&mut bench);
    for _ in 0..6 {
        round(&mut bench, &mut classic, &mut consumers);
    }
    let mut back = Classic::new(&["a"]);
    back.instance_id = Some("i".into());
    let ticket = bench.join(&back);
    assert_eq!(bench.state(), Some(("classic", "PreparingRebalance")));
    let tickets = [bench.join(&classic[0]), bench.join(&classic[1])];
    for ticket in [ticket, tickets[0], tickets[1]] {
        let joined = bench.joined(ticket).expect("all have joined");
        assert_eq!(joined.error, ErrorCode::None);
    }
}
