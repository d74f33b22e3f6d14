//! The metadata as coordinators see it.

use std::sync::Arc;

use crate::coordinator::group::consumer::topics::Topics;
use crate::metadata::MetadataImage;
use crate::model::Uuid;

/// An image, as far as groups need to know it.
pub(super) struct ImageTopics<'a>(pub(super) &'a MetadataImage);

impl Topics for ImageTopics<'_> {
    fn by_name(&self, name: &str) -> Option<(Uuid, u32)> {
        let topic = self.0.topic(name)?;
        Some((topic.id, u32::try_from(topic.partitions.len()).ok()?))
    }

    fn name_of(&self, id: Uuid) -> Option<Arc<str>> {
        self.0.topic_by_id(id).map(|topic| topic.name.clone())
    }

    fn visit_names(&self, visit: &mut dyn FnMut(&Arc<str>)) {
        self.0.topics.iter().for_each(|topic| visit(&topic.name));
    }

    fn version(&self) -> i64 {
        self.0.provenance.last_offset
    }
}
