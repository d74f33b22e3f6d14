use std::hash::{BuildHasher as _, RandomState};

use crate::model::Offset;

/// Bytes of memory that a key takes.
pub(super) const ENTRY_BYTES: usize = 24;

/// Where each key was written last, by 128 bits of a keyed hash: the keys themselves are not kept.
///
/// The memory is taken at once and never grows. Linear probing over slots of hash and offset.
pub(super) struct OffsetMap {
    /// Both halves of the hash, and the offset after the record's; 0 is a free slot.
    slots: Vec<[u64; 3]>,
    len: usize,
    len_max: usize,
    /// Each with a key of its own, so that nobody can make two keys meet.
    hashers: [RandomState; 2],
}

/// The map holds as many keys as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl OffsetMap {
    /// A map of at most `bytes_max` bytes, filled to `load_factor`, that never gets more than
    /// `keys_max` keys.
    pub(super) fn new(bytes_max: usize, load_factor: f64, keys_max: u64) -> Self {
        let load_factor = load_factor.clamp(0.1, 0.95);
        let wanted = ((keys_max as f64 / load_factor) as usize).saturating_add(1);
        let slots = (bytes_max / ENTRY_BYTES).max(SLOTS_MIN).min(wanted.max(2));
        Self {
            slots: vec![[0; 3]; slots],
            len: 0,
            len_max: ((slots as f64 * load_factor) as usize).clamp(1, slots - 1),
            hashers: [RandomState::new(), RandomState::new()],
        }
    }

    /// How many keys it holds.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Notes that `key` was written at `offset`, later than all before.
    pub(super) fn put(&mut self, key: &[u8], offset: Offset) -> Result<(), Full> {
        let [a, b] = self.hash(key);
        let at = self.slot_of([a, b]);
        let is_new = self.slots[at][2] == 0;
        if is_new && self.len == self.len_max {
            return Err(Full);
        }
        self.len += usize::from(is_new);
        self.slots[at] = [a, b, offset as u64 + 1];
        Ok(())
    }

    /// Where `key` was written last; `None` for a key that was not put.
    pub(super) fn get(&self, key: &[u8]) -> Option<Offset> {
        let [_, _, after] = self.slots[self.slot_of(self.hash(key))];
        after.checked_sub(1).map(|offset| offset as Offset)
    }

    /// The slot of this hash, or the free one where it would go. There always is a free one.
    fn slot_of(&self, hash: [u64; 2]) -> usize {
        let slots = self.slots.len();
        let mut at = ((u128::from(hash[0]) * slots as u128) >> 64) as usize;
        loop {
            let [a, b, after] = self.slots[at];
            if after == 0 || [a, b] == hash {
                return at;
            }
            at = (at + 1) % slots;
        }
    }

    fn hash(&self, key: &[u8]) -> [u64; 2] {
        [self.hashers[0].hash_one(key), self.hashers[1].hash_one(key)]
    }
}

/// However little memory is given, a cleaning gets on.
const SLOTS_MIN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn the_last_offset_of_each_key_is_found() {
        let mut map = OffsetMap::new(1 << 20, 0.9, 10_000);
        let mut model = HashMap::new();
        for offset in 0..10_000 {
            let key = fastrand::u32(..3_000).to_be_bytes();
            map.put(&key, offset).unwrap();
            model.insert(key, offset);
        }
        assert_eq!(map.len(), model.len());
        for key in (0..4_000u32).map(u32::to_be_bytes) {
            assert_eq!(map.get(&key), model.get(&key).copied());
        }
    }

    #[test]
    fn a_full_map_takes_known_keys_only() {
        let mut map = OffsetMap::new(100 * ENTRY_BYTES, 0.5, u64::MAX);
        for key in 0..50u8 {
            assert_eq!(map.put(&[key], 1), Ok(()));
        }
        assert_eq!(map.put(&[50], 2), Err(Full));
        assert_eq!(map.put(&[7], 3), Ok(()));
        assert_eq!((map.get(&[7]), map.get(&[50])), (Some(3), None));
    }

    #[test]
    fn memory_is_bounded_by_both_limits() {
        assert_eq!(OffsetMap::new(240, 0.9, 1_000).slots.len(), SLOTS_MIN);
        assert_eq!(OffsetMap::new(1 << 30, 0.5, 100).slots.len(), 201);
        let mut one = OffsetMap::new(1 << 30, 0.9, 0);
        assert_eq!(one.put(b"k", 0), Ok(()));
        assert_eq!(one.put(b"l", 0), Err(Full));
    }
}
