//! A set of small integers that finds its least and greatest member in a few steps.

/// Members `0..capacity`, kept as a tree of 64-bit words: a set bit above says "some bit below".
pub(super) struct BitSet {
    /// `levels[0]` holds the members; the last level is a single word.
    levels: Vec<Vec<u64>>,
}

impl BitSet {
    pub(super) fn new(capacity: usize) -> Self {
        let mut levels = Vec::new();
        let mut words = capacity.div_ceil(64).max(1);
        loop {
            levels.push(vec![0; words]);
            if words == 1 {
                return Self { levels };
            }
            words = words.div_ceil(64);
        }
    }

    pub(super) fn contains(&self, index: usize) -> bool {
        self.levels[0]
            .get(index / 64)
            .is_some_and(|word| word & (1 << (index % 64)) != 0)
    }

    pub(super) fn insert(&mut self, mut index: usize) {
        for level in &mut self.levels {
            let word = &mut level[index / 64];
            let was_empty = *word == 0;
            *word |= 1 << (index % 64);
            if !was_empty {
                return;
            }
            index /= 64;
        }
    }

    /// Takes the member out; says whether it was one.
    pub(super) fn remove(&mut self, mut index: usize) -> bool {
        if !self.contains(index) {
            return false;
        }
        for level in &mut self.levels {
            let word = &mut level[index / 64];
            *word &= !(1 << (index % 64));
            if *word != 0 {
                break;
            }
            index /= 64;
        }
        true
    }

    pub(super) fn first(&self) -> Option<usize> {
        self.descend(|word| word.trailing_zeros() as usize)
    }

    pub(super) fn last(&self) -> Option<usize> {
        self.descend(|word| 63 - word.leading_zeros() as usize)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.levels[0].iter().enumerate().flat_map(|(at, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
                rest &= rest - 1;
                Some(at * 64 + bit)
            })
        })
    }

    fn descend(&self, pick: impl Fn(u64) -> usize) -> Option<usize> {
        let mut index = 0;
        for level in self.levels.iter().rev() {
            let word = level[index];
            if word == 0 {
                return None;
            }
            index = index * 64 + pick(word);
        }
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn agrees_with_a_sorted_set() {
        let capacity = 64 * 64 * 3 + 17;
        let (mut set, mut model) = (BitSet::new(capacity), BTreeSet::new());
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let index = random.usize(..capacity);
            if random.bool() {
                set.insert(index);
                model.insert(index);
            } else {
                assert_eq!(set.remove(index), model.remove(&index));
            }
            assert_eq!(set.first(), model.first().copied());
            assert_eq!(set.last(), model.last().copied());
        }
        assert!(set.iter().eq(model));
    }
}
