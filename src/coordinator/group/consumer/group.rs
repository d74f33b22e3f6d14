//! The state of a consumer group: exactly what its records say, by [`Group::replay`], and what
//! follows from that.
//!
//! What takes a record back is the record that was there before ([`Group::before`]): replaying
//! that leads to where the group was.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;

use super::member::{Current, Held, Progress};
use super::stored;
use crate::coordinator::group::assignor::{Assignor, TopicPartitions};
use crate::coordinator::group::record::GroupRecord;
use crate::model::{TimestampMs, Uuid};

/// The state of a consumer group, as clients see it; Kafka's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Nobody is in it; its offsets may be.
    Empty,
    /// Something has changed that its target does not know of.
    Assigning,
    /// Members are on their way to the target.
    Reconciling,
    /// Everybody has what they shall have.
    Stable,
}

impl State {
    /// As ConsumerGroupDescribe and ListGroups name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Assigning => "Assigning",
            Self::Reconciling => "Reconciling",
            Self::Stable => "Stable",
        }
    }
}

/// What a member has said of itself. One record of the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// Of a static member.
    pub instance_id: Option<Arc<str>>,
    /// Where it is; not used for assigning.
    pub rack_id: Option<Arc<str>>,
    /// Its `client.id`.
    pub client_id: Arc<str>,
    /// Where it calls from.
    pub client_host: Arc<str>,
    /// In the order of their names, each once.
    pub topics: Arc<[Arc<str>]>,
    /// A regular expression for more of them; never empty.
    pub regex: Option<Arc<str>>,
    /// How long it may take to give partitions up; −1 if it did not say.
    pub rebalance_timeout_ms: i32,
    /// The assignor it wishes for.
    pub assignor: Option<Arc<str>>,
    /// Of a member that speaks the classic protocol, during a migration.
    pub classic: Option<Arc<ClassicProfile>>,
}

/// What a member of the classic protocol has joined with.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassicProfile {
    /// How long it may be silent.
    pub session_timeout_ms: i32,
    /// What it offers, with what it says for it.
    pub protocols: Vec<(Arc<str>, Bytes)>,
}

/// A member: what it said, and what it has.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// What it has said of itself.
    pub profile: Profile,
    /// What it has, and where it is on its way.
    pub current: Current,
}

/// What a regular expression stood for when it was looked up last.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// Topics, in the order of their names.
    pub topics: Vec<Arc<str>>,
    /// Of the metadata.
    pub version: i64,
    /// When.
    pub at: TimestampMs,
}

/// A consumer group. Owned by the core of its `__consumer_offsets` partition.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    id: Arc<str>,
    /// Rises with everything that may change the target.
    epoch: i32,
    /// Of the topics that are subscribed to, as they were at that epoch.
    metadata_hash: i64,
    /// The epoch that the target was made for.
    target_epoch: i32,
    target_at: TimestampMs,
    members: BTreeMap<Arc<str>, Member>,
    static_members: HashMap<Arc<str>, Arc<str>>,
    targets: BTreeMap<Arc<str>, Arc<TopicPartitions>>,
    regexes: BTreeMap<Arc<str>, Resolved>,
    /// The log still has a record of the topics as Kafka before 4.1 wrote it.
    has_old_metadata: bool,
    /// Who has a partition, or has yet to give it up.
    holders: HashMap<(Uuid, i32), Arc<str>>,
    /// How many members name a topic.
    subscribers: BTreeMap<Arc<str>, usize>,
    /// How many members have a regular expression.
    regex_users: BTreeMap<Arc<str>, usize>,
    /// How many members speak the classic protocol.
    classic_members: usize,
    /// Members that have not reached the target.
    behind: HashSet<Arc<str>>,
    /// What the members have said, and what their expressions stand for, all together.
    said_bytes: usize,
}

