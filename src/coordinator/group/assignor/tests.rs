//! The cases of Kafka's own tests as facts, and random groups that change step by step. What the
//! order of a hash map decides in Kafka is only held to what must be true of it.

use std::collections::BTreeSet;

use super::*;

type Entry = (Arc<str>, MemberSpec);

fn topic(number: u128) -> Uuid {
    Uuid::from_u128(0x1000 + number)
}

fn subscription(topics: &[u128]) -> Subscription {
    Subscription::new(topics.iter().map(|&number| topic(number)))
}

fn owns(partitions: &[(u128, &[i32])]) -> TopicPartitions {
    let entries = partitions.iter();
    entries
        .map(|&(number, indexes)| (topic(number), indexes.to_vec()))
        .collect()
}

fn member(id: &str, topics: &[u128], assigned: &[(u128, &[i32])]) -> Entry {
    let spec = MemberSpec {
        instance_id: None,
        subscription: subscription(topics),
        assigned: Arc::new(owns(assigned)),
    };
    (Arc::from(id), spec)
}

fn static_member(id: &str, instance_id: &str, topics: &[u128]) -> Entry {
    let (id, mut spec) = member(id, topics, &[]);
    spec.instance_id = Some(Arc::from(instance_id));
    (id, spec)
}

fn group(topics: &[(u128, u32)], members: Vec<Entry>) -> GroupSpec {
    let topics = topics.iter().map(|&(number, count)| (topic(number), count));
    GroupSpec {
        members: members.into_iter().collect(),
        topics: topics.collect(),
    }
}

/// What each member owns after the assignment, which holds all that any assignment must.
fn assign(assignor: Assignor, spec: &GroupSpec) -> Assignment {
    let assignment = assignor.assign(spec).expect("all topics exist");
    check_complete(spec, &assignment);
    assignment
}

fn expect(assignor: Assignor, spec: &GroupSpec, expected: &[(&str, TopicPartitions)]) {
    let assignment = assign(assignor, spec);
    let found: Vec<(&str, TopicPartitions)> = assignment
        .iter()
        .map(|(id, owned)| (&**id, TopicPartitions::clone(owned)))
        .collect();
    assert_eq!(found, expected);
}

/// Everybody has an entry; each partition of each subscribed topic has one owner, who subscribes
/// to it; nothing else has any; the lists are as [`TopicPartitions`] has them.
fn check_complete(spec: &GroupSpec, assignment: &Assignment) {
    assert!(spec.members.keys().eq(assignment.keys()));
    let members = spec.members.values();
    let subscribed: BTreeSet<Uuid> = members
        .flat_map(|member| member.subscription.topic_ids().iter().copied())
        .collect();
    let mut unowned: BTreeSet<(Uuid, i32)> = BTreeSet::new();
    for topic_id in subscribed {
        let indexes = 0..spec.topics[&topic_id] as i32;
        unowned.extend(indexes.map(|index| (topic_id, index)));
    }
    for (id, owned) in assignment {
        for (&topic_id, indexes) in owned.iter() {
            assert!(spec.members[id].subscription.contains(topic_id));
            assert!(!indexes.is_empty());
            assert!(indexes.is_sorted());
            for &index in indexes {
                assert!(unowned.remove(&(topic_id, index)), "{topic_id}-{index}");
            }
        }
    }
    assert!(unowned.is_empty(), "without an owner: {unowned:?}");
}

fn load(owned: &TopicPartitions) -> usize {
    owned.values().map(Vec::len).sum()
}

fn loads(assignment: &Assignment) -> Vec<usize> {
    assignment.values().map(|owned| load(owned)).collect()
}

fn spread(assignment: &Assignment) -> usize {
    let loads = loads(assignment);
    loads.iter().max().unwrap_or(&0) - loads.iter().min().unwrap_or(&0)
}

fn partitions(owned: &TopicPartitions) -> BTreeSet<(Uuid, i32)> {
    let topics = owned.iter();
    topics
        .flat_map(|(&topic_id, indexes)| indexes.iter().map(move |&index| (topic_id, index)))
        .collect()
}

