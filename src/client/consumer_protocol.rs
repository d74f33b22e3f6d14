//! What the members of classic consumer groups tell each other, in bytes that brokers only carry.
//! Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::TopicPartition;
use crate::protocol::wire::{Malformed, Problem, Reader, Unencodable, Writer};

/// The protocol type of the groups whose members speak it.
pub(super) const PROTOCOL_TYPE: &str = "consumer";
/// The version that is written: the assignor may rely on owned partitions and their generation.
const VERSION: i16 = 3;
/// The version of a subscription that tells what the member owns (KIP-429).
const OWNED_SINCE: i16 = 1;
/// The version of a subscription that tells since which generation it owns it (KIP-792).
const GENERATION_SINCE: i16 = 2;

/// What a member tells the leader when it joins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Subscription {
    /// The topics it wants, in order.
    pub(super) topics: Vec<Arc<str>>,
    /// The assignor's own data.
    pub(super) user_data: Vec<u8>,
    /// What it holds on to while it joins.
    pub(super) owned: Vec<TopicPartition>,
    /// The generation that gave it what it owns; −1 for none.
    pub(super) generation: i32,
}

impl Subscription {
    /// The bytes in the newest version; what follows the fields that a reader knows it leaves
    /// alone.
    pub(super) fn encode(&self) -> Result<Vec<u8>, Unencodable> {
        let mut w = Writer::new();
        w.put(&VERSION.to_be_bytes());
        w.long_len(Some(self.topics.len()), false);
        for topic in &self.topics {
            put_text(&mut w, topic);
        }
        w.long_len(Some(self.user_data.len()), false);
        w.put(&self.user_data);
        put_partitions(&mut w, self.owned.iter());
        w.put(&self.generation.to_be_bytes());
        w.short_len(None, false);
        Ok(w.finish()?.flatten([]))
    }

    /// Reads any version: older ones lack the last fields, later ones add some.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut r = Reader::new(bytes);
        let version = version(&mut r)?;
        let mut topics = Vec::new();
        for _ in 0..array_len(&mut r)? {
            topics.push(topic_name(&mut r)?);
        }
        let user_data = match r.long_len(false)? {
            Some(len) => r.take(len)?.to_vec(),
            None => Vec::new(),
        };
        let owned = match version >= OWNED_SINCE {
            true => partitions(&mut r)?,
            false => Vec::new(),
        };
        let generation = match version >= GENERATION_SINCE {
            true => r.array().map(i32::from_be_bytes)?,
            false => -1,
        };
        Ok(Self {
            topics,
            user_data,
            owned,
            generation,
        })
    }
}

/// What a member of an eager sticky group brings along, since it owns nothing when it joins
/// (KIP-54).
pub(super) fn encode_sticky_data(
    owned: &BTreeSet<TopicPartition>,
    generation: i32,
) -> Result<Vec<u8>, Unencodable> {
    let mut w = Writer::new();
    put_partitions(&mut w, owned.iter());
    w.put(&generation.to_be_bytes());
    Ok(w.finish()?.flatten([]))
}

/// The reverse of [`encode_sticky_data`]; the oldest members leave the generation out.
pub(super) fn decode_sticky_data(bytes: &[u8]) -> Result<(Vec<TopicPartition>, i32), Malformed> {
    let mut r = Reader::new(bytes);
    let owned = partitions(&mut r)?;
    let generation = match r.remaining() {
        0 => -1,
        _ => r.array().map(i32::from_be_bytes)?,
    };
    Ok((owned, generation))
}

/// The bytes of one member's assignment.
pub(super) fn encode_assignment(
    assigned: &BTreeSet<TopicPartition>,
) -> Result<Vec<u8>, Unencodable> {
    let mut w = Writer::new();
    w.put(&VERSION.to_be_bytes());
    put_partitions(&mut w, assigned.iter());
    w.long_len(None, false);
    Ok(w.finish()?.flatten([]))
}

/// The partitions in an assignment, in order; a member that was given none yet has no bytes.
///
/// Versions may only add fields at the end, so one that is not known yet is read like the known
/// ones, and what follows the partitions (the assignor's own data) is left alone.
pub(super) fn assigned_partitions(bytes: &[u8]) -> Result<Vec<TopicPartition>, Malformed> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let mut r = Reader::new(bytes);
    version(&mut r)?;
    let mut assigned = partitions(&mut r)?;
    assigned.sort();
    Ok(assigned)
}

fn version(r: &mut Reader<'_>) -> Result<i16, Malformed> {
    let version = r.array().map(i16::from_be_bytes)?;
    match version < 0 {
        true => Err(r.malformed(Problem::UnknownVersion(version))),
        false => Ok(version),
    }
}