impl Group {
    /// A group without members.
    pub fn new(id: Arc<str>) -> Self {
        Self {
            id,
            epoch: 0,
            metadata_hash: 0,
            target_epoch: 0,
            target_at: 0,
            members: BTreeMap::new(),
            static_members: HashMap::new(),
            targets: BTreeMap::new(),
            regexes: BTreeMap::new(),
            has_old_metadata: false,
            holders: HashMap::new(),
            subscribers: BTreeMap::new(),
            regex_users: BTreeMap::new(),
            classic_members: 0,
            behind: HashSet::new(),
            said_bytes: 0,
        }
    }

    /// Its name.
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// Rises with everything that may change the target.
    pub fn epoch(&self) -> i32 {
        self.epoch
    }

    /// Of the topics that are subscribed to.
    pub fn metadata_hash(&self) -> i64 {
        self.metadata_hash
    }

    /// The epoch that the target was made for.
    pub fn target_epoch(&self) -> i32 {
        self.target_epoch
    }

    /// When the target was made.
    pub fn target_at(&self) -> TimestampMs {
        self.target_at
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        match () {
            () if self.members.is_empty() => State::Empty,
            () if self.epoch > self.target_epoch => State::Assigning,
            () if !self.behind.is_empty() => State::Reconciling,
            () => State::Stable,
        }
    }

    /// Its members, by id.
    pub fn members(&self) -> &BTreeMap<Arc<str>, Member> {
        &self.members
    }

    /// A static member's id.
    pub fn static_member(&self, instance_id: &str) -> Option<&Arc<str>> {
        self.static_members.get(instance_id)
    }

    /// What a member shall have; `None` before anything was meant for it.
    pub fn target(&self, member: &str) -> Option<&Arc<TopicPartitions>> {
        self.targets.get(member)
    }

    /// What a regular expression stood for when it was looked up last.
    pub fn resolved(&self, regex: &str) -> Option<&Resolved> {
        self.regexes.get(regex)
    }

    /// Whether nobody has a partition, nor has yet to give it up.
    pub fn is_free(&self, topic: Uuid, partition: i32) -> bool {
        !self.holders.contains_key(&(topic, partition))
    }

    /// The topics that members subscribe to, by name or by what their expressions stand for.
    pub fn subscribed(&self) -> BTreeSet<&Arc<str>> {
        let found = self.resolved_regexes().flat_map(|found| &found.topics);
        self.subscribers.keys().chain(found).collect()
    }

    /// Whether a topic is subscribed to.
    pub fn subscribes_to(&self, topic: &str) -> bool {
        let named = self.subscribers.contains_key(topic);
        let found = |resolved: &Resolved| {
            let found = resolved
                .topics
                .binary_search_by(|found| (**found).cmp(topic));
            found.is_ok()
        };
        named || self.resolved_regexes().any(found)
    }

    /// The topics of one member, by name or by what its expression stands for.
    pub fn topics_of<'a>(&'a self, profile: &'a Profile) -> impl Iterator<Item = &'a Arc<str>> {
        let resolved = profile
            .regex
            .as_ref()
            .and_then(|regex| self.resolved(regex));
        let found = resolved.into_iter().flat_map(|resolved| &resolved.topics);
        profile.topics.iter().chain(found)
    }

    /// How many members have a regular expression.
    pub fn users_of_regex(&self, regex: &str) -> usize {
        self.regex_users.get(regex).copied().unwrap_or(0)
    }

    /// The regular expressions that members have.
    pub fn used_regexes(&self) -> impl Iterator<Item = &Arc<str>> {
        self.regex_users.keys()
    }

    /// Whether all members but this one speak the classic protocol.
    pub fn is_classic_without(&self, member: &str) -> bool {
        let member = self.members.get(member);
        let counts = member.is_some_and(|member| member.profile.is_classic());
        let others = self.members.len() - usize::from(member.is_some());
        self.classic_members - usize::from(counts) == others
    }

    /// What the members have said of themselves and what their expressions stand for, all together;
    /// see
    /// [`MEMBERS_BYTES_MAX`](crate::coordinator::group::config::MEMBERS_BYTES_MAX).
    pub fn said_bytes(&self) -> usize {
        self.said_bytes
    }