/// The group with the assignment as its members' targets.
fn assigned(mut spec: GroupSpec, assignment: &Assignment) -> GroupSpec {
    for (id, member) in &mut spec.members {
        member.assigned = Arc::clone(&assignment[id]);
    }
    spec
}

#[test]
fn assignors_go_by_name() {
    assert_eq!(Assignor::default().name(), "uniform");
    for assignor in [Assignor::Uniform, Assignor::Range] {
        assert_eq!(Assignor::by_name(assignor.name()), Some(assignor));
    }
    assert_eq!(Assignor::by_name("Range"), None);
    assert_eq!(Assignor::by_name("cooperative-sticky"), None);
}

#[test]
fn an_assignment_may_be_made_on_another_thread() {
    fn may_go<T: Send + Sync + 'static>() {}
    may_go::<GroupSpec>();
    may_go::<Assignment>();
    may_go::<AssignError>();
}

#[test]
fn subscriptions_are_sets() {
    let one = Subscription::new([topic(2), topic(1), topic(2)]);
    assert_eq!(one.topic_ids(), [topic(1), topic(2)]);
    assert_eq!(one, subscription(&[1, 2]));
    assert_ne!(one, subscription(&[1]));
    assert!(one.contains(topic(1)));
    assert!(!one.contains(topic(3)));
}

#[test]
fn nobody_and_nothing() {
    for assignor in [Assignor::Uniform, Assignor::Range] {
        let nobody = group(&[(1, 3)], vec![]);
        assert_eq!(assignor.assign(&nobody), Ok(Assignment::new()));
        let nothing = group(&[(1, 3)], vec![member("A", &[], &[(1, &[0])])]);
        expect(assignor, &nothing, &[("A", owns(&[]))]);
        let no_partitions = group(&[(1, 0)], vec![member("A", &[1], &[])]);
        expect(assignor, &no_partitions, &[("A", owns(&[]))]);
        let one = vec![member("A", &[1], &[]), member("B", &[], &[])];
        let expected = [("A", owns(&[(1, &[0, 1, 2])])), ("B", owns(&[]))];
        expect(assignor, &group(&[(1, 3)], one), &expected);
    }
}

#[test]
fn topics_that_do_not_exist_are_an_error() {
    for assignor in [Assignor::Uniform, Assignor::Range] {
        let alike = group(&[(1, 3)], vec![member("A", &[2], &[])]);
        let error: Result<Assignment, AssignError> = Err(AssignError::UnknownTopic(topic(2)));
        assert_eq!(assignor.assign(&alike), error);
        let unlike = vec![member("A", &[3], &[]), member("B", &[2], &[])];
        assert_eq!(assignor.assign(&group(&[(1, 3)], unlike)), error);
    }
}

#[test]
fn uniform_spreads_a_first_assignment() {
    let two = vec![member("A", &[1, 3], &[]), member("B", &[1, 3], &[])];
    let expected = [
        ("A", owns(&[(1, &[0, 1, 2])])),
        ("B", owns(&[(3, &[0, 1])])),
    ];
    expect(Assignor::Uniform, &group(&[(1, 3), (3, 2)], two), &expected);
    let three = ["A", "B", "C"].map(|id| member(id, &[3], &[]));
    let expected = [
        ("A", owns(&[(3, &[0])])),
        ("B", owns(&[(3, &[1])])),
        ("C", owns(&[])),
    ];
    let spec = group(&[(3, 2)], three.to_vec());
    expect(Assignor::Uniform, &spec, &expected);
}

#[test]
fn uniform_evens_out_what_was_unbalanced() {
    let members = vec![
        member("A", &[1, 2], &[(1, &[0, 1]), (2, &[0, 1])]),
        member("B", &[1, 2], &[(1, &[2]), (2, &[2])]),
    ];
    let expected = [
        ("A", owns(&[(1, &[0, 1]), (2, &[0])])),
        ("B", owns(&[(1, &[2]), (2, &[1, 2])])),
    ];
    let spec = group(&[(1, 3), (2, 3)], members);
    expect(Assignor::Uniform, &spec, &expected);
}

