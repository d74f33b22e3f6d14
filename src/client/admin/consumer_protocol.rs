//! What the members of classic consumer groups tell each other, in bytes that brokers only carry.
//! Pure.

use std::sync::Arc;

use crate::model::TopicPartition;
use crate::protocol::wire::{Malformed, Problem, Reader};

/// The protocol type of the groups whose members speak it.
pub(super) const PROTOCOL_TYPE: &str = "consumer";

/// The partitions in an assignment, in order; a member that was given none yet has no bytes.
///
/// Versions may only add fields at the end, so one that is not known yet is read like the known
/// ones, and what follows the partitions (the assignor's own data) is left alone.
pub(super) fn assigned_partitions(bytes: &[u8]) -> Result<Vec<TopicPartition>, Malformed> {
    let mut assigned = Vec::new();
    if bytes.is_empty() {
        return Ok(assigned);
    }
    let mut r = Reader::new(bytes);
    let version = r.array().map(i16::from_be_bytes)?;
    if version < 0 {
        return Err(r.malformed(Problem::UnknownVersion(version)));
    }
    for _ in 0..array_len(&mut r)? {
        let topic = topic_name(&mut r)?;
        for _ in 0..array_len(&mut r)? {
            let partition = r.array().map(i32::from_be_bytes)?;
            let topic = topic.clone();
            r.charge(size_of::<TopicPartition>())?;
            assigned.push(TopicPartition { topic, partition });
        }
    }
    assigned.sort();
    Ok(assigned)
}

fn topic_name(r: &mut Reader<'_>) -> Result<Arc<str>, Malformed> {
    match r.short_len(false)? {
        Some(len) => Ok(r.text(len)?.into()),
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
}
