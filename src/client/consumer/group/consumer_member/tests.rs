use super::super::assignor::tests::of;
use super::*;
use crate::client::consumer::group::settings::GroupProtocol;
use crate::client::consumer::group::test_member::{pace, refused, settings};

const PARTITIONS: i32 = 6;
const TOPIC: Uuid = Uuid::from_u128(700);

fn member(now: Instant, seed: u64) -> ConsumerMember {
    let settings = settings(GroupProtocol::Consumer(None));
    let pace = pace(&settings, now, seed);
    ConsumerMember::new(None, pace)
}

fn reported(epoch: i32, assignment: Option<&[i32]>) -> Answer {
    Answer::Reported(Ok(Reported {
        member_id: None,
        epoch,
        interval: Duration::from_secs(5),
        assignment: assignment.map(|indexes| vec![(TOPIC, indexes.to_vec())]),
    }))
}

fn names() -> Answer {
    Answer::Named(Ok(vec![(TOPIC, "t".into())]))
}

fn take_steps(member: &mut ConsumerMember, now: Instant) -> Vec<Step> {
    let mut steps = Vec::new();
    while let Some(step) = member.ownership_mut().poll_step() {
        member.on_step_done(now, &step);
        steps.push(step);
    }
    steps
}

fn report(member: &mut ConsumerMember, now: Instant) -> Report {
    match member.poll_work(now) {
        Work::Report(report) => report,
        other => panic!("{other:?}"),
    }
}

fn assigned(assignment: Vec<(Uuid, Vec<i32>)>) -> Answer {
    Answer::Reported(Ok(Reported {
        member_id: None,
        epoch: 1,
        interval: Duration::from_secs(5),
        assignment: Some(assignment),
    }))
}

/// What it tells as held after an answer that was lost; hears nothing new.
fn told_after_loss(member: &mut ConsumerMember, now: Instant) -> Option<Vec<(Uuid, Vec<i32>)>> {
    report(member, now);
    let lost = Answer::Reported(Err(refused(ErrorCode::NotCoordinator)));
    member.on_answer(now, lost);
    let again = now + Duration::from_secs(1);
    let told = report(member, again);
    assert!(told.in_full);
    member.on_answer(again, reported(1, None));
    told.owned
}

fn holding(indexes: &[i32], now: Instant) -> ConsumerMember {
    let mut member = member(now, 0);
    let first = report(&mut member, now);
    assert!(first.in_full && first.identity.epoch == 0);
    assert_eq!(first.owned, Some(Vec::new()));
    member.on_answer(now, reported(1, Some(indexes)));
    assert!(matches!(member.poll_work(now), Work::Name(ids) if ids == [TOPIC]));
    member.on_answer(now, names());
    take_steps(&mut member, now);
    let acknowledged = report(&mut member, now);
    assert_eq!(acknowledged.owned, Some(vec![(TOPIC, indexes.to_vec())]));
    assert!(!acknowledged.in_full);
    member.on_answer(now, reported(1, None));
    member
}

#[test]
fn what_is_revoked_is_acknowledged_when_it_is_done() {
    let now = Instant::now();
    let mut member = holding(&[0, 1], now);
    let later = now + Duration::from_secs(5);
    assert_eq!(report(&mut member, later).owned, None);
    member.on_answer(later, reported(1, Some(&[0])));
    let silent = later + Duration::from_secs(5);
    assert_eq!(report(&mut member, silent).owned, None, "not yet");
    member.on_answer(silent, reported(1, None));
    let steps = take_steps(&mut member, silent);
    assert_eq!(steps, [Step::Revoke(BTreeSet::from([of("t", 1)]))]);
    let told = report(&mut member, silent);
    assert_eq!(told.owned, Some(vec![(TOPIC, vec![0])]));
}

#[test]
fn a_fenced_member_loses_everything_and_joins_under_its_id() {
    let now = Instant::now();
    let mut member = holding(&[0], now);
    let id = member.identity.member_id.clone();
    let later = now + Duration::from_secs(5);
    report(&mut member, later);
    let fenced = Answer::Reported(Err(refused(ErrorCode::FencedMemberEpoch)));
    member.on_answer(later, fenced);
    assert!(matches!(member.poll_work(later), Work::Wait(_)));
    assert!(matches!(
        take_steps(&mut member, later)[..],
        [Step::Lose(_)]
    ));
    let again = report(&mut member, later + Duration::from_secs(1));
    assert_eq!((again.identity.epoch, again.in_full), (0, true));
    assert_eq!(again.identity.member_id, id);
}