#[test]
fn uniform_keeps_everything_when_partitions_are_added() {
    let members = vec![
        member("A", &[1, 2], &[(1, &[0, 2]), (2, &[0])]),
        member("B", &[1, 2], &[(1, &[1]), (2, &[1, 2])]),
    ];
    let spec = group(&[(1, 6), (2, 5)], members);
    let assignment = assign(Assignor::Uniform, &spec);
    assert_eq!(loads(&assignment), [6, 5]);
    for (id, member) in &spec.members {
        assert!(partitions(&assignment[id]).is_superset(&partitions(&member.assigned)));
    }
}

#[test]
fn uniform_takes_only_what_a_new_member_needs() {
    let members = vec![
        member("A", &[1, 2], &[(1, &[0, 2]), (2, &[0])]),
        member("B", &[1, 2], &[(1, &[1]), (2, &[1, 2])]),
        member("C", &[1, 2], &[]),
    ];
    let expected = [
        ("A", owns(&[(1, &[0, 2])])),
        ("B", owns(&[(1, &[1]), (2, &[1])])),
        ("C", owns(&[(2, &[0, 2])])),
    ];
    let spec = group(&[(1, 3), (2, 3)], members);
    expect(Assignor::Uniform, &spec, &expected);
}

/// Kafka gives the larger shares to whoever comes first, and would move one here.
#[test]
fn uniform_leaves_the_larger_share_where_it_is() {
    let members = vec![
        member("A", &[1], &[(1, &[0])]),
        member("B", &[1], &[(1, &[1, 2])]),
    ];
    let spec = group(&[(1, 3)], members);
    let assignment = assign(Assignor::Uniform, &spec);
    for (id, member) in &spec.members {
        assert!(Arc::ptr_eq(&assignment[id], &member.assigned));
    }
}

#[test]
fn uniform_divides_what_a_member_leaves() {
    let members = vec![
        member("A", &[1, 2], &[(1, &[0]), (2, &[0])]),
        member("B", &[1, 2], &[(1, &[1]), (2, &[1])]),
    ];
    let expected = [
        ("A", owns(&[(1, &[0, 2]), (2, &[0])])),
        ("B", owns(&[(1, &[1]), (2, &[1, 2])])),
    ];
    let spec = group(&[(1, 3), (2, 3)], members);
    expect(Assignor::Uniform, &spec, &expected);
}

#[test]
fn uniform_drops_topics_without_subscribers() {
    let members = vec![
        member("A", &[2], &[(1, &[0]), (2, &[0])]),
        member("B", &[2], &[(1, &[1]), (2, &[1])]),
    ];
    let expected = [("A", owns(&[(2, &[0])])), ("B", owns(&[(2, &[1])]))];
    let spec = group(&[(1, 2), (2, 2)], members);
    expect(Assignor::Uniform, &spec, &expected);
}

#[test]
fn uniform_makes_one_owner_out_of_two() {
    for others in [vec![], vec![member("C", &[], &[])]] {
        let mut members = vec![
            member("A", &[1], &[(1, &[0, 1, 7, -1])]),
            member("B", &[1], &[(1, &[1, 0]), (9, &[0])]),
        ];
        members.extend(others);
        assign(Assignor::Uniform, &group(&[(1, 4)], members));
    }
}

#[test]
fn uniform_balances_unlike_subscriptions() {
    let members = vec![member("A", &[1, 3], &[]), member("B", &[3], &[])];
    let expected = [
        ("A", owns(&[(1, &[0, 1, 2]), (3, &[4])])),
        ("B", owns(&[(3, &[0, 1, 2, 3, 5])])),
    ];
    let spec = group(&[(1, 3), (3, 6)], members);
    expect(Assignor::Uniform, &spec, &expected);

    let members = vec![
        member("A", &[3], &[]),
        member("B", &[3], &[]),
        member("C", &[1], &[]),
    ];
    let expected = [
        ("A", owns(&[(3, &[0])])),
        ("B", owns(&[])),
        ("C", owns(&[(1, &[0, 1])])),
    ];
    let spec = group(&[(1, 2), (3, 1)], members);
    expect(Assignor::Uniform, &spec, &expected);
}

