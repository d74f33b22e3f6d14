use crate::model::Offset;

/// Bytes of one entry in an `.index` file: relative offset and position, both big-endian `int32`.
pub(super) const ENTRY_BYTES: usize = 8;

/// One entry: the batch that begins at `position` ends with record `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OffsetEntry {
    pub(super) offset: Offset,
    pub(super) position: u32,
}

/// Where a search for an offset begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    /// At this position of the segment.
    Position(u32),
    /// The entry is among the first `entries` of the index file.
    Stored { entries: u32 },
}

/// The sparse offset index of one segment: what is not yet in the file is kept here.
///
/// The file always holds a prefix of the index, so that memory is bounded by the distance between
/// two anchors of the log, not by the segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OffsetIndex {
    base: Offset,
    stored: u32,
    recent: Vec<(u32, u32)>,
}

impl OffsetIndex {
    /// The index of the segment at `base`, whose file holds `stored` entries.
    pub(super) fn new(base: Offset, stored: u32) -> Self {
        Self {
            base,
            stored,
            recent: Vec::new(),
        }
    }

    pub(super) fn entries(&self) -> u32 {
        self.stored + self.recent.len() as u32
    }

    pub(super) fn stored(&self) -> u32 {
        self.stored
    }

    /// Whether another entry would make the file larger than `bytes_max`.
    pub(super) fn is_full(&self, bytes_max: u32) -> bool {
        self.entries() >= bytes_max / ENTRY_BYTES as u32
    }

    /// Adds an entry; offsets and positions rise strictly within a segment.
    pub(super) fn push(&mut self, entry: OffsetEntry) {
        let relative = relative(self.base, entry.offset);
        if let Some(&(last, position)) = self.recent.last() {
            assert!(
                relative > last && entry.position > position,
                "index entries rise"
            );
        }
        self.recent.push((relative, entry.position));
    }

    /// Where a search for `target` begins: the largest entry at or below it.
    pub(super) fn lookup(&self, target: Offset) -> Spot {
        let relative = relative(self.base, target.max(self.base));
        let below = self.recent.partition_point(|entry| entry.0 <= relative);
        match below.checked_sub(1) {
            Some(at) => Spot::Position(self.recent[at].1),
            None if self.stored == 0 => Spot::Position(0),
            None => Spot::Stored {
                entries: self.stored,
            },
        }
    }

    /// The entries that are not in the file yet, as they stand there.
    pub(super) fn unstored(&self) -> Vec<u8> {
        let entries = self.recent.iter();
        entries
            .flat_map(|(offset, position)| encode(*offset, *position))
            .collect()
    }

    /// The file holds the first `entries` of the index now.
    pub(super) fn on_stored(&mut self, entries: u32) {
        assert!(
            (self.stored..=self.entries()).contains(&entries),
            "a known prefix"
        );
        self.recent.drain(..(entries - self.stored) as usize);
        self.recent.shrink_to_fit();
        self.stored = entries;
    }

    /// Forgets entries of batches that begin at or beyond `position` and are not in the file.
    pub(super) fn truncate_recent(&mut self, position: u32) {
        let keep = self.recent.partition_point(|entry| entry.1 < position);
        self.recent.truncate(keep);
    }
}

/// The distance from the segment's base, which fits 31 bits in every valid segment.
pub(super) fn relative(base: Offset, offset: Offset) -> u32 {
    u32::try_from(offset.saturating_sub(base)).unwrap_or(u32::MAX)
}

/// Entry `at` of an index file's bytes; `None` beyond their end.
pub(super) fn decode(base: Offset, bytes: &[u8], at: usize) -> Option<OffsetEntry> {
    let entry = bytes.get(at * ENTRY_BYTES..(at + 1) * ENTRY_BYTES)?;
    let (relative, position) = entry.split_at(4);
    Some(OffsetEntry {
        offset: base + Offset::from(u32::from_be_bytes(relative.try_into().ok()?)),
        position: u32::from_be_bytes(position.try_into().ok()?),
    })
}

fn encode(relative: u32, position: u32) -> [u8; ENTRY_BYTES] {
    let mut entry = [0; ENTRY_BYTES];
    entry[..4].copy_from_slice(&relative.to_be_bytes());
    entry[4..].copy_from_slice(&position.to_be_bytes());
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> OffsetIndex {
        let mut index = OffsetIndex::new(100, 0);
        for (offset, position) in [(109, 4_200), (119, 8_400), (129, 12_600)] {
            index.push(OffsetEntry { offset, position });
        }
        index
    }

    #[test]
    fn lookup_finds_the_largest_entry_at_or_below() {
        let index = index();
        assert_eq!(index.lookup(100), Spot::Position(0));
        assert_eq!(index.lookup(108), Spot::Position(0));
        assert_eq!(index.lookup(109), Spot::Position(4_200));
        assert_eq!(index.lookup(128), Spot::Position(8_400));
        assert_eq!(index.lookup(i64::MAX), Spot::Position(12_600));
    }

    #[test]
    fn what_is_stored_is_looked_up_in_the_file() {
        let mut index = index();
        index.on_stored(2);
        assert_eq!(index.lookup(109), Spot::Stored { entries: 2 });
        assert_eq!(index.lookup(130), Spot::Position(12_600));
        assert_eq!(index.entries(), 3);
    }

    #[test]
    fn entries_stand_in_the_file_as_kafka_writes_them() {
        let bytes = index().unstored();
        assert_eq!(bytes[..8], [0, 0, 0, 9, 0, 0, 0x10, 0x68]);
        let entry = OffsetEntry {
            offset: 129,
            position: 12_600,
        };
        assert_eq!(decode(100, &bytes, 2), Some(entry));
        assert_eq!(decode(100, &bytes, 3), None);
    }

    #[test]
    fn full_means_the_file_would_outgrow_its_limit() {
        assert!(index().is_full(24));
        assert!(index().is_full(31));
        assert!(!index().is_full(32));
    }

    #[test]
    fn truncating_drops_entries_of_batches_that_are_gone() {
        let mut index = index();
        index.truncate_recent(8_400);
        assert_eq!(index.entries(), 1);
    }
}