    /// The members that speak the classic protocol.
    pub fn classic_members(&self) -> usize {
        self.classic_members
    }

    fn resolved_regexes(&self) -> impl Iterator<Item = &Resolved> {
        let used = self.regex_users.keys();
        used.filter_map(|regex| self.regexes.get(regex))
    }

    /// The assignor that most members wish for, if they wish for one.
    pub fn assignor(&self) -> Option<Assignor> {
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for wish in self
            .members
            .values()
            .filter_map(|member| member.profile.assignor.as_deref())
        {
            *votes.entry(wish).or_default() += 1;
        }
        let most = votes.into_iter().rev().max_by_key(|(_, count)| *count);
        most.and_then(|(name, _)| Assignor::by_name(name))
    }

    /// What deletes it: a tombstone for everything that the log has of it, its epoch last.
    pub fn tombstones(&self) -> Vec<GroupRecord> {
        let mut records = Vec::new();
        let members: BTreeSet<_> = self.members.keys().chain(self.targets.keys()).collect();
        for member in members {
            records.push(stored::current_record(&self.id, member, None));
            records.push(stored::target_record(&self.id, member, None));
            records.push(stored::profile_record(&self.id, member, None));
        }
        records.push(stored::target_epoch_record(&self.id, None));
        let regexes = self.regexes.keys();
        records.extend(regexes.map(|regex| stored::resolved_record(&self.id, regex, None)));
        records.extend(self.old_metadata_tombstone());
        records.push(stored::epoch_record(&self.id, None));
        records
    }

    /// The topics are in the group's epoch now; what an older Kafka wrote of them can go.
    pub fn old_metadata_tombstone(&self) -> Option<GroupRecord> {
        let record = || stored::old_metadata_tombstone(&self.id);
        self.has_old_metadata.then(record)
    }

    /// A record of the group, live or while loading; others are none of its business.
    pub fn replay(&mut self, record: &GroupRecord) {
        match record {
            GroupRecord::ConsumerGroupMetadata { value, .. } => {
                self.epoch = value.as_ref().map_or(0, |value| value.epoch);
                self.metadata_hash = value.as_ref().map_or(0, |value| value.metadata_hash);
            }
            GroupRecord::ConsumerGroupMemberMetadata { key, value } => {
                let profile = value.as_ref().map(stored::profile);
                self.set_profile(key.member_id.as_str().into(), profile);
            }
            GroupRecord::ConsumerGroupTargetAssignmentMetadata { value, .. } => {
                self.target_epoch = value.as_ref().map_or(0, |value| value.assignment_epoch);
                self.target_at = value.as_ref().map_or(0, |value| value.assignment_timestamp);
                self.see_who_is_behind();
            }
            GroupRecord::ConsumerGroupTargetAssignmentMember { key, value } => match value {
                Some(value) => self.set_target(&key.member_id, stored::target(value).into()),
                None => drop(self.targets.remove(&*key.member_id)),
            },
            GroupRecord::ConsumerGroupCurrentMemberAssignment { key, value } => {
                let current = value.as_ref().map_or_else(Current::new, stored::current);
                self.set_current(&key.member_id, current);
            }
            GroupRecord::ConsumerGroupRegularExpression { key, value } => {
                let resolved = value.as_ref().map(stored::resolved);
                self.set_resolved(&key.regular_expression, resolved);
            }
            // Written by Kafka before 4.1; the hash has taken its place.
            GroupRecord::ConsumerGroupPartitionMetadata { value, .. } => {
                self.has_old_metadata = value.is_some();
            }
            GroupRecord::OffsetCommit { .. } | GroupRecord::GroupMetadata { .. } => {}
        }
    }

