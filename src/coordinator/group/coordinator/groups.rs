//! The groups of a coordinator by their names: found at once, walked in order.

use std::collections::{BTreeSet, HashMap};
use std::ops::{Bound, Index};
use std::sync::Arc;

use super::kinds::Group;

/// Every heartbeat looks its group up, mostly in a processor whose caches are cold: a map that is
/// ordered itself would compare, and fetch, one name after the other.
#[derive(Debug, Default)]
pub(super) struct Groups {
    by_name: HashMap<Arc<str>, Group, foldhash::fast::RandomState>,
    /// The same names, so that nothing depends on how they are hashed.
    names: BTreeSet<Arc<str>>,
}

impl Groups {
    pub(super) fn get(&self, name: &str) -> Option<&Group> {
        self.by_name.get(name)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Group> {
        self.by_name.get_mut(name)
    }

    pub(super) fn contains_key(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// Takes the place of the one that has had the name.
    pub(super) fn insert(&mut self, name: Arc<str>, group: Group) {
        if self.by_name.insert(name.clone(), group).is_none() {
            self.names.insert(name);
        }
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Group> {
        let removed = self.by_name.remove(name)?;
        self.names.remove(name);
        Some(removed)
    }

    /// In order.
    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.names.iter()
    }

    /// In the order of the names.
    pub(super) fn values(&self) -> impl Iterator<Item = &Group> {
        self.names.iter().map(|name| &self[name])
    }

    /// In the order of the names, from this one on, or from the first.
    pub(super) fn since(&self, first: Option<&str>) -> impl Iterator<Item = (&Arc<str>, &Group)> {
        let first = first.map_or(Bound::Unbounded, Bound::Included);
        let names = self.names.range::<str, _>((first, Bound::Unbounded));
        names.map(|name| (name, &self[name]))
    }
}

impl Index<&Arc<str>> for Groups {
    type Output = Group;

    /// # Panics
    /// Where there is none of the name.
    fn index(&self, name: &Arc<str>) -> &Group {
        &self.by_name[name]
    }
}