#[test]
fn uniform_evens_out_unlike_subscriptions() {
    let members = vec![
        member("A", &[1], &[(1, &[0, 1, 2])]),
        member("B", &[1, 2], &[(1, &[3]), (2, &[0])]),
        member(
            "C",
            &[1, 2, 3],
            &[(1, &[4, 5]), (2, &[1, 2, 3]), (3, &[0, 1, 2, 3])],
        ),
    ];
    let expected = [
        ("A", owns(&[(1, &[0, 1, 2, 5])])),
        ("B", owns(&[(1, &[3]), (2, &[0, 1, 2, 3])])),
        ("C", owns(&[(1, &[4]), (3, &[0, 1, 2, 3])])),
    ];
    let spec = group(&[(1, 6), (2, 4), (3, 4)], members);
    expect(Assignor::Uniform, &spec, &expected);
}

#[test]
fn uniform_keeps_everything_when_unlike_topics_grow() {
    let members = vec![
        member("A", &[1, 3], &[(1, &[0, 1, 2, 3]), (3, &[0, 1])]),
        member("B", &[1, 2, 3, 4], &[(2, &[0, 1, 2]), (4, &[0, 1, 2])]),
    ];
    let expected = [
        ("A", owns(&[(1, &[0, 1, 2, 3, 4, 5]), (3, &[0, 1, 2])])),
        ("B", owns(&[(2, &[0, 1, 2, 3, 4]), (4, &[0, 1, 2])])),
    ];
    let spec = group(&[(1, 6), (2, 5), (3, 3), (4, 3)], members);
    expect(Assignor::Uniform, &spec, &expected);
}

#[test]
fn uniform_takes_unlike_members_in_and_out() {
    let members = vec![
        member("A", &[1], &[(1, &[0, 2]), (2, &[0])]),
        member("B", &[1, 2], &[(1, &[1]), (2, &[1, 2])]),
        member("C", &[1, 2], &[]),
    ];
    let expected = [
        ("A", owns(&[(1, &[0, 2, 3, 4, 5])])),
        ("B", owns(&[(1, &[1]), (2, &[1, 2, 6])])),
        ("C", owns(&[(2, &[0, 3, 4, 5])])),
    ];
    let spec = group(&[(1, 6), (2, 7)], members);
    expect(Assignor::Uniform, &spec, &expected);

    let members = vec![
        member("A", &[1, 3], &[(1, &[0, 1, 2]), (3, &[0, 1])]),
        member("B", &[2], &[(2, &[3, 4, 5, 6])]),
    ];
    let expected = [
        ("A", owns(&[(1, &[0, 1, 2]), (3, &[0, 1, 2])])),
        ("B", owns(&[(2, &[0, 1, 2, 3, 4, 5, 6, 7])])),
    ];
    let spec = group(&[(1, 3), (2, 8), (3, 3)], members);
    expect(Assignor::Uniform, &spec, &expected);
}

#[test]
fn uniform_obeys_a_narrower_subscription() {
    let members = vec![
        member("A", &[1], &[(1, &[0, 2]), (2, &[1, 3])]),
        member("B", &[1, 2], &[(1, &[1]), (2, &[0, 2, 4])]),
    ];
    let expected = [
        ("A", owns(&[(1, &[0, 1, 2])])),
        ("B", owns(&[(2, &[0, 1, 2, 3, 4])])),
    ];
    let spec = group(&[(1, 3), (2, 5)], members);
    expect(Assignor::Uniform, &spec, &expected);
}

