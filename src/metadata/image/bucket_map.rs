//! A map whose copies share what did not change.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

const BUCKETS: usize = 256;

/// A map of many entries that is copied on each change: a copy costs 256 reference counts, a
/// change of the copy one bucket.
#[derive(Clone, Debug)]
pub(super) struct BucketMap<K, V> {
    buckets: Arc<[Arc<BTreeMap<K, V>>]>,
    len: usize,
}

impl<K: Ord + Hash + Clone, V: Clone> BucketMap<K, V> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Ord + Hash + ?Sized,
    {
        self.buckets[bucket_of(key)].get(key)
    }

    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let before = self.bucket_mut(bucket_of(&key)).insert(key, value);
        self.len += usize::from(before.is_none());
        before
    }

    pub(super) fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Ord + Hash + ?Sized,
    {
        let before = self.bucket_mut(bucket_of(key)).remove(key);
        self.len -= usize::from(before.is_some());
        before
    }

    pub(super) fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Ord + Hash + ?Sized,
    {
        self.bucket_mut(bucket_of(key)).get_mut(key)
    }

    /// In no particular order.
    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.buckets.iter().flat_map(|bucket| bucket.values())
    }

    fn bucket_mut(&mut self, index: usize) -> &mut BTreeMap<K, V> {
        if Arc::get_mut(&mut self.buckets).is_none() {
            self.buckets = self.buckets.iter().cloned().collect();
        }
        let buckets = Arc::get_mut(&mut self.buckets).expect("the buckets were just made ours");
        Arc::make_mut(&mut buckets[index])
    }
}

impl<K, V> Default for BucketMap<K, V> {
    fn default() -> Self {
        let empty = Arc::new(BTreeMap::new());
        Self {
            buckets: (0..BUCKETS).map(|_| empty.clone()).collect(),
            len: 0,
        }
    }
}

impl<K: PartialEq, V: PartialEq> PartialEq for BucketMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.buckets == other.buckets
    }
}

fn bucket_of<Q: Hash + ?Sized>(key: &Q) -> usize {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    (hasher.finish() % BUCKETS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_do_not_see_each_others_changes() {
        let mut first = BucketMap::default();
        for number in 0..1000 {
            first.insert(number, number);
        }
        let mut second = first.clone();
        second.remove(&7);
        second.insert(8, 80);
        second.insert(2000, 1);
        assert_eq!((first.len(), second.len()), (1000, 1000));
        assert_eq!((first.get(&7), second.get(&7)), (Some(&7), None));
        assert_eq!((first.get(&8), second.get(&8)), (Some(&8), Some(&80)));
        assert_eq!(second.values().count(), 1000);
        assert_ne!(first, second);
    }
}
