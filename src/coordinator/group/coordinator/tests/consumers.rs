//! Consumer groups on their coordinator.

use std::sync::Arc;

use super::super::kinds::Group;
use super::bench::{Bench, Consumer, GROUP};
use crate::coordinator::group::answer::Answer;
use crate::coordinator::group::config::{GroupConfig, GroupOverrides};
use crate::coordinator::group::coordinator::{Call, FetchRequest, Walk};
use crate::protocol::error_code::ErrorCode;

fn settle(bench: &mut Bench, consumers: &mut [Consumer]) {
    for _ in 0..8 {
        for consumer in &mut *consumers {
            assert_eq!(consumer.beat(bench), ErrorCode::None);
        }
    }
    assert_eq!(bench.state(), Some(("consumer", "Stable")));
}

#[test]
fn members_share_what_there_is_and_a_restart_changes_nothing() {
    let mut bench = Bench::eager();
    let mut consumers = vec![
        Consumer::new("1", &["a", "b"]),
        Consumer::new("2", &["a", "b"]),
    ];
    settle(&mut bench, &mut consumers);
    assert_eq!(consumers[0].count() + consumers[1].count(), 7);
    let written = bench.log.len();
    bench.restart();
    settle(&mut bench, &mut consumers);
    assert_eq!(bench.log.len(), written, "nobody has moved");
    let listed = bench
        .coordinator
        .list(&["stable".into()], &["consumer".into()]);
    assert_eq!(&*listed[0].protocol_type, "consumer");
    assert_eq!(
        bench.ask(Call::Describe(GROUP.into())),
        Answer::Described(None)
    );
    let Answer::ConsumerDescribed(Some(described)) =
        bench.ask(Call::DescribeConsumer(GROUP.into()))
    else {
        panic!("it is a consumer group");
    };
    assert_eq!(
        (described.members.len(), described.assignor),
        (2, "uniform")
    );
    assert_eq!(described.members[0].assigned, described.members[0].target);
}

#[test]
fn who_is_silent_is_out_and_its_part_goes_to_others() {
    let mut bench = Bench::eager();
    let mut consumers = vec![Consumer::new("1", &["a"]), Consumer::new("2", &["a"])];
    settle(&mut bench, &mut consumers);
    for _ in 0..10 {
        bench.pass(5_000);
        assert_eq!(consumers[0].beat(&mut bench), ErrorCode::None);
    }
    assert_eq!(consumers[0].count(), 4);
    assert_eq!(consumers[1].beat(&mut bench), ErrorCode::UnknownMemberId);
    assert_eq!(bench.state(), Some(("consumer", "Stable")));
}

#[test]
fn who_does_not_give_up_what_it_has_to_is_out() {
    let mut bench = Bench::eager();
    let mut one = Consumer::new("1", &["a"]);
    one.beat(&mut bench);
    let mut two = Consumer::new("2", &["a"]);
    two.beat(&mut bench);
    let mut stubborn = one.request();
    stubborn.owned = None;
    for _ in 0..11 {
        assert_eq!(bench.beat(stubborn.clone()).error, ErrorCode::None);
        two.beat(&mut bench);
        bench.pass(5_000);
    }
    bench.pass(6_000);
    two.beat(&mut bench);
    assert_eq!(two.count(), 4, "60 seconds are over");
    assert_eq!(one.beat(&mut bench), ErrorCode::UnknownMemberId);
}

#[test]
fn an_answer_waits_for_its_records_and_nothing_else_does() {
    let mut bench = Bench::eager();
    bench.is_prompt = false;
    let mut one = Consumer::new("1", &["a"]);
    let ticket = bench.call(Call::ConsumerHeartbeat(GROUP.into(), one.request()));
    assert!(!bench.answers.contains_key(&ticket));
    bench.sync_log();
    let Some(Answer::ConsumerHeartbeat(told)) = bench.answers.remove(&ticket) else {
        panic!("it is durable");
    };
    one.hear(&told);
    // Another group's write is under way: that is nothing to this one.
    let other = bench.call(Call::ConsumerHeartbeat("h".into(), one_of("9").request()));
    assert_eq!(one.beat(&mut bench), ErrorCode::None);
    assert!(!bench.answers.contains_key(&other));
}

