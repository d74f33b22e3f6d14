//! What consumers of the classic protocol say to each other through the coordinator: their
//! subscriptions and assignments (ConsumerProtocolSubscription, ConsumerProtocolAssignment).
//!
//! A coordinator reads them to know which topics are in use, and to have such members in a group
//! that it assigns to itself.

use std::sync::Arc;

use bytes::Bytes;

/// Partitions by topic name.
pub type NamedPartitions = Vec<(Arc<str>, Vec<i32>)>;

/// What a consumer subscribes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmbeddedSubscription {
    /// Of the bytes; an assignment is written in the same.
    pub version: i16,
    /// By name.
    pub topics: Vec<Arc<str>>,
    /// What it has; from version 1 on.
    pub owned: NamedPartitions,
    /// Where it is; from version 3 on.
    pub rack_id: Option<Arc<str>>,
}

impl EmbeddedSubscription {
    /// Reads the topics alone, whatever follows them.
    pub fn parse_topics(bytes: &[u8]) -> Option<Vec<Arc<str>>> {
        let mut rest = bytes;
        let _version: &[u8; 2] = take(&mut rest)?;
        list(&mut rest, 2, |rest| text(rest)?)
    }

    /// Reads one; what a later version adds is not looked at. `None` for what is none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let version = i16::from_be_bytes(*take(&mut rest)?);
        if version < 0 {
            return None;
        }
        let topics = list(&mut rest, 2, |rest| text(rest)?)?;
        data(&mut rest)?;
        let owned = match version {
            0 => Vec::new(),
            _ => partitions(&mut rest)?,
        };
        if version >= 2 {
            let _generation: &[u8; 4] = take(&mut rest)?;
        }
        let rack_id = match version {
            0..3 => None,
            _ => text(&mut rest)?,
        };
        Some(Self {
            version,
            topics,
            owned,
            rack_id,
        })
    }
}

/// Reads an assignment; none of all is one, too. `None` for what is none.
pub fn parse_assignment(bytes: &[u8]) -> Option<NamedPartitions> {
    let mut rest = bytes;
    if rest.is_empty() {
        return Some(Vec::new());
    }
    let version = i16::from_be_bytes(*take(&mut rest)?);
    match version {
        0.. => partitions(&mut rest),
        _ => None,
    }
}

/// An assignment as a consumer reads it.
pub fn assignment_bytes(version: i16, assigned: &[(Arc<str>, &[i32])]) -> Bytes {
    let count = |len: usize| {
        i32::try_from(len)
            .expect("counts of topics fit")
            .to_be_bytes()
    };
    let mut bytes = version.to_be_bytes().to_vec();
    bytes.extend(count(assigned.len()));
    for (topic, partitions) in assigned {
        let len = i16::try_from(topic.len()).expect("names of topics are short");
        bytes.extend(len.to_be_bytes());
        bytes.extend(topic.as_bytes());
        bytes.extend(count(partitions.len()));
        bytes.extend(
            partitions
                .iter()
                .flat_map(|partition| partition.to_be_bytes()),
        );
    }
    // No user data.
    bytes.extend((-1_i32).to_be_bytes());
    bytes.into()
}

fn partitions(rest: &mut &[u8]) -> Option<NamedPartitions> {
    list(rest, 6, |rest| {
        let topic = text(rest)??;
        let partitions = list(rest, 4, |rest| Some(i32::from_be_bytes(*take(rest)?)))?;
        Some((topic, partitions))
    })
}

/// An array whose elements take so many bytes at least: a count beyond what is there is a lie.
fn list<T>(
    rest: &mut &[u8],
    bytes_min: usize,
    one: impl Fn(&mut &[u8]) -> Option<T>,
) -> Option<Vec<T>> {
    let count = usize::try_from(i32::from_be_bytes(*take(rest)?)).ok()?;
    if count > rest.len() / bytes_min {
        return None;
    }
    (0..count).map(|_| one(rest)).collect()
}

/// A string that may be null.
fn text(rest: &mut &[u8]) -> Option<Option<Arc<str>>> {
    let len = i16::from_be_bytes(*take(rest)?);
    let Ok(len) = usize::try_from(len) else {
        return Some(None);
    };
    let (bytes, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(Some(std::str::from_utf8(bytes).ok()?.into()))
}

/// Bytes that may be null; passed over.
fn data(rest: &mut &[u8]) -> Option<()> {
    let len = i32::from_be_bytes(*take(rest)?);
    let (_, after) = rest.split_at_checked(usize::try_from(len).unwrap_or(0))?;
    *rest = after;
    Some(())
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (first, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_of_all_versions_are_read() {
        let v0 = b"\0\0\0\0\0\x02\0\x01a\0\x02bc\xff\xff\xff\xff";
        let read = EmbeddedSubscription::parse(v0).expect("well formed");
        assert_eq!(read.topics, [Arc::from("a"), Arc::from("bc")]);
        let v3 = b"\0\x03\0\0\0\x01\0\x01a\0\0\0\x01x\0\0\0\x01\0\x01a\0\0\0\x02\0\0\0\0\0\0\0\x01\0\0\0\x09\0\x01r";
        let read = EmbeddedSubscription::parse(v3).expect("well formed");
        assert_eq!(read.owned, [(Arc::from("a"), vec![0, 1])]);
        assert_eq!((read.version, read.rack_id.as_deref()), (3, Some("r")));
        for end in 0..v3.len() {
            assert_eq!(EmbeddedSubscription::parse(&v3[..end]), None, "{end} bytes");
        }
    }

    #[test]
    fn counts_that_lie_are_refused() {
        assert_eq!(
            EmbeddedSubscription::parse(b"\0\0\x7f\xff\xff\xff\0\0"),
            None
        );
        assert_eq!(
            EmbeddedSubscription::parse(b"\0\0\xff\xff\xff\xff"),
            None,
            "null"
        );
        assert_eq!(parse_assignment(b"\0\0\x7f\xff\xff\xff"), None);
    }

    #[test]
    fn an_assignment_is_read_as_it_was_written() {
        let bytes = assignment_bytes(1, &[("a".into(), &[0, 2]), ("b".into(), &[1])]);
        let read = parse_assignment(&bytes).expect("well formed");
        assert_eq!(read, [("a".into(), vec![0, 2]), ("b".into(), vec![1])]);
        assert_eq!(parse_assignment(b""), Some(Vec::new()));
    }
}