/// A topic's partitions run out before its subscribers are balanced; the next topic goes on.
#[test]
fn uniform_goes_on_with_the_next_topic() {
    let all: &[(u128, &[i32])] = &[(1, &[0, 1]), (2, &[0, 1]), (3, &[0, 1])];
    let members = vec![
        member("A", &[1, 2, 3], all),
        member("B", &[1, 2, 3], &[]),
        // Without a subscription; the group is of unlike subscriptions because of it.
        member("C", &[], &[]),
    ];
    let expected = [
        ("A", owns(&[(2, &[0]), (3, &[0, 1])])),
        ("B", owns(&[(1, &[0, 1]), (2, &[1])])),
        ("C", owns(&[])),
    ];
    let spec = group(&[(1, 2), (2, 2), (3, 2)], members);
    expect(Assignor::Uniform, &spec, &expected);
}

#[test]
fn uniform_is_balanced_for_a_group_of_many_topics() {
    let numbers: Vec<u128> = (1..100).collect();
    let topics: Vec<(u128, u32)> = numbers.iter().map(|&number| (number, 3)).collect();
    let members = (1..50).map(|index| member(&format!("member{index}"), &numbers, &[]));
    let spec = group(&topics, members.collect());
    assert!(spread(&assign(Assignor::Uniform, &spec)) <= 1);
}

#[test]
fn uniform_takes_ten_thousand_members() {
    let shared = subscription(&[1]);
    let members = (0..10_000).map(|index| {
        let (id, mut spec) = member(&format!("member{index}"), &[], &[]);
        spec.subscription = shared.clone();
        (id, spec)
    });
    let spec = group(&[(1, 10_000)], members.collect());
    let assignment = assign(Assignor::Uniform, &spec);
    assert_eq!(spread(&assignment), 0);
    let again = assigned(spec, &assignment);
    assert_eq!(assign(Assignor::Uniform, &again), assignment);
}

#[test]
fn range_cuts_topics_alike() {
    let two = vec![member("A", &[1, 3], &[]), member("B", &[1, 3], &[])];
    let expected = [
        ("A", owns(&[(1, &[0, 1]), (3, &[0])])),
        ("B", owns(&[(1, &[2]), (3, &[1])])),
    ];
    expect(Assignor::Range, &group(&[(1, 3), (3, 2)], two), &expected);
    let three = ["A", "B", "C"].map(|id| member(id, &[1, 3], &[]));
    let expected = [
        ("A", owns(&[(1, &[0]), (3, &[0])])),
        ("B", owns(&[(1, &[1]), (3, &[1])])),
        ("C", owns(&[(1, &[2])])),
    ];
    let spec = group(&[(1, 3), (3, 2)], three.to_vec());
    expect(Assignor::Range, &spec, &expected);
}

#[test]
fn range_cuts_unlike_subscriptions_topic_by_topic() {
    let members = vec![
        member("A", &[1, 2], &[]),
        member("B", &[3], &[]),
        member("C", &[2, 3], &[]),
    ];
    let expected = [
        ("A", owns(&[(1, &[0, 1, 2]), (2, &[0, 1])])),
        ("B", owns(&[(3, &[0])])),
        ("C", owns(&[(2, &[2]), (3, &[1])])),
    ];
    let spec = group(&[(1, 3), (2, 3), (3, 2)], members);
    expect(Assignor::Range, &spec, &expected);

    let members = vec![
        member("A", &[1], &[(1, &[0, 1, 2]), (2, &[0])]),
        member("B", &[1, 2, 3], &[(2, &[1])]),
        member("C", &[2], &[(2, &[2]), (3, &[0, 1])]),
    ];
    let expected = [
        ("A", owns(&[(1, &[0, 1])])),
        ("B", owns(&[(1, &[2]), (2, &[0, 1]), (3, &[0, 1])])),
        ("C", owns(&[(2, &[2])])),
    ];
    let spec = group(&[(1, 3), (2, 3), (3, 2)], members);
    expect(Assignor::Range, &spec, &expected);
}