#[test]
fn after_a_lost_answer_everything_is_told_again() {
    let now = Instant::now();
    let mut member = holding(&[0], now);
    let later = now + Duration::from_secs(5);
    report(&mut member, later);
    let lost = Answer::Reported(Err(refused(ErrorCode::NotCoordinator)));
    member.on_answer(later, lost);
    let told = report(&mut member, later + Duration::from_secs(1));
    assert!(told.in_full && told.identity.epoch == 1);
    assert_eq!(told.owned, Some(vec![(TOPIC, vec![0])]));
}

#[test]
fn what_the_application_may_still_take_is_told_as_held() {
    let now = Instant::now();
    let mut member = holding(&[0], now);
    let later = now + Duration::from_secs(5);
    report(&mut member, later);
    member.on_answer(later, reported(1, Some(&[0, 1])));
    let both = Some(vec![(TOPIC, vec![0, 1])]);
    let begun = later + Duration::from_secs(10);
    assert_eq!(told_after_loss(&mut member, begun), both, "not yet begun");
    let step = member.ownership_mut().poll_step().unwrap();
    assert_eq!(step, Step::Assign(BTreeSet::from([of("t", 1)])));
    let done = begun + Duration::from_secs(10);
    assert_eq!(told_after_loss(&mut member, done), both, "under way");
}

#[test]
fn what_has_no_name_yet_is_told_as_held() {
    let now = Instant::now();
    let mut member = member(now, 0);
    report(&mut member, now);
    member.on_answer(now, reported(1, Some(&[0])));
    let told = told_after_loss(&mut member, now + Duration::from_secs(5));
    assert_eq!(told, Some(vec![(TOPIC, vec![0])]));
}

#[test]
fn what_is_settled_while_a_report_is_under_way_takes_another() {
    let now = Instant::now();
    let mut member = holding(&[0, 1], now);
    let later = now + Duration::from_secs(5);
    report(&mut member, later);
    member.on_answer(later, reported(1, Some(&[0])));
    let silent = later + Duration::from_secs(5);
    assert_eq!(report(&mut member, silent).owned, None);
    take_steps(&mut member, silent);
    member.on_answer(silent, reported(1, None));
    let told = report(&mut member, silent);
    assert_eq!(told.owned, Some(vec![(TOPIC, vec![0])]));
}

#[test]
fn what_is_taken_back_goes_though_nothing_else_has_a_name() {
    let now = Instant::now();
    let mut member = member(now, 0);
    report(&mut member, now);
    member.on_answer(now, reported(1, Some(&[0])));
    member.poll_work(now);
    member.on_answer(now, names());
    let step = member.ownership_mut().poll_step().unwrap();
    let later = now + Duration::from_secs(5);
    report(&mut member, later);
    member.on_answer(later, assigned(vec![(Uuid::from_u128(800), vec![3])]));
    member.on_step_done(later, &step);
    let steps = take_steps(&mut member, later);
    assert_eq!(steps, [Step::Revoke(BTreeSet::from([of("t", 0)]))]);
}

#[test]
fn a_member_leaves_for_good_or_for_now() {
    let now = Instant::now();
    let mut dynamic = holding(&[0], now);
    dynamic.close();
    assert!(matches!(dynamic.poll_work(now), Work::Leave(leave) if leave.identity.epoch == -1));
    assert!(matches!(dynamic.poll_work(now), Work::Stop));
    let mut fixed = holding(&[0], now);
    fixed.identity.instance_id = Some("i".to_owned());
    fixed.close();
    assert!(matches!(fixed.poll_work(now), Work::Leave(leave) if leave.identity.epoch == -2));
}

#[test]
fn a_topic_without_a_name_holds_up_nothing_else() {
    let now = Instant::now();
    let other = Uuid::from_u128(800);
    let mut member = member(now, 0);
    report(&mut member, now);
    member.on_answer(now, assigned(vec![(TOPIC, vec![0]), (other, vec![3])]));
    member.poll_work(now);
    member.on_answer(now, names());
    assert_eq!(take_steps(&mut member, now).len(), 1);
    let later = now + Duration::from_secs(1);
    report(&mut member, later);
    member.on_answer(later, reported(1, None));
    assert!(matches!(member.poll_work(later), Work::Name(ids) if ids == [other]));
    member.on_answer(later, Answer::Named(Ok(vec![(other, "u".into())])));
    let steps = take_steps(&mut member, later);
    assert_eq!(steps, [Step::Assign(BTreeSet::from([of("u", 3)]))]);
}

mod model;
