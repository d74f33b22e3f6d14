//! The broker's settings as they are now: what was set at the start, under what was changed since.

use std::rc::Rc;

use super::{Shard, Shards};
use crate::config::BrokerConfig;
use crate::metadata::{Changes, MetadataImage, ResourceType};

impl Shards {
    /// The settings in force on this core. Those that change while the broker runs must be asked
    /// for again.
    pub fn config(&self) -> Rc<BrokerConfig> {
        self.owned().state.borrow().config.clone()
    }
}

impl Shard {
    /// Puts in force what is set for this broker and for all, if that is among the changes.
    pub(super) fn take_broker_settings(&mut self, image: &MetadataImage, changes: &Changes) {
        let mut changed = changes.configs_changed.iter();
        if !changed.any(|resource| resource.kind == ResourceType::Broker) {
            return;
        }
        let start = &self.started_with;
        let own = image.broker_overrides(start.node_id);
        match start.with_changes(own, image.cluster_overrides()) {
            Ok(config) => self.config = Rc::new(config),
            Err(errors) => {
                // They were checked against what the broker had been started with at the time.
                log::error!("no setting of this broker is changed, they contradict: {errors}");
                self.config = Rc::new(BrokerConfig::clone(start));
            }
        }
    }
}