#[test]
fn range_follows_the_members_and_the_partitions() {
    let before = |id, indexes: &[i32]| member(id, &[1, 2], &[(1, indexes), (2, indexes)]);
    let both = |indexes: &[i32]| owns(&[(1, indexes), (2, indexes)]);

    let fewer_partitions = vec![
        before("A", &[0]),
        before("B", &[1]),
        member("C", &[1, 2], &[]),
    ];
    let spec = group(&[(1, 2), (2, 2)], fewer_partitions);
    let expected = [("A", both(&[0])), ("B", both(&[1])), ("C", owns(&[]))];
    expect(Assignor::Range, &spec, &expected);

    let two = vec![before("A", &[0, 1]), before("B", &[2])];
    let spec = group(&[(1, 4), (2, 4)], two);
    let expected = [("A", both(&[0, 1])), ("B", both(&[2, 3]))];
    expect(Assignor::Range, &spec, &expected);

    let joined = vec![
        before("A", &[0, 1]),
        before("B", &[2]),
        member("C", &[1, 2], &[]),
    ];
    let spec = group(&[(1, 3), (2, 3)], joined);
    let expected = [("A", both(&[0])), ("B", both(&[1])), ("C", both(&[2]))];
    expect(Assignor::Range, &spec, &expected);

    let unlike = vec![
        before("A", &[0, 1]),
        before("B", &[2]),
        member("C", &[1], &[]),
    ];
    let spec = group(&[(1, 4), (2, 3)], unlike);
    let expected = [
        ("A", both(&[0, 1])),
        ("B", both(&[2])),
        ("C", owns(&[(1, &[3])])),
    ];
    expect(Assignor::Range, &spec, &expected);

    let spec = group(&[(1, 3), (2, 3)], vec![before("B", &[2])]);
    expect(Assignor::Range, &spec, &[("B", both(&[0, 1, 2]))]);
}

#[test]
fn range_keeps_the_place_of_an_instance() {
    let partitions_before_and_after = |others: Vec<Entry>, partitions: u32| {
        let group_with = |id: &str| {
            let mut members = others.clone();
            members.push(static_member(id, "instanceA", &[1]));
            group(&[(1, partitions)], members)
        };
        let before = assign(Assignor::Range, &group_with("A"));
        let after = assign(Assignor::Range, &group_with("memberA1"));
        assert_eq!(before["A"], after["memberA1"]);
        for (id, _) in &others {
            assert_eq!(before[id], after[id]);
        }
        before
    };
    let others = vec![static_member("B", "instanceB", &[1])];
    partitions_before_and_after(others, 3);
    let others = vec![
        static_member("C", "instanceC", &[1]),
        member("B", &[1], &[]),
    ];
    let mixed = partitions_before_and_after(others, 5);
    // Those without an instance id come last.
    assert_eq!(*mixed["A"], owns(&[(1, &[0, 1])]));
    assert_eq!(*mixed["C"], owns(&[(1, &[2, 3])]));
    assert_eq!(*mixed["B"], owns(&[(1, &[4])]));
}

const SEEDS: u64 = 300;
const STEPS: usize = 12;
const MEMBERS_MAX: u64 = 9;
const TOPICS: u128 = 5;

/// A sequence of numbers from a seed.
struct Numbers(u64);

impl Numbers {
    fn new(seed: u64) -> Self {
        // Spread out, as neighbouring seeds would begin alike; never 0.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    /// Some of the topics, in any order.
    fn topics(&mut self) -> Subscription {
        let mut numbers: Vec<u128> = (0..TOPICS).filter(|_| self.below(2) == 0).collect();
        if self.below(2) == 0 {
            numbers.reverse();
        }
        subscription(&numbers)
    }
}

/// A group that changes at random, and whose targets are what was assigned last.
struct RandomGroup {
    numbers: Numbers,
    spec: GroupSpec,
    /// What everybody subscribes to, if it shall be the same.
    common: Option<Subscription>,
}

impl RandomGroup {
    fn new(seed: u64, alike: bool) -> Self {
        let mut numbers = Numbers::new(seed);
        let topics = (0..TOPICS).map(|number| (topic(number), numbers.below(12) as u32));
        let spec = GroupSpec {
            members: BTreeMap::new(),
            topics: topics.collect(),
        };
        let common = alike.then(|| numbers.topics());
        let mut random = Self {
            numbers,
            spec,
            common,
        };
        random.join();
        random
    }

