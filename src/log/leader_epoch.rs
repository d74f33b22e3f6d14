use super::checkpoint::{MalformedCheckpoint, lines_of, numbers};
use crate::model::{LeaderEpoch, Offset};

/// Which leader epoch wrote from which offset on (KIP-101); epochs and offsets rise strictly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LeaderEpochs {
    entries: Vec<(LeaderEpoch, Offset)>,
}

impl LeaderEpochs {
    /// A batch of `epoch` stands at `offset`; conflicting later entries give way, as in Kafka.
    pub(super) fn assign(&mut self, epoch: LeaderEpoch, offset: Offset) {
        if epoch < 0 || self.latest().is_some_and(|latest| latest == epoch) {
            return;
        }
        while let Some(&(last, start)) = self.entries.last() {
            if last < epoch && start < offset {
                break;
            }
            self.entries.pop();
        }
        self.entries.push((epoch, offset));
    }

    pub(super) fn latest(&self) -> Option<LeaderEpoch> {
        self.entries.last().map(|entry| entry.0)
    }

    /// The epoch that wrote `offset`; `None` before the first entry.
    pub(super) fn epoch_at(&self, offset: Offset) -> Option<LeaderEpoch> {
        let after = self.entries.partition_point(|entry| entry.1 <= offset);
        after.checked_sub(1).map(|at| self.entries[at].0)
    }

    /// The largest epoch at or below `requested` and the offset at which it ends.
    ///
    /// An epoch older than all known ends where the first known begins; (−1, −1) for one that is
    /// newer than all known.
    pub(super) fn end_offset_for(
        &self,
        requested: LeaderEpoch,
        log_end: Offset,
    ) -> (LeaderEpoch, Offset) {
        let higher = self.entries.partition_point(|entry| entry.0 <= requested);
        if requested >= 0 && self.latest() == Some(requested) {
            return (requested, log_end);
        }
        match (self.entries.get(higher), higher.checked_sub(1)) {
            (Some(next), Some(floor)) if requested >= 0 => (self.entries[floor].0, next.1),
            (Some(next), None) if requested >= 0 => (requested, next.1),
            _ => (-1, -1),
        }
    }

    /// Records below `start` are gone: the epoch that wrote it begins there now.
    pub(super) fn truncate_from_start(&mut self, start: Offset) {
        let gone = self.entries.partition_point(|entry| entry.1 <= start);
        if gone > 0 {
            self.entries.drain(..gone - 1);
            self.entries[0].1 = start;
        }
    }

    /// Records at and beyond `end` are gone.
    pub(super) fn truncate_from_end(&mut self, end: Offset) {
        let keep = self.entries.partition_point(|entry| entry.1 < end);
        self.entries.truncate(keep);
    }

    /// The text of Kafka's `leader-epoch-checkpoint`.
    pub(super) fn encode(&self) -> String {
        let mut text = format!("0\n{}\n", self.entries.len());
        for (epoch, offset) in &self.entries {
            text.push_str(&format!("{epoch} {offset}\n"));
        }
        text
    }

    /// Reads the text of a `leader-epoch-checkpoint`.
    pub(super) fn decode(text: &str) -> Result<Self, MalformedCheckpoint> {
        let mut epochs = Self::default();
        for (number, line) in lines_of(text)? {
            let [epoch, offset] = numbers(number, line)?;
            let epoch = LeaderEpoch::try_from(epoch).map_err(|_| MalformedCheckpoint(number))?;
            epochs.assign(epoch, offset);
        }
        Ok(epochs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs() -> LeaderEpochs {
        let mut epochs = LeaderEpochs::default();
        for (epoch, offset) in [(0, 0), (0, 5), (2, 10), (5, 30)] {
            epochs.assign(epoch, offset);
        }
        epochs
    }

    #[test]
    fn end_offsets_are_kafkas() {
        let epochs = epochs();
        assert_eq!(epochs.end_offset_for(5, 40), (5, 40));
        assert_eq!(epochs.end_offset_for(2, 40), (2, 30));
        assert_eq!(epochs.end_offset_for(3, 40), (2, 30));
        assert_eq!(epochs.end_offset_for(1, 40), (0, 10));
        assert_eq!(epochs.end_offset_for(6, 40), (-1, -1));
        assert_eq!(epochs.end_offset_for(-1, 40), (-1, -1));
        let mut later = epochs;
        later.truncate_from_start(12);
        assert_eq!(later.end_offset_for(1, 40), (1, 12));
    }

    #[test]
    fn the_epoch_of_an_offset() {
        let epochs = epochs();
        assert_eq!(epochs.epoch_at(0), Some(0));
        assert_eq!(epochs.epoch_at(29), Some(2));
        assert_eq!(epochs.epoch_at(30), Some(5));
        assert_eq!(LeaderEpochs::default().epoch_at(3), None);
    }

    #[test]
    fn an_epoch_without_records_gives_way() {
        let mut epochs = epochs();
        epochs.assign(6, 30);
        assert_eq!(epochs.entries, [(0, 0), (2, 10), (6, 30)]);
    }

    #[test]
    fn truncation_from_both_ends() {
        let mut epochs = epochs();
        epochs.truncate_from_start(12);
        assert_eq!(epochs.entries, [(2, 12), (5, 30)]);
        epochs.truncate_from_end(30);
        assert_eq!(epochs.entries, [(2, 12)]);
    }

    #[test]
    fn the_checkpoint_is_kafkas_text() {
        let text = epochs().encode();
        assert_eq!(text, "0\n3\n0 0\n2 10\n5 30\n");
        assert_eq!(LeaderEpochs::decode(&text), Ok(epochs()));
        assert_eq!(
            LeaderEpochs::decode("0\n2\n0 0\n"),
            Err(MalformedCheckpoint(4))
        );
        assert!(LeaderEpochs::decode("0\n1\n0 x\n").is_err());
    }
}
