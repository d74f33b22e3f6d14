//! Which pages of the arena are free: a buddy allocator over page numbers, no memory touched.
//!
//! A request takes the smallest free power-of-two block that holds it and gives the tail it does
//! not need back, so a run is any number of pages. Small runs are cut from the low end, large
//! ones from the high end: long-lived small ones then do not sit in the middle of every large
//! block. Freed runs are merged with their free neighbours at once, except for a few of each
//! small size that are kept whole for the next request of that size.

use super::bitset::BitSet;

/// Runs of this many pages and more are cut from the high end (1 MiB).
const LARGE_PAGES: usize = 256;
/// Runs up to this many pages (1 MiB) may wait unmerged for the next request of their size.
const KEPT_PAGES_MAX: usize = 256;
/// How many runs of one size wait unmerged.
const KEPT_RUNS_MAX: usize = 8;
/// How many pages wait unmerged in all (8 MiB).
const KEPT_TOTAL_PAGES_MAX: usize = 2048;
/// Blocks above 1 GiB are never needed: a chunk is smaller.
const ORDER_MAX: usize = 18;

pub(super) struct Buddy {
    /// For each order, the free blocks of `1 << order` pages, by their number (page >> order).
    free: Vec<BitSet>,
    /// For each number of pages, runs that are free but not merged.
    kept: Vec<Vec<u32>>,
    kept_pages: usize,
    pages: usize,
}

impl Buddy {
    pub(super) fn new(pages: usize) -> Self {
        let free = (0..=ORDER_MAX)
            .map(|order| BitSet::new((pages >> order) + 1))
            .collect();
        let mut buddy = Self {
            free,
            kept: vec![Vec::new(); KEPT_PAGES_MAX + 1],
            kept_pages: 0,
            pages,
        };
        buddy.merge_run(0, pages);
        buddy
    }

    /// The pages a request is given: at most an eighth more than it asked for.
    pub(super) fn rounded(pages: usize) -> usize {
        let step = (pages.next_power_of_two() / 16).max(1);
        pages.next_multiple_of(step)
    }

    /// The first page of a free run of `pages` (a value of [`Buddy::rounded`]), now taken.
    pub(super) fn take(&mut self, pages: usize) -> Option<usize> {
        if let Some(first) = self.kept.get_mut(pages).and_then(Vec::pop) {
            self.kept_pages -= pages;
            return Some(first as usize);
        }
        self.cut(pages).or_else(|| {
            self.merge_kept();
            self.cut(pages)
        })
    }

    /// Takes back a run that [`Buddy::take`] gave.
    pub(super) fn give(&mut self, first: usize, pages: usize) {
        let room = self.kept_pages + pages <= KEPT_TOTAL_PAGES_MAX;
        match self.kept.get_mut(pages) {
            Some(runs) if room && runs.len() < KEPT_RUNS_MAX => {
                runs.push(first as u32);
                self.kept_pages += pages;
            }
            _ => self.merge_run(first, pages),
        }
    }

    /// Merges every run that waited for a request of its size.
    pub(super) fn merge_kept(&mut self) {
        for pages in 1..self.kept.len() {
            for first in std::mem::take(&mut self.kept[pages]) {
                self.merge_run(first as usize, pages);
            }
        }
        self.kept_pages = 0;
    }

    /// The free blocks of at least `1 << order` pages, as (first page, pages).
    pub(super) fn free_blocks(&self, order: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        let orders = self.free.iter().enumerate().skip(order);
        orders.flat_map(|(order, blocks)| blocks.iter().map(move |at| (at << order, 1 << order)))
    }

    fn cut(&mut self, pages: usize) -> Option<usize> {
        let order = pages.next_power_of_two().trailing_zeros() as usize;
        let from_top = pages >= LARGE_PAGES;
        let find = |blocks: &BitSet| {
            if from_top {
                blocks.last()
            } else {
                blocks.first()
            }
        };
        let (found, number) = (order..=ORDER_MAX)
            .find_map(|at| find(self.free.get(at)?).map(|number| (at, number)))?;
        self.free[found].remove(number);
        let (block, block_pages) = (number << found, 1 << found);
        let first = if from_top {
            block + block_pages - (1 << order)
        } else {
            block
        };
        self.merge_run(block, first - block);
        self.merge_run(first + pages, block + block_pages - first - pages);
        Some(first)
    }

    /// Frees a run of any length as the aligned blocks it consists of.
    fn merge_run(&mut self, mut first: usize, mut pages: usize) {
        while pages > 0 {
            let aligned = if first == 0 {
                ORDER_MAX
            } else {
                first.trailing_zeros() as usize
            };
            let order = aligned.min(pages.ilog2() as usize).min(ORDER_MAX);
            self.merge_block(first, order);
            first += 1 << order;
            pages -= 1 << order;
        }
    }

    fn merge_block(&mut self, first: usize, mut order: usize) {
        let mut number = first >> order;
        debug_assert!(
            first + (1 << order) <= self.pages,
            "a block beyond the arena"
        );
        debug_assert!(!self.free[order].contains(number), "a block freed twice");
        while order < ORDER_MAX && self.free[order].remove(number ^ 1) {
            number >>= 1;
            order += 1;
        }
        self.free[order].insert(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn largest_free(buddy: &mut Buddy) -> usize {
        buddy.merge_kept();
        buddy
            .free_blocks(0)
            .map(|(_, pages)| pages)
            .max()
            .unwrap_or(0)
    }

    #[test]
    fn runs_never_overlap_and_everything_merges_again() {
        let pages = 40_000;
        let mut buddy = Buddy::new(pages);
        let untouched = largest_free(&mut buddy);
        let mut owner = vec![0_u32; pages];
        let mut runs: Vec<(usize, usize, u32)> = Vec::new();
        let mut random = fastrand::Rng::with_seed(3);
        for id in 1..30_000 {
            if random.bool() || runs.is_empty() {
                let want = Buddy::rounded(1 << random.u32(0..10));
                let Some(first) = buddy.take(want) else {
                    continue;
                };
                assert!(owner[first..first + want].iter().all(|page| *page == 0));
                owner[first..first + want].fill(id);
                runs.push((first, want, id));
            } else {
                let (first, taken, id) = runs.swap_remove(random.usize(..runs.len()));
                assert!(owner[first..first + taken].iter().all(|page| *page == id));
                owner[first..first + taken].fill(0);
                buddy.give(first, taken);
            }
        }
        for (first, taken, _) in runs {
            buddy.give(first, taken);
        }
        assert_eq!(largest_free(&mut buddy), untouched);
        assert_eq!(
            buddy.free_blocks(0).map(|(_, pages)| pages).sum::<usize>(),
            pages
        );
    }

    #[test]
    fn rounding_wastes_at_most_an_eighth() {
        for pages in 1..100_000 {
            let rounded = Buddy::rounded(pages);
            assert!(
                rounded >= pages && rounded - pages <= pages / 8,
                "{pages} -> {rounded}"
            );
            assert_eq!(Buddy::rounded(rounded), rounded);
        }
    }

    #[test]
    fn small_runs_leave_the_high_end_to_large_ones() {
        let mut buddy = Buddy::new(65_536);
        let small: Vec<_> = (0..1000).map(|_| buddy.take(1).expect("room")).collect();
        let large = buddy
            .take(25_600)
            .expect("100 MiB beside a thousand small runs");
        assert!(small.iter().all(|first| *first < 1000) && large > 32_000);
    }
}