fn one_of(id: &str) -> Consumer {
    Consumer::new(id, &["a"])
}

#[test]
fn what_the_log_does_not_take_has_not_happened() {
    let mut bench = Bench::eager();
    bench.is_full = true;
    let told = bench.beat(one_of("1").request());
    assert_eq!(told.error, ErrorCode::CoordinatorNotAvailable);
    assert_eq!(bench.state(), None);
    (bench.is_full, bench.is_prompt) = (false, false);
    let first = bench.call(Call::ConsumerHeartbeat(GROUP.into(), one_of("1").request()));
    let second = bench.call(Call::ConsumerHeartbeat(GROUP.into(), one_of("2").request()));
    bench.lose();
    assert_eq!(bench.state(), None);
    for ticket in [first, second] {
        let Some(Answer::ConsumerHeartbeat(told)) = bench.answers.remove(&ticket) else {
            panic!("it is lost");
        };
        assert_eq!(told.error, ErrorCode::NotCoordinator);
    }
}

#[test]
fn what_is_lost_of_one_member_gives_no_other_more_time() {
    let mut bench = Bench::eager();
    settle(&mut bench, &mut [one_of("1")]);
    bench.pass(40_000);
    bench.is_prompt = false;
    bench.call(Call::ConsumerHeartbeat(GROUP.into(), one_of("2").request()));
    bench.lose();
    bench.is_prompt = true;
    bench.pass(4_000);
    assert_eq!(bench.state(), Some(("consumer", "Stable")));
    bench.pass(2_000);
    assert_eq!(bench.state(), Some(("consumer", "Empty")));
}

#[test]
fn a_group_is_assigned_once_in_a_while() {
    let mut bench = Bench::new(GroupConfig::default());
    let mut one = one_of("1");
    one.beat(&mut bench);
    assert_eq!(one.count(), 4, "the first need not wait");
    let mut two = one_of("2");
    two.beat(&mut bench);
    assert_eq!((two.epoch, two.count()), (1, 0), "it is too soon");
    assert_eq!(bench.state(), Some(("consumer", "Assigning")));
    bench.pass(1_000);
    settle(&mut bench, &mut [one, two]);
}

#[test]
fn a_large_group_is_assigned_elsewhere() {
    let mut config = GroupConfig::default();
    config.consumer.assignment_interval_ms.default = 0;
    config.consumer.inline_assignment_max = 0;
    let mut bench = Bench::new(config);
    let (mut one, mut two) = (one_of("1"), one_of("2"));
    one.beat(&mut bench);
    let call = Call::ConsumerHeartbeat(GROUP.into(), two.request());
    let ticket = crate::coordinator::group::answer::Ticket(77);
    let mut turn = bench
        .coordinator
        .call(ticket, call, &bench.cluster, bench.now);
    let job = turn.jobs.pop().expect("it is large");
    bench.take(turn);
    bench.answers.clear();
    // Somebody else comes meanwhile, and the first leaves.
    let three = bench.beat(one_of("3").request());
    assert_eq!(
        (three.epoch, bench.state()),
        (1, Some(("consumer", "Assigning")))
    );
    let mut leave = one.request();
    leave.epoch = -1;
    bench.beat(leave);
    let turn = bench.coordinator.assigned(job.run(), bench.now);
    bench.take(turn);
    two.epoch = 1;
    two.beat(&mut bench);
    assert_eq!(two.epoch, 2, "an older target is better than none");
    assert_eq!(
        bench.loaded().figures().groups,
        bench.coordinator.figures().groups
    );
}

