use crate::model::{Offset, PartitionId, PartitionMap};

/// No round is larger, and none is larger than a quarter of its file.
pub(super) const ROUND_BYTES_MAX: u64 = 1 << 20;

/// Which of the two files takes the next round, and when a file may be begun again.
#[derive(Debug)]
pub(super) struct Space {
    file_bytes: u64,
    files: [Filling; 2],
    /// Of the newest filling.
    generation: u64,
}

/// One file's present filling.
#[derive(Debug, Default)]
struct Filling {
    phase: Phase,
    generation: u64,
    /// Where the next round goes.
    position: u64,
    /// The next round's number.
    number: u64,
    /// For each partition with entries in it, the offset after the last of them.
    needed: PartitionMap<Offset>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Free,
    Filling,
    /// Takes no more rounds and waits for the segments.
    Draining,
}

/// Where a round goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: usize,
    pub(super) position: u64,
    pub(super) generation: u64,
    pub(super) number: u64,
}

impl Space {
    /// Two free files; fillings have generations beyond `generation`.
    pub(super) fn new(file_bytes: u64, generation: u64) -> Self {
        Self {
            file_bytes,
            files: Default::default(),
            generation,
        }
    }

    /// The most bytes of a round.
    pub(super) fn round_bytes_max(&self) -> usize {
        ROUND_BYTES_MAX.min(self.file_bytes / 4) as usize
    }

    /// Sees to it that a file has room for a round; false if none is free.
    pub(super) fn make_room(&mut self) -> bool {
        let (file_bytes, round_max) = (self.file_bytes, self.round_bytes_max() as u64);
        if let Some(filling) = self.filling_mut() {
            if file_bytes - filling.position >= round_max {
                return true;
            }
            filling.phase = Phase::Draining;
        }
        self.begin_free_file()
    }

    /// Whether the next round opens a filling. It has no entries and is synced by itself, so that
    /// no later crash can leave it half: what is left of an older filling behind it is never read.
    pub(super) fn opens(&self) -> bool {
        self.filling().is_some_and(|at| self.files[at].number == 0)
    }

    /// Takes the place of a round of `bytes`, for which there is room.
    pub(super) fn take(&mut self, bytes: usize) -> Place {
        let (file_bytes, file) = (self.file_bytes, self.filling().expect("room was made"));
        let filling = &mut self.files[file];
        let place = Place {
            file,
            position: filling.position,
            generation: filling.generation,
            number: filling.number,
        };
        filling.position += bytes as u64;
        filling.number += 1;
        assert!(filling.position <= file_bytes, "a round fits");
        place
    }

    /// The newest round has an entry of `partition` that ends at `end`.
    pub(super) fn need(&mut self, partition: PartitionId, end: Offset) {
        let filling = self.filling_mut().expect("a round was placed");
        filling.needed.insert(partition, end);
    }

    /// Ends every filling: no more rounds, all is to be drained.
    pub(super) fn drain_all(&mut self) {
        if let Some(filling) = self.filling_mut() {
            filling.phase = Phase::Draining;
        }
    }

    /// Partitions for which a file that is drained still waits.
    pub(super) fn awaited(&self) -> impl Iterator<Item = PartitionId> {
        let draining = self.files.iter().filter(|f| f.phase == Phase::Draining);
        draining.flat_map(|file| file.needed.keys().copied())
    }

    /// Forgets, of files that are drained, entries that `synced` tells to be in their segments and
    /// those of partitions it does not know any more; a file without any is free.
    pub(super) fn release(&mut self, synced: impl Fn(PartitionId) -> Option<Offset>) {
        let draining = self.files.iter_mut();
        for file in draining.filter(|file| file.phase == Phase::Draining) {
            let waits =
                |id: &PartitionId, end: &mut Offset| synced(*id).is_some_and(|at| at < *end);
            file.needed.retain(waits);
            if file.needed.is_empty() {
                file.phase = Phase::Free;
            }
        }
    }

    /// Whether any file waits to be drained.
    pub(super) fn is_draining(&self) -> bool {
        self.files.iter().any(|file| file.phase == Phase::Draining)
    }

    /// Whether some partition's records may be nowhere else.
    pub(super) fn is_needed(&self) -> bool {
        self.files.iter().any(|file| !file.needed.is_empty())
    }

    fn filling(&self) -> Option<usize> {
        self.files
            .iter()
            .position(|file| file.phase == Phase::Filling)
    }

    fn filling_mut(&mut self) -> Option<&mut Filling> {
        self.filling().map(|at| &mut self.files[at])
    }

    fn begin_free_file(&mut self) -> bool {
        let free = self.files.iter_mut().find(|file| file.phase == Phase::Free);
        let Some(file) = free else {
            return false;
        };
        self.generation += 1;
        *file = Filling {
            phase: Phase::Filling,
            generation: self.generation,
            ..Filling::default()
        };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Uuid;

    const FILE_BYTES: u64 = 64 << 10;
    const ROUND: usize = 16 << 10;

    fn id(index: i32) -> PartitionId {
        PartitionId {
            topic_id: Uuid::ZERO,
            index,
        }
    }

    /// Rounds of one entry each until no file has room; their places.
    fn fill(space: &mut Space, index: i32, end: Offset) -> Vec<Place> {
        let mut places = Vec::new();
        while space.make_room() {
            places.push(space.take(ROUND));
            space.need(id(index), end);
        }
        places
    }

    #[test]
    fn one_file_after_the_other_then_none() {
        let mut space = Space::new(FILE_BYTES, 10);
        let places = fill(&mut space, 1, 100);
        assert_eq!(places.len(), 8);
        let at = |place: &Place| (place.generation, place.number, place.position);
        assert_eq!(at(&places[3]), (11, 3, 3 * ROUND as u64));
        assert_eq!(at(&places[4]), (12, 0, 0));
        assert_ne!(places[3].file, places[4].file);
        assert!(!space.make_room());
    }

    #[test]
    fn a_file_is_begun_again_once_all_in_it_is_synced() {
        let mut space = Space::new(FILE_BYTES, 0);
        assert!(space.make_room());
        space.take(ROUND);
        space.need(id(1), 100);
        space.need(id(2), 50);
        fill(&mut space, 2, 500);
        space.release(|id| Some(if id.index == 1 { 60 } else { 499 }));
        assert!(!space.make_room(), "both files wait");
        space.release(|id| Some(if id.index == 1 { 60 } else { 500 }));
        assert_eq!(space.awaited().collect::<Vec<_>>(), [id(1)]);
        assert!(space.make_room(), "the second file is free");
        fill(&mut space, 2, 600);
        space.release(|id| Some(if id.index == 1 { 100 } else { 500 }));
        assert!(space.make_room() && space.opens());
        let place = space.take(ROUND);
        assert!(!space.opens());
        assert_eq!((place.generation, place.number, place.position), (4, 0, 0));
        assert!(space.is_needed(), "by what the second file has");
    }

    #[test]
    fn a_partition_that_is_gone_needs_nothing() {
        let mut space = Space::new(FILE_BYTES, 0);
        fill(&mut space, 1, 100);
        space.release(|_| None);
        assert!(!space.is_draining() && space.make_room());
    }

    #[test]
    fn a_file_that_is_being_filled_is_not_free() {
        let mut space = Space::new(FILE_BYTES, 0);
        assert!(space.make_room());
        space.take(ROUND);
        space.need(id(1), 100);
        space.release(|_| Some(100));
        assert!(space.make_room());
        assert_eq!(space.take(ROUND).number, 1);
        space.drain_all();
        assert!(space.is_draining());
    }
}