    /// What the log said under a record's key before: replayed, it takes the record back.
    pub fn before(&self, record: &GroupRecord) -> GroupRecord {
        match record {
            GroupRecord::ConsumerGroupMetadata { .. } => {
                let value = (self.epoch != 0).then_some((self.epoch, self.metadata_hash));
                stored::epoch_record(&self.id, value)
            }
            GroupRecord::ConsumerGroupMemberMetadata { key, .. } => {
                let member = self.members.get(&*key.member_id);
                let profile = member.map(|member| &member.profile);
                stored::profile_record(&self.id, &key.member_id, profile)
            }
            GroupRecord::ConsumerGroupTargetAssignmentMetadata { .. } => {
                let value = (self.target_epoch != 0).then_some((self.target_epoch, self.target_at));
                stored::target_epoch_record(&self.id, value)
            }
            GroupRecord::ConsumerGroupTargetAssignmentMember { key, .. } => {
                let target = self.target(&key.member_id).map(|target| &**target);
                stored::target_record(&self.id, &key.member_id, target)
            }
            GroupRecord::ConsumerGroupCurrentMemberAssignment { key, .. } => {
                let member = self.members.get(&*key.member_id);
                let current = member.map(|member| &member.current);
                let current = current.filter(|current| **current != Current::new());
                stored::current_record(&self.id, &key.member_id, current)
            }
            GroupRecord::ConsumerGroupRegularExpression { key, .. } => {
                let resolved = self.resolved(&key.regular_expression);
                stored::resolved_record(&self.id, &key.regular_expression, resolved)
            }
            // What it said is not kept: taken back, its tombstone stands for nothing.
            GroupRecord::ConsumerGroupPartitionMetadata { .. }
            | GroupRecord::OffsetCommit { .. }
            | GroupRecord::GroupMetadata { .. } => record.clone(),
        }
    }

    fn set_profile(&mut self, id: Arc<str>, profile: Option<Profile>) {
        let before = match (profile, self.members.contains_key(&id)) {
            (Some(profile), true) => {
                self.count(&id, &profile, true);
                let member = self.members.get_mut(&id).expect("just seen");
                Some(std::mem::replace(&mut member.profile, profile))
            }
            (Some(profile), false) => {
                self.count(&id, &profile, true);
                let current = Current::new();
                self.members.insert(id.clone(), Member { profile, current });
                None
            }
            (None, _) => self.members.remove(&id).map(|member| {
                self.release(&id, &member.current);
                member.profile
            }),
        };
        if let Some(before) = before {
            self.count(&id, &before, false);
        }
        match self.members.contains_key(&id) {
            true => self.see_if_behind(&id),
            false => drop(self.behind.remove(&id)),
        }
    }

    fn set_current(&mut self, id: &str, current: Current) {
        let id: Arc<str> = match self.members.get_key_value(id) {
            Some((id, _)) => id.clone(),
            None if current == Current::new() => return,
            None => {
                // Compaction has left what it has before what it said last of itself.
                self.set_profile(id.into(), Some(Profile::default()));
                id.into()
            }
        };
        let member = self.members.get_mut(&id).expect("just made");
        let old = std::mem::replace(&mut member.current, current);
        self.release(&id, &old);
        let current = &self.members[&id].current;
        for place in places(&current.assigned).chain(places(&current.revoking)) {
            self.holders.insert(place, id.clone());
        }
        self.see_if_behind(&id);
    }

    /// A new target comes for thousands at once: their names are not copied.
    fn set_target(&mut self, id: &str, target: Arc<TopicPartitions>) {
        if let Some(before) = self.targets.get_mut(id) {
            *before = target;
            return;
        }
        let member = self.members.get_key_value(id);
        let id = member.map_or_else(|| id.into(), |(id, _)| id.clone());
        self.targets.insert(id, target);
    }

    fn set_resolved(&mut self, regex: &str, resolved: Option<Resolved>) {
        let before = match resolved {
            Some(resolved) => {
                self.said_bytes += resolved.bytes();
                self.regexes.insert(regex.into(), resolved)
            }
            None => self.regexes.remove(regex),
        };
        self.said_bytes -= before.map_or(0, |before| before.bytes());
    }

