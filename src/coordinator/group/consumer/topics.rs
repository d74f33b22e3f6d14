//! The topics of the cluster, as far as groups need to know them.

use std::sync::Arc;

use crate::model::Uuid;

/// What a coordinator asks of the metadata; its owner answers from the image it has.
pub trait Topics {
    /// A topic's id and how many partitions it has.
    fn by_name(&self, name: &str) -> Option<(Uuid, u32)>;
    /// A topic's name.
    fn name_of(&self, id: Uuid) -> Option<Arc<str>>;
    /// Shows every name, in any order: for regular expressions.
    fn visit_names(&self, visit: &mut dyn FnMut(&Arc<str>));
    /// Rises with every change of the metadata.
    fn version(&self) -> i64;
}