#[test]
fn commits_need_the_epoch_at_which_a_partition_was_given() {
    let mut bench = Bench::eager();
    let mut consumers = vec![one_of("1")];
    settle(&mut bench, &mut consumers);
    let commit = |bench: &mut Bench, id: &str, epoch: i32, partition: i32| {
        let ticket = bench.commit(id, epoch, "a", partition);
        bench.committed(ticket).expect("durable at once")
    };
    assert_eq!(commit(&mut bench, "1", 1, 0), ErrorCode::None);
    assert_eq!(commit(&mut bench, "1", 2, 0), ErrorCode::StaleMemberEpoch);
    assert_eq!(commit(&mut bench, "9", 1, 0), ErrorCode::UnknownMemberId);
    assert_eq!(commit(&mut bench, "", -1, 0), ErrorCode::UnknownMemberId);
    consumers.push(one_of("2"));
    settle(&mut bench, &mut consumers);
    let kept = *consumers[0].owned.values().next().unwrap().first().unwrap();
    let given = *consumers[1].owned.values().next().unwrap().first().unwrap();
    assert_eq!(consumers[0].epoch, 2);
    assert_eq!(
        commit(&mut bench, "1", 1, kept),
        ErrorCode::None,
        "it had it then"
    );
    assert_eq!(
        commit(&mut bench, "1", 1, given),
        ErrorCode::StaleMemberEpoch
    );
    assert_eq!(
        commit(&mut bench, "2", 1, given),
        ErrorCode::StaleMemberEpoch
    );
    let fetch = |member: Option<&str>, member_epoch| {
        Call::Fetch(FetchRequest {
            group: GROUP.into(),
            member_id: member.map(Arc::from),
            member_epoch,
            topics: None,
            must_be_stable: false,
        })
    };
    assert!(matches!(bench.ask(fetch(None, -1)), Answer::Fetch(Ok(_))));
    assert!(matches!(
        bench.ask(fetch(Some("1"), 2)),
        Answer::Fetch(Ok(_))
    ));
    let stale = bench.ask(fetch(Some("1"), 1));
    assert_eq!(stale, Answer::Fetch(Err(ErrorCode::StaleMemberEpoch)));
}

#[test]
fn topics_that_an_expression_means_are_found_when_they_come() {
    let mut bench = Bench::eager();
    let mut one = Consumer::new("1", &[]);
    one.regex = Some("(".into());
    assert_eq!(one.beat(&mut bench), ErrorCode::InvalidRegularExpression);
    assert_eq!(bench.state(), None);
    one.regex = Some("[ac]".into());
    one.beat(&mut bench);
    assert_eq!(one.count(), 4);
    bench.cluster.create("c", 2);
    bench.cluster.create("cc", 2);
    bench.refresh();
    bench.pass(10_000);
    one.beat(&mut bench);
    assert_eq!(one.count(), 6);
    let mut other = one.request();
    other.regex = Some("".into());
    other.topics = Some(vec!["b".into()]);
    let told = bench.beat(other);
    one.hear(&told);
    one.beat(&mut bench);
    assert_eq!(one.count(), 3);
    assert_eq!(bench.loaded().figures(), {
        let mut figures = bench.coordinator.figures();
        figures.consumer_rebalances = 0;
        figures
    });
}

#[test]
fn partitions_and_topics_come_and_go() {
    let mut bench = Bench::eager();
    let mut one = Consumer::new("1", &["a", "b"]);
    one.beat(&mut bench);
    bench.cluster.topics.get_mut("a").unwrap().1 = 6;
    bench.refresh();
    one.beat(&mut bench);
    assert_eq!(one.count(), 9);
    bench.cluster.topics.remove("b");
    bench.refresh();
    for _ in 0..2 {
        one.beat(&mut bench);
    }
    assert_eq!(one.count(), 6);
}