fn partitions(r: &mut Reader<'_>) -> Result<Vec<TopicPartition>, Malformed> {
    let mut found = Vec::new();
    for _ in 0..array_len(r)? {
        let topic = topic_name(r)?;
        for _ in 0..array_len(r)? {
            let partition = r.array().map(i32::from_be_bytes)?;
            let topic = topic.clone();
            r.charge(size_of::<TopicPartition>())?;
            found.push(TopicPartition { topic, partition });
        }
    }
    Ok(found)
}

fn put_partitions<'a>(w: &mut Writer, partitions: impl Iterator<Item = &'a TopicPartition>) {
    let mut by_topic: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for one in partitions {
        by_topic.entry(&one.topic).or_default().push(one.partition);
    }
    w.long_len(Some(by_topic.len()), false);
    for (topic, indexes) in by_topic {
        put_text(w, topic);
        w.long_len(Some(indexes.len()), false);
        for index in indexes {
            w.put(&index.to_be_bytes());
        }
    }
}

fn put_text(w: &mut Writer, text: &str) {
    w.short_len(Some(text.len()), false);
    w.put(text.as_bytes());
}

fn topic_name(r: &mut Reader<'_>) -> Result<Arc<str>, Malformed> {
    match r.short_len(false)? {
        Some(len) => {
            r.charge(size_of::<Arc<str>>() + len)?;
            Ok(r.text(len)?.into())
        }
        None => Err(r.malformed(Problem::Null)),
    }
}

fn array_len(r: &mut Reader<'_>) -> Result<usize, Malformed> {
    match r.long_len(false)? {
        Some(len) => Ok(len),
        None => Err(r.malformed(Problem::Null)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Partitions 2 and 0 of `t`, without the assignor's own data.
    const OF_T: [u8; 25] = [
        0, 1, // version
        0, 0, 0, 1, // topics
        0, 1, b't', // name
        0, 0, 0, 2, // partitions
        0, 0, 0, 2, 0, 0, 0, 0, //
        0xff, 0xff, 0xff, 0xff, // user data
    ];

    fn of_t(partition: i32) -> TopicPartition {
        TopicPartition {
            topic: "t".into(),
            partition,
        }
    }

    #[test]
    fn partitions_come_in_order() {
        assert_eq!(assigned_partitions(&OF_T), Ok(vec![of_t(0), of_t(2)]));
        assert_eq!(assigned_partitions(&[]), Ok(Vec::new()));
    }

    #[test]
    fn a_later_version_is_read_like_this_one() {
        let mut later = OF_T.to_vec();
        later[1] = 9;
        later.extend_from_slice(b"more");
        assert_eq!(assigned_partitions(&later).unwrap().len(), 2);
    }

    #[test]
    fn garbage_is_refused_wherever_it_ends() {
        for len in 1..21 {
            assert!(assigned_partitions(&OF_T[..len]).is_err(), "{len}");
        }
        assert!(assigned_partitions(&[0xff, 0xff, 0, 0, 0, 0]).is_err());
        let endless = [0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0x7f, 0xff, 0xff, 0xff];
        assert!(assigned_partitions(&endless).is_err());
        assert!(assigned_partitions(&[0, 0, 0xff, 0xff, 0xff, 0xff]).is_err());
    }

    #[test]
    fn a_subscription_comes_back_and_older_versions_lack_its_end() {
        let subscription = Subscription {
            topics: vec!["t".into(), "u".into()],
            user_data: vec![7],
            owned: vec![of_t(0), of_t(2)],
            generation: 9,
        };
        let mut bytes = subscription.encode().unwrap();
        assert_eq!(Subscription::decode(&bytes).unwrap(), subscription);
        bytes[1] = 1;
        assert_eq!(Subscription::decode(&bytes).unwrap().generation, -1);
        bytes[1] = 0;
        assert!(Subscription::decode(&bytes).unwrap().owned.is_empty());
        for len in 0..17 {
            assert!(Subscription::decode(&bytes[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn an_assignment_and_sticky_data_come_back() {
        let owned = BTreeSet::from([of_t(2), of_t(0)]);
        let bytes = encode_assignment(&owned).unwrap();
        assert_eq!(assigned_partitions(&bytes), Ok(vec![of_t(0), of_t(2)]));
        let bytes = encode_sticky_data(&owned, 4).unwrap();
        let expected = (vec![of_t(0), of_t(2)], 4);
        assert_eq!(decode_sticky_data(&bytes), Ok(expected));
        let old = decode_sticky_data(&bytes[..bytes.len() - 4]).unwrap();
        assert_eq!(old.1, -1);
    }
}