    /// One change of the group or of its topics.
    fn step(&mut self) {
        match self.numbers.below(6) {
            0 | 1 => self.join(),
            2 => self.leave(),
            3 => self.grow(),
            4 => self.subscribe(),
            _ => self.scatter(),
        }
    }

    fn join(&mut self) {
        // A random id, so that those who come later do not all come last.
        let id = format!("member-{:08}", self.numbers.below(100_000_000));
        let subscription = self.subscription();
        let is_static = self.numbers.below(3) == 0;
        let member = MemberSpec {
            instance_id: is_static.then(|| Arc::from(format!("instance-{id}"))),
            subscription,
            assigned: Arc::default(),
        };
        if (self.spec.members.len() as u64) < MEMBERS_MAX {
            self.spec.members.insert(Arc::from(id), member);
        }
    }

    fn leave(&mut self) {
        if self.spec.members.len() > 1 {
            let id = self.any_member();
            self.spec.members.remove(&id);
        }
    }

    fn grow(&mut self) {
        let number = self.numbers.below(TOPICS as u64);
        let count = self.spec.topics.get_mut(&topic(u128::from(number)));
        *count.expect("all topics exist") += 1;
    }

    fn subscribe(&mut self) {
        if self.common.is_some() {
            let common = self.numbers.topics();
            for member in self.spec.members.values_mut() {
                member.subscription = common.clone();
            }
            self.common = Some(common);
        } else {
            let id = self.any_member();
            let subscription = self.numbers.topics();
            let member = self.spec.members.get_mut(&id);
            member.expect("it is a member").subscription = subscription;
        }
    }

    /// Some member loses all it owned: its targets have to come from somewhere.
    fn scatter(&mut self) {
        let id = self.any_member();
        let member = self.spec.members.get_mut(&id);
        member.expect("it is a member").assigned = Arc::default();
    }

    fn subscription(&mut self) -> Subscription {
        match &self.common {
            Some(common) => common.clone(),
            None => self.numbers.topics(),
        }
    }