#[test]
fn a_group_that_is_empty_can_be_deleted() {
    let mut bench = Bench::eager();
    let mut one = one_of("1");
    one.beat(&mut bench);
    bench.commit("1", 1, "a", 0);
    let delete = Call::Delete(GROUP.into());
    assert_eq!(
        bench.ask(delete.clone()),
        Answer::Delete(ErrorCode::NonEmptyGroup)
    );
    let places = vec![("a".into(), 0), ("b".into(), 0)];
    let group = GROUP.into();
    assert_eq!(
        bench.ask(Call::DeleteOffsets { group, places }),
        Answer::DeleteOffsets(
            ErrorCode::None,
            vec![ErrorCode::GroupSubscribedToTopic, ErrorCode::None]
        )
    );
    one.epoch = -1;
    assert_eq!(one.beat(&mut bench), ErrorCode::None);
    assert_eq!(bench.state(), Some(("consumer", "Empty")));
    bench.is_prompt = false;
    bench.call(delete.clone());
    assert_eq!(bench.state(), None);
    bench.lose();
    assert_eq!(bench.state(), Some(("consumer", "Empty")), "it is back");
    bench.is_prompt = true;
    bench.answers.clear();
    assert_eq!(bench.ask(delete), Answer::Delete(ErrorCode::None));
    assert_eq!(
        (bench.state(), bench.coordinator.figures().offsets),
        (None, 0)
    );
    assert_eq!(bench.loaded().list(&[], &[]), []);
}

#[test]
fn an_empty_group_goes_with_its_last_offset() {
    let mut bench = Bench::eager();
    let mut one = one_of("1");
    one.beat(&mut bench);
    bench.commit("1", 1, "a", 0);
    let week = bench.config.offsets_retention_ms;
    let expire = |bench: &mut Bench| {
        let (turn, next) = bench.coordinator.expire(&Walk::default(), bench.now);
        assert_eq!(next, None);
        bench.take(turn);
    };
    bench.now += week;
    expire(&mut bench);
    assert_eq!(
        bench.coordinator.figures().offsets,
        1,
        "it is subscribed to"
    );
    one.epoch = -1;
    one.beat(&mut bench);
    expire(&mut bench);
    assert_eq!(
        (bench.state(), bench.coordinator.figures().offsets),
        (None, 0)
    );
}

#[test]
fn a_group_has_its_own_timeouts_within_bounds() {
    let mut bench = Bench::eager();
    let overrides = GroupOverrides {
        session_timeout_ms: Some(1_000_000),
        heartbeat_interval_ms: Some(7_000),
        assignment_interval_ms: None,
    };
    bench.coordinator.configure_group(GROUP.into(), overrides);
    let told = bench.beat(one_of("1").request());
    assert_eq!(told.heartbeat_interval_ms, 7_000);
    bench.pass(59_999);
    assert_eq!(bench.state(), Some(("consumer", "Stable")));
    bench.pass(1);
    assert_eq!(bench.state(), Some(("consumer", "Empty")));
}

#[test]
fn records_are_understood_in_whatever_order_compaction_leaves() {
    let mut bench = Bench::eager();
    let mut consumers = vec![one_of("1"), one_of("2"), one_of("3")];
    settle(&mut bench, &mut consumers);
    bench.commit("1", consumers[0].epoch, "a", 0);
    // It says something new of itself: the record of what it has is older than that.
    let mut other = consumers[0].request();
    other.rack_id = Some("r".into());
    bench.beat(other);
    let mut gone = consumers.pop().unwrap();
    gone.epoch = -1;
    gone.beat(&mut bench);
    settle(&mut bench, &mut consumers);
    let key = |record: &crate::coordinator::group::record::GroupRecord| {
        record.encode().expect("short names").0
    };
    let log = std::mem::take(&mut bench.log);
    let last: std::collections::HashMap<_, _> = log
        .iter()
        .enumerate()
        .map(|(at, record)| (key(record), at))
        .collect();
    for keeps_tombstones in [true, false] {
        let kept = log.iter().enumerate().filter(|(at, record)| {
            last[&key(record)] == *at && (keeps_tombstones || !record.is_tombstone())
        });
        bench.log = kept.map(|(_, record)| record.clone()).collect();
        let loaded = bench.loaded();
        let described = loaded.describe_consumer(GROUP, &bench.cluster);
        assert_eq!(
            described,
            bench.coordinator.describe_consumer(GROUP, &bench.cluster)
        );
    }
}

