use super::offset_index::relative;
use crate::model::{Offset, TimestampMs};

/// Bytes of one entry in a `.timeindex` file: `int64` timestamp, `int32` relative offset.
pub(super) const ENTRY_BYTES: usize = 12;

/// The largest timestamp up to a point of the segment, and the last offset of the batch that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimeEntry {
    pub(super) timestamp: TimestampMs,
    pub(super) offset: Offset,
}

/// Where a search for a timestamp begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeSpot {
    /// At the batch that holds this offset.
    Offset(Offset),
    /// The entry is among the first `entries` of the index file.
    Stored { entries: u32 },
}

/// The sparse time index of one segment: what is not yet in the file is kept here.
///
/// Timestamps and offsets both rise strictly: an entry that would not rise is not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TimeIndex {
    base: Offset,
    stored: u32,
    /// Timestamp of the file's newest entry; −1 while there is none.
    stored_timestamp: TimestampMs,
    recent: Vec<(TimestampMs, u32)>,
}

impl TimeIndex {
    /// The index of the segment at `base`, whose file holds `stored` entries up to
    /// `stored_timestamp`.
    pub(super) fn new(base: Offset, stored: u32, stored_timestamp: TimestampMs) -> Self {
        Self {
            base,
            stored,
            stored_timestamp,
            recent: Vec::new(),
        }
    }

    pub(super) fn entries(&self) -> u32 {
        self.stored + self.recent.len() as u32
    }

    pub(super) fn stored(&self) -> u32 {
        self.stored
    }

    /// Whether only the slot kept for the segment's last entry is left.
    pub(super) fn is_full(&self, bytes_max: u32) -> bool {
        self.entries() + 1 >= bytes_max / ENTRY_BYTES as u32
    }

    /// Adds an entry if its timestamp is larger than all before.
    pub(super) fn maybe_push(&mut self, entry: TimeEntry) {
        let last = self
            .recent
            .last()
            .map_or(self.stored_timestamp, |last| last.0);
        if entry.timestamp > last {
            let relative = relative(self.base, entry.offset);
            self.recent.push((entry.timestamp, relative));
        }
    }

    /// Where a search for the first record at or after `target` begins.
    pub(super) fn lookup(&self, target: TimestampMs) -> TimeSpot {
        let below = self.recent.partition_point(|entry| entry.0 <= target);
        match below.checked_sub(1) {
            Some(at) => TimeSpot::Offset(self.base + Offset::from(self.recent[at].1)),
            None if self.stored == 0 => TimeSpot::Offset(self.base),
            None => TimeSpot::Stored {
                entries: self.stored,
            },
        }
    }

    /// The entries that are not in the file yet, as they stand there.
    pub(super) fn unstored(&self) -> Vec<u8> {
        let entries = self.recent.iter();
        entries
            .flat_map(|(timestamp, offset)| encode(*timestamp, *offset))
            .collect()
    }

    /// The file holds the first `entries` of the index now.
    pub(super) fn on_stored(&mut self, entries: u32) {
        assert!(
            (self.stored..=self.entries()).contains(&entries),
            "a known prefix"
        );
        let moved = self.recent.drain(..(entries - self.stored) as usize);
        let newest = moved.into_iter().next_back();
        self.stored_timestamp = newest.map_or(self.stored_timestamp, |entry| entry.0);
        self.recent.shrink_to_fit();
        self.stored = entries;
    }

    /// Forgets entries at or beyond `offset` that are not in the file.
    pub(super) fn truncate_recent(&mut self, offset: Offset) {
        let limit = relative(self.base, offset);
        let keep = self.recent.partition_point(|entry| entry.1 < limit);
        self.recent.truncate(keep);
    }
}

/// Entry `at` of an index file's bytes; `None` beyond their end.
pub(super) fn decode(base: Offset, bytes: &[u8], at: usize) -> Option<TimeEntry> {
    let entry = bytes.get(at * ENTRY_BYTES..(at + 1) * ENTRY_BYTES)?;
    let (timestamp, relative) = entry.split_at(8);
    Some(TimeEntry {
        timestamp: i64::from_be_bytes(timestamp.try_into().ok()?),
        offset: base + Offset::from(u32::from_be_bytes(relative.try_into().ok()?)),
    })
}

fn encode(timestamp: TimestampMs, relative: u32) -> [u8; ENTRY_BYTES] {
    let mut entry = [0; ENTRY_BYTES];
    entry[..8].copy_from_slice(&timestamp.to_be_bytes());
    entry[8..].copy_from_slice(&relative.to_be_bytes());
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> TimeIndex {
        let mut index = TimeIndex::new(100, 0, -1);
        for (timestamp, offset) in [(1_000, 109), (1_000, 119), (900, 129), (2_000, 139)] {
            index.maybe_push(TimeEntry { timestamp, offset });
        }
        index
    }

    #[test]
    fn only_rising_timestamps_make_an_entry() {
        assert_eq!(index().entries(), 2);
    }

    #[test]
    fn lookup_begins_at_the_last_batch_known_to_be_older() {
        let index = index();
        assert_eq!(index.lookup(999), TimeSpot::Offset(100));
        assert_eq!(index.lookup(1_000), TimeSpot::Offset(109));
        assert_eq!(index.lookup(5_000), TimeSpot::Offset(139));
    }

    #[test]
    fn entries_stand_in_the_file_as_kafka_writes_them() {
        let bytes = index().unstored();
        assert_eq!(bytes[..12], [0, 0, 0, 0, 0, 0, 3, 0xe8, 0, 0, 0, 9]);
        let entry = TimeEntry {
            timestamp: 2_000,
            offset: 139,
        };
        assert_eq!(decode(100, &bytes, 1), Some(entry));
    }

    #[test]
    fn one_slot_stays_free_for_the_last_entry() {
        assert!(index().is_full(36));
        assert!(!index().is_full(48));
    }

    #[test]
    fn after_truncating_an_equal_timestamp_may_come_again() {
        let mut index = index();
        index.truncate_recent(139);
        index.maybe_push(TimeEntry {
            timestamp: 2_000,
            offset: 140,
        });
        assert_eq!(index.lookup(2_000), TimeSpot::Offset(140));
    }
}
