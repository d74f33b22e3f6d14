//! How many connections there are: of the whole broker, and of each address.
//!
//! All cores share these numbers and nothing else of each other's connections. They only add and
//! subtract: no core ever waits for another. Addresses are found by a keyed hash in a table of
//! fixed size, so that no peer can aim at another's place. While a part of the table is full, the
//! connections of further addresses that belong there pass uncounted; that takes more than eight
//! connected addresses with the same thirteen bits of hash.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

const BUCKET_COUNT: usize = 1 << 13;
const SLOTS_PER_BUCKET: usize = 8;
/// A slot is a count below and what tells its address above; 0 is empty.
const COUNT_BITS: u32 = 24;
const COUNT_MAX: u64 = (1 << COUNT_BITS) - 1;
const TAG_BITS: u32 = u64::BITS - COUNT_BITS;

const _: () = assert!(BUCKET_COUNT.ilog2() + TAG_BITS <= u64::BITS);

/// The connections of all cores, counted.
#[derive(Debug)]
pub(super) struct ConnectionCounts {
    total: AtomicUsize,
    hasher: RandomState,
    slots: Box<[AtomicU64]>,
}

/// Whether a connection was counted under its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    Yes,
    /// Its part of the table is full.
    No,
}

/// The address has as many connections as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMany;

impl Default for ConnectionCounts {
    fn default() -> Self {
        let empty = || AtomicU64::new(0);
        Self {
            total: AtomicUsize::new(0),
            hasher: RandomState::new(),
            slots: std::iter::repeat_with(empty)
                .take(BUCKET_COUNT * SLOTS_PER_BUCKET)
                .collect(),
        }
    }
}

impl ConnectionCounts {
    /// All connections.
    pub(super) fn total(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    /// Counts one more, unless there are `max` already.
    pub(super) fn try_add(&self, max: usize) -> bool {
        let one_more = |total: usize| (total < max).then_some(total + 1);
        let order = Ordering::Relaxed;
        self.total.fetch_update(order, order, one_more).is_ok()
    }

    /// One less.
    pub(super) fn remove(&self) {
        let before = self.total.fetch_sub(1, Ordering::Relaxed);
        debug_assert!(before > 0, "only what was counted ends");
    }

    /// Counts one more of an address, unless it has `max` already.
    pub(super) fn try_add_of(&self, address: IpAddr, max: usize) -> Result<Counted, TooMany> {
        let max = (max as u64).min(COUNT_MAX);
        let (bucket, tag) = self.locate(address);
        loop {
            let slots: [u64; SLOTS_PER_BUCKET] = read(bucket);
            // Two cores that meet an address for the first time at once may each take a slot.
            let has: u64 = slots.iter().map(|slot| count_of(*slot, tag)).sum();
            if has >= max {
                return Err(TooMany);
            }
            let is_own = |slot: &u64| count_of(*slot, tag) > 0;
            let own = slots.iter().position(is_own);
            let Some(at) = own.or_else(|| slots.iter().position(|slot| *slot == 0)) else {
                return Ok(Counted::No);
            };
            let more = slot(tag, count_of(slots[at], tag) + 1);
            if replace(&bucket[at], slots[at], more) {
                return Ok(Counted::Yes);
            }
        }
    }

    /// One less of an address.
    pub(super) fn remove_of(&self, address: IpAddr) {
        let (bucket, tag) = self.locate(address);
        loop {
            let slots: [u64; SLOTS_PER_BUCKET] = read(bucket);
            let is_own = |slot: &u64| count_of(*slot, tag) > 0;
            let at = slots.iter().position(is_own);
            let at = at.expect("a counted connection stays counted until it ends");
            let less = match count_of(slots[at], tag) - 1 {
                0 => 0,
                count => slot(tag, count),
            };
            if replace(&bucket[at], slots[at], less) {
                return;
            }
        }
    }

    fn locate(&self, address: IpAddr) -> (&[AtomicU64], u64) {
        let hash = self.hasher.hash_one(address.to_canonical());
        let first = hash as usize % BUCKET_COUNT * SLOTS_PER_BUCKET;
        let tag = hash >> COUNT_BITS;
        (&self.slots[first..first + SLOTS_PER_BUCKET], tag)
    }
}

fn slot(tag: u64, count: u64) -> u64 {
    tag << COUNT_BITS | count
}

/// What a slot counts of the address with this tag.
fn count_of(slot: u64, tag: u64) -> u64 {
    if slot >> COUNT_BITS == tag {
        slot & COUNT_MAX
    } else {
        0
    }
}

fn read(bucket: &[AtomicU64]) -> [u64; SLOTS_PER_BUCKET] {
    std::array::from_fn(|at| bucket[at].load(Ordering::Relaxed))
}

fn replace(slot: &AtomicU64, before: u64, after: u64) -> bool {
    let order = Ordering::Relaxed;
    slot.compare_exchange_weak(before, after, order, order)
        .is_ok()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::thread;

    use super::*;

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    #[test]
    fn the_broker_holds_its_bound() {
        let counts = ConnectionCounts::default();
        assert!(counts.try_add(2) && counts.try_add(2) && !counts.try_add(2));
        counts.remove();
        assert!(counts.try_add(2));
        assert_eq!(counts.total(), 2);
    }

    #[test]
    fn an_address_holds_its_bound() {
        let counts = ConnectionCounts::default();
        let mapped = "::ffff:0.0.0.7".parse().unwrap();
        assert_eq!(counts.try_add_of(address(7), 2), Ok(Counted::Yes));
        assert_eq!(counts.try_add_of(mapped, 2), Ok(Counted::Yes));
        assert_eq!(counts.try_add_of(address(7), 2), Err(TooMany));
        assert_eq!(counts.try_add_of(address(8), 1), Ok(Counted::Yes));
        counts.remove_of(mapped);
        assert_eq!(counts.try_add_of(address(7), 2), Ok(Counted::Yes));
        assert_eq!(counts.try_add_of(address(9), 0), Err(TooMany));
    }

    #[test]
    fn a_full_part_of_the_table_lets_pass() {
        let counts = ConnectionCounts::default();
        let mut numbers = (0..).map(address);
        let (bucket, _) = counts.locate(address(0));
        let shares = |other: &IpAddr| std::ptr::eq(counts.locate(*other).0, bucket);
        let sharing: Vec<IpAddr> = numbers.by_ref().filter(shares).take(9).collect();
        let added = sharing.iter().map(|of| counts.try_add_of(*of, 1).unwrap());
        let added: Vec<_> = added.collect();
        assert!(added[..8].iter().all(|counted| *counted == Counted::Yes));
        assert_eq!(added[8], Counted::No);
        counts.remove_of(sharing[3]);
        assert_eq!(counts.try_add_of(sharing[8], 1), Ok(Counted::Yes));
    }

    #[test]
    fn cores_count_together_and_nothing_is_left() {
        const MAX: usize = 5;
        let counts = ConnectionCounts::default();
        let work = |seed: u64| {
            let mut random = fastrand::Rng::with_seed(seed);
            for _ in 0..20_000 {
                let of = address(random.u32(0..3));
                if counts.try_add_of(of, MAX).is_ok() {
                    thread::yield_now();
                    counts.remove_of(of);
                }
            }
        };
        let work = &work;
        thread::scope(|scope| {
            for seed in 0..8 {
                scope.spawn(move || work(seed));
            }
        });
        assert!(
            counts
                .slots
                .iter()
                .all(|slot| slot.load(Ordering::Relaxed) == 0)
        );
    }
}