#[test]
fn a_static_member_has_its_place_kept() {
    let mut bench = Bench::eager();
    let mut one = one_of("1");
    one.instance_id = Some("i".into());
    let mut consumers = vec![one, one_of("2")];
    settle(&mut bench, &mut consumers);
    let before = consumers[0].owned.clone();
    let mut back = consumers[0].clone();
    (back.id, back.epoch) = ("3".into(), 0);
    back.owned.clear();
    assert_eq!(
        back.clone().beat(&mut bench),
        ErrorCode::UnreleasedInstanceId
    );
    consumers[0].epoch = -2;
    assert_eq!(consumers[0].beat(&mut bench), ErrorCode::None);
    consumers[1].beat(&mut bench);
    assert_eq!(consumers[1].count(), 2);
    back.beat(&mut bench);
    assert_eq!(back.owned, before);
    let mut old = consumers[0].clone();
    old.epoch = 2;
    assert_eq!(old.beat(&mut bench), ErrorCode::FencedInstanceId);
    back.epoch = -2;
    back.beat(&mut bench);
    for _ in 0..10 {
        bench.pass(5_000);
        consumers[1].beat(&mut bench);
    }
    assert_eq!(consumers[1].count(), 4, "it did not come back in time");
}

#[test]
fn a_group_holds_so_much_of_its_members_words_and_no_more() {
    let mut bench = Bench::eager();
    let names: Vec<_> = (0..1_000).map(|n| format!("{n:01000}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut one = one_of("1");
    assert_eq!(one.beat(&mut bench), ErrorCode::None);
    let count = (0..100).take_while(|number| {
        let mut talker = Consumer::new(&format!("talker{number}"), &names);
        talker.beat(&mut bench) == ErrorCode::None
    });
    assert_eq!(count.count(), 32, "as much as MEMBERS_BYTES_MAX says");
    let told = bench.beat(Consumer::new("late", &names).request());
    assert_eq!(told.error, ErrorCode::GroupMaxSizeReached);
    assert_eq!(one.beat(&mut bench), ErrorCode::None);
    assert_eq!(
        one_of("2").beat(&mut bench),
        ErrorCode::None,
        "it says little"
    );
}

/// 10 MB of new names do not fit one batch.
#[test]
fn what_expressions_mean_is_found_over_several_heartbeats() {
    let mut bench = Bench::eager();
    bench.cluster.topics.clear();
    let mut consumers: Vec<_> = (0..10)
        .map(|n| Consumer::new(&format!("{n}"), &[]))
        .collect();
    for (number, one) in consumers.iter_mut().enumerate() {
        one.regex = Some(format!(".*|x{number}").into());
        assert_eq!(one.beat(&mut bench), ErrorCode::None);
    }
    for number in 0..1_000 {
        bench.cluster.create(&format!("{number:01000}"), 1);
    }
    bench.refresh();
    bench.pass(10_000);
    for (beats, one) in consumers.iter_mut().take(4).enumerate() {
        assert_eq!(resolved(&bench), beats * 3_000, "after {beats} heartbeats");
        one.beat(&mut bench);
    }
    assert_eq!(resolved(&bench), 10_000);
}

/// A member's heartbeat that was refused took the look at the expressions with it.
#[test]
fn a_refused_heartbeat_leaves_expressions_to_be_looked_up() {
    let mut bench = Bench::eager();
    let mut one = Consumer::new("1", &[]);
    one.regex = Some("[ac]".into());
    one.beat(&mut bench);
    bench.cluster.create("c", 2);
    bench.refresh();
    bench.pass(10_000);
    let mut stranger = one_of("2").request();
    stranger.epoch = 3;
    assert_eq!(bench.beat(stranger).error, ErrorCode::UnknownMemberId);
    bench.pass(10_000);
    one.beat(&mut bench);
    assert_eq!(one.count(), 6);
}

/// How many topics the expressions stand for.
fn resolved(bench: &Bench) -> usize {
    let Some(Group::Consumer(live)) = bench.coordinator.groups.get(GROUP) else {
        panic!("there is no consumer group");
    };
    let used = live.group.used_regexes();
    let resolved = used.filter_map(|regex| live.group.resolved(regex));
    resolved.map(|resolved| resolved.topics.len()).sum()
}
