//! What the consumers of a group subscribe to, as their metadata says.

use std::collections::HashSet;
use std::sync::Arc;

use super::Group;

impl Group {
    /// `None` where the members are no consumers, or where one of them cannot be understood.
    pub(super) fn read_subscriptions(&self) -> Option<HashSet<Arc<str>>> {
        if !self.has_consumers() {
            return None;
        }
        let mut topics = HashSet::new();
        for member in self.members.values() {
            let metadata = member.metadata(self.protocol_name.as_deref()?)?;
            topics.extend(subscribed_topics(metadata)?);
        }
        Some(topics)
    }
}

/// The topics of a ConsumerProtocolSubscription: int16 version, then an array of strings in every
/// version.
fn subscribed_topics(metadata: &[u8]) -> Option<Vec<Arc<str>>> {
    let (_version, rest) = metadata.split_first_chunk::<2>()?;
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    let count = u32::try_from(i32::from_be_bytes(*count)).ok()? as usize;
    // Each name has two bytes of length at least: a count beyond that is a lie.
    let mut topics = Vec::with_capacity(count.min(rest.len() / 2));
    for _ in 0..count {
        let (len, after) = rest.split_first_chunk::<2>()?;
        let len = usize::try_from(i16::from_be_bytes(*len)).ok()?;
        let name = after.get(..len)?;
        topics.push(std::str::from_utf8(name).ok()?.into());
        rest = &after[len..];
    }
    Some(topics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_read_and_nonsense_is_not() {
        let metadata = b"\0\x03\0\0\0\x02\0\x01a\0\x02bc\xff\xff";
        let topics = subscribed_topics(metadata).expect("well formed");
        assert_eq!(topics, [Arc::from("a"), Arc::from("bc")]);
        for end in 0..metadata.len() - 2 {
            assert_eq!(subscribed_topics(&metadata[..end]), None, "{end} bytes");
        }
        assert_eq!(subscribed_topics(b"\0\0\x7f\xff\xff\xff\0\0"), None);
        assert_eq!(subscribed_topics(b"\0\0\xff\xff\xff\xff"), None, "null");
    }
}
