//! The effective settings of topics, worked out once for each state of the metadata.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::config::{BrokerConfig, TopicConfig};
use crate::metadata::{MetadataImage, TopicImage};
use crate::model::Uuid;
use crate::shard::topic_config;

/// One core's effective topic settings; each topic's are found out at its first use.
///
/// They hold for one image and one set of broker settings: when either is exchanged, all are
/// forgotten. So there are never more than topics.
#[derive(Default)]
pub(super) struct TopicConfigs(RefCell<Option<Known>>);

struct Known {
    image: Arc<MetadataImage>,
    config: Rc<BrokerConfig>,
    by_topic: HashMap<Uuid, Rc<TopicConfig>>,
}

impl TopicConfigs {
    /// The settings of a topic of this image.
    pub(super) fn of(
        &self,
        config: &Rc<BrokerConfig>,
        image: &Arc<MetadataImage>,
        topic: &TopicImage,
    ) -> Rc<TopicConfig> {
        let mut known = self.0.borrow_mut();
        let known = match &mut *known {
            Some(known) if known.holds_for(config, image) => known,
            outdated => outdated.insert(Known {
                image: image.clone(),
                config: config.clone(),
                by_topic: HashMap::new(),
            }),
        };
        let found_out = || Rc::new(topic_config(config, image, &topic.name));
        let entry = known.by_topic.entry(topic.id);
        entry.or_insert_with(found_out).clone()
    }
}

impl Known {
    fn holds_for(&self, config: &Rc<BrokerConfig>, image: &Arc<MetadataImage>) -> bool {
        Rc::ptr_eq(&self.config, config) && Arc::ptr_eq(&self.image, image)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_kept_until_the_metadata_or_the_broker_changes() {
        let configs = TopicConfigs::default();
        let topic = TopicImage {
            name: "t".into(),
            id: Uuid::ZERO,
            partitions: Default::default(),
        };
        let (image, config) = (Arc::default(), Rc::default());
        let first = configs.of(&config, &image, &topic);
        assert!(Rc::ptr_eq(&first, &configs.of(&config, &image, &topic)));
        let (other_image, other_config) = (Arc::default(), Rc::default());
        let second = configs.of(&config, &other_image, &topic);
        assert!(!Rc::ptr_eq(&first, &second));
        let third = configs.of(&other_config, &other_image, &topic);
        assert!(!Rc::ptr_eq(&second, &third));
    }
}
