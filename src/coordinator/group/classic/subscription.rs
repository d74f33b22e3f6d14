//! What the consumers of a group subscribe to, as their metadata says.

use std::collections::HashSet;
use std::sync::Arc;

use super::Group;
use crate::coordinator::group::embedded::EmbeddedSubscription;

impl Group {
    /// `None` where the members are no consumers, or where one of them cannot be understood.
    pub(super) fn read_subscriptions(&self) -> Option<HashSet<Arc<str>>> {
        if !self.has_consumers() {
            return None;
        }
        let mut topics = HashSet::new();
        for member in self.members.values() {
            let metadata = member.metadata(self.protocol_name.as_deref()?)?;
            topics.extend(EmbeddedSubscription::parse_topics(metadata)?);
        }
        Some(topics)
    }
}
