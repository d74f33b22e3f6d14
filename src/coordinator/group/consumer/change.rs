//! Changes of a group as a whole: its epoch, members that go, topics that change.

use std::sync::Arc;

use super::group::Group;
use super::regex;
use super::stored;
use super::topics::Topics;
use super::tx::Tx;
use crate::model::TimestampMs;

/// Why a group is assigned anew though nobody has come, gone or said anything.
const TOPICS_HAVE_CHANGED: &str = "its topics have changed";

/// A new epoch, and with it a new target; the log is told why.
pub fn bump(group: &mut Group, why: &str, topics: &dyn Topics, tx: &mut Tx) {
    let epoch = group.epoch() + 1;
    let hash = metadata_hash(group, topics);
    log::info!("group {}: epoch {epoch}, {why}", group.id());
    let record = stored::epoch_record(group.id(), Some((epoch, hash)));
    tx.apply(group, record);
    if let Some(record) = group.old_metadata_tombstone() {
        tx.apply(group, record);
    }
}

/// Takes a member out: it has left, was silent, or did not give up what it had to.
pub fn remove(group: &mut Group, id: &Arc<str>, tx: &mut Tx) {
    let regex = group.members().get(id);
    let regex = regex.and_then(|member| member.profile.regex.clone());
    detach(group, id, tx);
    if let Some(regex) = regex {
        forget_unused(group, &regex, tx);
    }
}

/// What the log has of a member goes, the last said first.
pub(super) fn detach(group: &mut Group, member: &Arc<str>, tx: &mut Tx) {
    let id = group.id().clone();
    tx.apply(group, stored::current_record(&id, member, None));
    tx.apply(group, stored::target_record(&id, member, None));
    tx.apply(group, stored::profile_record(&id, member, None));
}

/// What an expression stood for, when nobody has it any more.
pub(super) fn forget_unused(group: &mut Group, regex: &str, tx: &mut Tx) {
    if group.users_of_regex(regex) == 0 && group.resolved(regex).is_some() {
        let record = stored::resolved_record(group.id(), regex, None);
        tx.apply(group, record);
    }
}

/// Topics have changed: a new epoch, if what the group subscribes to is not what it was.
pub fn refresh(group: &mut Group, topics: &dyn Topics, tx: &mut Tx) {
    if !group.members().is_empty() && metadata_hash(group, topics) != group.metadata_hash() {
        bump(group, TOPICS_HAVE_CHANGED, topics, tx);
    }
}

/// The same, after all expressions have been looked up anew; whether all have been.
pub fn refresh_regexes(
    group: &mut Group,
    topics: &dyn Topics,
    now: TimestampMs,
    tx: &mut Tx,
) -> bool {
    let refreshed = regex::refresh(group, topics, now, tx);
    match refreshed.has_changed {
        true => bump(group, TOPICS_HAVE_CHANGED, topics, tx),
        false => refresh(group, topics, tx),
    }
    !refreshed.has_more
}

/// Of what the group subscribes to: names, ids and counts of partitions (FNV-1a; Kafka's own hash
/// is another one, so that after a change of brokers each group gets one new epoch).
fn metadata_hash(group: &Group, topics: &dyn Topics) -> i64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    };
    for name in group.subscribed() {
        if let Some((id, partitions)) = topics.by_name(name) {
            add(name.as_bytes());
            add(&id.as_u128().to_be_bytes());
            add(&partitions.to_be_bytes());
        }
    }
    hash as i64
}
