//! Classic groups on their coordinator.

use super::bench::{Bench, Classic};
use crate::coordinator::group::answer::Answer;
use crate::protocol::error_code::ErrorCode;

/// A group with one member.
fn alone() -> (Bench, Classic) {
    let mut bench = Bench::eager();
    let mut member = Classic::new(&["a"]);
    let ticket = bench.join(&member);
    member.id = bench.joined(ticket).expect("an id").member_id;
    let ticket = bench.join(&member);
    bench.pass(0);
    let told = bench.joined(ticket).expect("the rebalance is through");
    member.generation = told.generation;
    bench.sync(&member, Vec::new());
    assert_eq!(bench.state(), Some(("classic", "Stable")));
    (bench, member)
}

/// The last member was told that it had left, and after a crash the group had it still.
#[test]
fn who_leaves_last_hears_of_it_when_the_log_has_it() {
    let (mut bench, member) = alone();
    bench.is_prompt = false;
    let ticket = bench.leave(&member);
    assert_eq!(bench.answers.get(&ticket), None, "nothing is durable yet");
    bench.sync_log();
    let left = Answer::Leave(ErrorCode::None, vec![ErrorCode::None]);
    assert_eq!(bench.answers.remove(&ticket), Some(left));
}

#[test]
fn who_leaves_last_hears_that_the_log_does_not_take_it() {
    let (mut bench, member) = alone();
    bench.is_full = true;
    let ticket = bench.leave(&member);
    let refused = Answer::Leave(ErrorCode::CoordinatorNotAvailable, Vec::new());
    assert_eq!(bench.answers.remove(&ticket), Some(refused));
}