    /// While records are replayed, a partition may be taken by the next before the last lets go:
    /// only who has it may.
    fn release(&mut self, id: &Arc<str>, current: &Current) {
        for place in places(&current.assigned).chain(places(&current.revoking)) {
            if self.holders.get(&place) == Some(id) {
                self.holders.remove(&place);
            }
        }
    }

    /// Counts in what a member says of itself, or counts it out.
    fn count(&mut self, id: &Arc<str>, profile: &Profile, more: bool) {
        for topic in &*profile.topics {
            count(&mut self.subscribers, topic, more);
        }
        if let Some(regex) = &profile.regex {
            count(&mut self.regex_users, regex, more);
        }
        match more {
            true => {
                self.classic_members += usize::from(profile.is_classic());
                self.said_bytes += profile.bytes();
            }
            false => {
                self.classic_members -= usize::from(profile.is_classic());
                self.said_bytes -= profile.bytes();
            }
        }
        let Some(instance_id) = &profile.instance_id else {
            return;
        };
        let now = self.members.get(id).map(|member| &member.profile);
        let keeps = now.is_some_and(|now| now.instance_id.as_ref() == Some(instance_id));
        match more {
            true => drop(self.static_members.insert(instance_id.clone(), id.clone())),
            false if keeps || self.static_members.get(instance_id) != Some(id) => {}
            false => drop(self.static_members.remove(instance_id)),
        }
    }

    fn see_if_behind(&mut self, id: &Arc<str>) {
        let has_reached = self.members[id].current.has_reached(self.target_epoch);
        match has_reached {
            true => drop(self.behind.remove(id)),
            false => drop(self.behind.insert(id.clone())),
        }
    }

    fn see_who_is_behind(&mut self) {
        let target_epoch = self.target_epoch;
        let behind = self.members.iter();
        let behind = behind.filter(|(_, member)| !member.current.has_reached(target_epoch));
        self.behind = behind.map(|(id, _)| id.clone()).collect();
    }
}

impl Profile {
    /// Whether it speaks the classic protocol.
    pub fn is_classic(&self) -> bool {
        self.classic.is_some()
    }

    /// What it takes of the group's memory.
    fn bytes(&self) -> usize {
        let of = |text: &Option<Arc<str>>| text.as_deref().map_or(0, str::len);
        let topics = self.topics.iter().map(|topic| TEXT_BYTES + topic.len());
        let classic = self.classic.iter().flat_map(|classic| &classic.protocols);
        let offers = classic.map(|(name, metadata)| TEXT_BYTES + name.len() + metadata.len());
        let texts = [&self.rack_id, &self.regex, &self.assignor].map(of);
        MEMBER_BYTES
            + 2 * self.client_id.len()
            + self.client_host.len()
            + 2 * of(&self.instance_id)
            + texts.iter().sum::<usize>()
            + topics.chain(offers).sum::<usize>()
    }
}

impl Resolved {
    /// What it takes of the group's memory: the names are its own.
    pub(super) fn bytes(&self) -> usize {
        let topics = self.topics.iter();
        topics.map(|topic| TEXT_BYTES + topic.len()).sum()
    }
}

impl Member {
    /// It has left for a while and will be back: a static member.
    pub fn is_away(&self) -> bool {
        self.current.epoch == super::LEFT_FOR_A_WHILE
    }

    /// It has to give something up before it may go on.
    pub fn is_asked_to_revoke(&self) -> bool {
        self.current.progress == Progress::Unrevoked
    }
}

/// What a member takes besides its texts.
const MEMBER_BYTES: usize = 512;
/// What a text takes besides its letters.
const TEXT_BYTES: usize = 32;

fn count(counts: &mut BTreeMap<Arc<str>, usize>, name: &Arc<str>, more: bool) {
    let count = counts.entry(name.clone()).or_default();
    *count = match more {
        true => *count + 1,
        false => *count - 1,
    };
    if *count == 0 {
        counts.remove(name);
    }
}

fn places(held: &Held) -> impl Iterator<Item = (Uuid, i32)> {
    held.iter()
        .flat_map(|(topic, partitions)| partitions.keys().map(|partition| (*topic, *partition)))
}
