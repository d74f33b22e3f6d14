//! Who read which partition until when, and who went on when. Pure.

use serde::{Deserialize, Serialize};

/// Follows the records of all partitions as they arrive at the members.
#[derive(Clone, Debug)]
pub(super) struct Pauses {
    partitions: Vec<Reading>,
    moves: Vec<Move>,
    /// Records that arrived a second time at a new owner.
    pub(super) repeated: u64,
    /// Records that no owner got.
    pub(super) skipped: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Reading {
    /// The stretch of the last record; 0 before the first.
    stretch: u64,
    member: u32,
    last_us: u64,
    next_offset: i64,
}

/// A partition that went from one stretch of reading to the next: to another member, or to the
/// same that had given it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Which partition.
    pub partition: i32,
    /// Who had it.
    pub from: u32,
    /// Who has it now.
    pub to: u32,
    /// From the last record of the one to the first of the other, microseconds.
    pub pause_us: u64,
}

/// Somebody who has a partition for a time; every time has another number above 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) member: u32,
    pub(super) stretch: u64,
}

impl Pauses {
    pub(super) fn new(partitions: usize) -> Self {
        Self {
            partitions: vec![Reading::default(); partitions],
            moves: Vec::new(),
            repeated: 0,
            skipped: 0,
        }
    }

    /// Records up to `next_offset`, from `offset` on, have arrived.
    pub(super) fn on_records(
        &mut self,
        partition: i32,
        owner: Owner,
        offset: i64,
        next_offset: i64,
        now_us: u64,
    ) {
        let reading = &mut self.partitions[partition as usize];
        if reading.stretch != 0 {
            self.repeated += (reading.next_offset - offset).max(0) as u64;
            self.skipped += (offset - reading.next_offset).max(0) as u64;
        }
        if reading.stretch != 0 && reading.stretch != owner.stretch {
            self.moves.push(Move {
                partition,
                from: reading.member,
                to: owner.member,
                pause_us: now_us.saturating_sub(reading.last_us),
            });
        }
        *reading = Reading {
            stretch: owner.stretch,
            member: owner.member,
            last_us: now_us,
            next_offset: next_offset.max(reading.next_offset),
        };
    }

    /// Whether every partition gave a record at or after that time.
    pub(super) fn all_since(&self, us: u64) -> bool {
        self.partitions.iter().all(|reading| reading.last_us >= us)
    }

    /// The moves since they were last taken.
    pub(super) fn take_moves(&mut self) -> Vec<Move> {
        std::mem::take(&mut self.moves)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(member: u32, stretch: u64) -> Owner {
        Owner { member, stretch }
    }

    #[test]
    fn a_pause_lies_between_two_stretches() {
        let mut pauses = Pauses::new(2);
        pauses.on_records(0, owner(1, 1), 0, 1, 100);
        pauses.on_records(0, owner(1, 1), 1, 2, 200);
        assert!(pauses.take_moves().is_empty());
        pauses.on_records(0, owner(2, 2), 2, 5, 350);
        pauses.on_records(0, owner(2, 3), 5, 6, 400);
        let moves = pauses.take_moves();
        let seen: Vec<_> = moves.iter().map(|m| (m.from, m.to, m.pause_us)).collect();
        assert_eq!(seen, [(1, 2, 150), (2, 2, 50)]);
        assert_eq!((pauses.repeated, pauses.skipped), (0, 0));
        assert!(!pauses.all_since(400));
        pauses.on_records(1, owner(1, 1), 0, 1, 400);
        assert!(pauses.all_since(400));
    }

    #[test]
    fn what_comes_twice_or_never_is_counted() {
        let mut pauses = Pauses::new(1);
        pauses.on_records(0, owner(1, 1), 7, 10, 1);
        pauses.on_records(0, owner(2, 2), 8, 11, 2);
        pauses.on_records(0, owner(2, 2), 14, 15, 3);
        assert_eq!((pauses.repeated, pauses.skipped), (2, 3));
    }
}
