use super::log::Log;
use crate::model::{Offset, TimestampMs};

/// The oldest part of a log that is in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OldestExtent {
    /// What evicting it gives back to the arena, once no reader holds it.
    pub bytes: usize,
    /// The offset after its last record: evictable below a bound at or beyond this.
    pub end: Offset,
    /// Whether all of it is synced in its segment.
    pub synced: bool,
    /// When it was begun.
    pub begun_ms: TimestampMs,
}

impl Log {
    /// Arena memory the log holds.
    pub fn memory_bytes(&self) -> usize {
        self.tail.memory_bytes()
    }

    /// The extent that [`Log::evict_oldest`] would give back; `None` while nothing is in memory.
    pub fn oldest_extent(&self) -> Option<OldestExtent> {
        let extent = self.tail.oldest()?;
        Some(OldestExtent {
            bytes: extent.capacity(),
            end: extent.end_offset,
            synced: extent.end_offset <= self.synced.offset,
            begun_ms: extent.begun_ms,
        })
    }

    /// Gives the oldest extent back if it is synced and wholly below `below`, the high watermark:
    /// a reader finds it in the file from then on. How many bytes; 0 if it has to stay.
    ///
    /// The newest extent goes too, from an idle log: the next flush reads the beginning of the
    /// block it goes on in from the file.
    pub fn evict_oldest(&mut self, below: Offset) -> usize {
        match self.oldest_extent() {
            Some(oldest) if oldest.synced && oldest.end <= below => {
                if oldest.end == self.end.offset {
                    self.producers.rest();
                }
                self.tail.evict_oldest()
            }
            _ => 0,
        }
    }
}