    fn any_member(&mut self) -> Arc<str> {
        let place = self.numbers.below(self.spec.members.len() as u64);
        let id = self.spec.members.keys().nth(place as usize);
        Arc::clone(id.expect("the group is not empty"))
    }
}

/// Checks every assignment of many random groups. Should a check fail, the last line printed has
/// the seed.
fn for_random_groups(assignor: Assignor, alike: bool, check: impl Fn(&GroupSpec, &Assignment)) {
    for seed in 1..=SEEDS {
        println!("{assignor:?}, alike {alike}, seed {seed}");
        let mut random = RandomGroup::new(seed, alike);
        for _ in 0..STEPS {
            let assignment = assign(assignor, &random.spec);
            check_order_does_not_matter(assignor, &random.spec, &assignment);
            check(&random.spec, &assignment);
            random.spec = assigned(random.spec, &assignment);
            check_steady(assignor, &random.spec);
            random.step();
        }
    }
}

/// Nothing moves when nothing has changed, and everybody keeps the very same value.
fn check_steady(assignor: Assignor, spec: &GroupSpec) {
    let assignment = assign(assignor, spec);
    for (id, member) in &spec.members {
        assert!(Arc::ptr_eq(&assignment[id], &member.assigned), "{id}");
    }
}

fn check_order_does_not_matter(assignor: Assignor, spec: &GroupSpec, assignment: &Assignment) {
    let mut other = GroupSpec::default();
    for (&topic_id, &count) in spec.topics.iter().rev() {
        other.topics.insert(topic_id, count);
    }
    for (id, member) in spec.members.iter().rev() {
        let mut member = member.clone();
        let topic_ids = member.subscription.topic_ids().iter().rev();
        member.subscription = Subscription::new(topic_ids.copied());
        other.members.insert(Arc::clone(id), member);
    }
    assert_eq!(assign(assignor, &other), *assignment);
}

/// What each member owned and may still own.
fn retainable(spec: &GroupSpec, member: &MemberSpec) -> BTreeSet<(Uuid, i32)> {
    let mut owned = partitions(&member.assigned);
    owned.retain(|&(topic_id, index)| {
        member.subscription.contains(topic_id) && (index as u32) < spec.topics[&topic_id]
    });
    owned
}

fn kept(spec: &GroupSpec, assignment: &Assignment) -> usize {
    let members = spec.members.iter();
    members
        .map(|(id, member)| {
            let now = partitions(&assignment[id]);
            retainable(spec, member).intersection(&now).count()
        })
        .sum()
}

#[test]
fn uniform_is_balanced_and_moves_least_in_random_groups() {
    for_random_groups(Assignor::Uniform, true, |spec, assignment| {
        assert!(spread(assignment) <= 1, "{:?}", loads(assignment));
        let total: usize = loads(assignment).iter().sum();
        let quota = total / spec.members.len();
        let larger = total % spec.members.len();
        let members = spec.members.values();
        let owned: Vec<usize> = members
            .map(|member| retainable(spec, member).len())
            .collect();
        // More cannot be kept by anybody who is balanced.
        let above = owned.iter().filter(|&&count| count > quota).count();
        let keepable: usize = owned.iter().map(|&count| count.min(quota)).sum();
        assert_eq!(kept(spec, assignment), keepable + above.min(larger));
    });
}

#[test]
fn uniform_moves_only_what_a_removed_member_owned() {
    for_random_groups(Assignor::Uniform, true, |spec, assignment| {
        let before = assigned(spec.clone(), assignment);
        for removed in spec.members.keys() {
            let mut without = before.clone();
            without.members.remove(removed);
            let after = assign(Assignor::Uniform, &without);
            for (id, owned) in &after {
                assert!(partitions(owned).is_superset(&partitions(&assignment[id])));
            }
        }
    });
}

#[test]
fn uniform_leaves_no_move_that_would_help_in_random_groups() {
    for_random_groups(Assignor::Uniform, false, |spec, assignment| {
        for owned in assignment.values() {
            for &topic_id in owned.keys() {
                let subscribers = spec.members.iter().filter(|(_, member)| {
                    // Who could take a partition of this topic.
                    member.subscription.contains(topic_id)
                });
                for (id, _) in subscribers {
                    let other = load(&assignment[id]);
                    assert!(load(owned) <= other + 1, "{topic_id} could go to {id}");
                }
            }
        }
    });
}

#[test]
fn range_gives_contiguous_and_alike_ranges_in_random_groups() {
    for alike in [true, false] {
        for_random_groups(Assignor::Range, alike, |spec, assignment| {
            for (id, owned) in assignment {
                let member = &spec.members[id];
                for &topic_id in member.subscription.topic_ids() {
                    check_range(spec, assignment, topic_id, owned.get(&topic_id));
                }
            }
            if alike {
                check_topics_are_cut_alike(spec, assignment);
            }
        });
    }
}

/// The range is contiguous, and as long as the number of subscribers makes it, or one longer.
fn check_range(
    spec: &GroupSpec,
    assignment: &Assignment,
    topic_id: Uuid,
    range: Option<&Vec<i32>>,
) {
    let subscribers = spec.members.values();
    let subscribers = subscribers.filter(|member| member.subscription.contains(topic_id));
    let quota = spec.topics[&topic_id] as usize / subscribers.count();
    let length = range.map_or(0, Vec::len);
    assert!(length == quota || length == quota + 1, "{assignment:?}");
    if let Some(range) = range {
        assert!(range.windows(2).all(|pair| pair[0] + 1 == pair[1]));
    }
}

/// Topics of equally many partitions are cut at the same places.
fn check_topics_are_cut_alike(spec: &GroupSpec, assignment: &Assignment) {
    let Some(subscription) = spec.common_subscription() else {
        return;
    };
    for one in subscription.topic_ids() {
        for other in subscription.topic_ids() {
            if spec.topics[one] == spec.topics[other] {
                for owned in assignment.values() {
                    assert_eq!(owned.get(one), owned.get(other));
                }
            }
        }
    }
}
