use std::fmt::Write as _;

use crate::model::{Offset, TopicPartition};

/// A text checkpoint is malformed; the number is that of the first wrong line, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed checkpoint at line {0}")]
pub struct MalformedCheckpoint(pub usize);

/// Kafka's checkpoints of one offset for each partition, at the top of a data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checkpoint {
    /// `recovery-point-offset-checkpoint`: below this offset Kafka trusts the files.
    RecoveryPoint,
    /// `log-start-offset-checkpoint`: only partitions that start above their first segment.
    LogStart,
    /// `replication-offset-checkpoint`: the high watermark.
    HighWatermark,
    /// `cleaner-offset-checkpoint`: up to where a partition is compacted, of those that were.
    Cleaner,
}

impl Checkpoint {
    /// The file's name.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::RecoveryPoint => "recovery-point-offset-checkpoint",
            Self::LogStart => "log-start-offset-checkpoint",
            Self::HighWatermark => "replication-offset-checkpoint",
            Self::Cleaner => "cleaner-offset-checkpoint",
        }
    }
}

/// The text of a checkpoint: version 0, the number of entries, then one line for each.
pub(super) fn encode(entries: &[(TopicPartition, Offset)]) -> String {
    let mut text = format!("0\n{}\n", entries.len());
    for (name, offset) in entries {
        writeln!(text, "{} {} {offset}", name.topic, name.partition).expect("a String takes all");
    }
    text
}

/// The entries of a checkpoint's text, in its order.
pub(super) fn decode(text: &str) -> Result<Vec<(TopicPartition, Offset)>, MalformedCheckpoint> {
    lines_of(text)?
        .map(|(number, line)| entry(line).ok_or(MalformedCheckpoint(number)))
        .collect()
}

/// The entry lines of a text checkpoint with their numbers; version and count are checked.
pub(super) fn lines_of(
    text: &str,
) -> Result<impl Iterator<Item = (usize, &str)>, MalformedCheckpoint> {
    let mut lines = text.lines();
    if lines.next() != Some("0") {
        return Err(MalformedCheckpoint(1));
    }
    let count = lines.next().and_then(|line| line.parse::<usize>().ok());
    let count = count.ok_or(MalformedCheckpoint(2))?;
    let found = lines.clone().count();
    if found != count {
        return Err(MalformedCheckpoint(3 + found.min(count)));
    }
    Ok(lines
        .enumerate()
        .map(|(index, line)| (index.saturating_add(3), line)))
}

/// A line of exactly `N` numbers separated by single spaces.
pub(super) fn numbers<const N: usize>(
    number: usize,
    line: &str,
) -> Result<[i64; N], MalformedCheckpoint> {
    let mut found = [0; N];
    let mut words = line.split(' ');
    for slot in &mut found {
        let word = words.next().and_then(|word| word.parse().ok());
        *slot = word.ok_or(MalformedCheckpoint(number))?;
    }
    match words.next() {
        None => Ok(found),
        Some(_) => Err(MalformedCheckpoint(number)),
    }
}

fn entry(line: &str) -> Option<(TopicPartition, Offset)> {
    let mut words = line.split(' ');
    let topic = words.next()?.into();
    let partition = words.next()?.parse().ok()?;
    let offset = words.next()?.parse().ok()?;
    let name = TopicPartition { topic, partition };
    words.next().is_none().then_some((name, offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(topic: &str, partition: i32) -> TopicPartition {
        TopicPartition {
            topic: topic.into(),
            partition,
        }
    }

    #[test]
    fn the_text_is_kafkas() {
        let entries = [(name("events", 0), 17), (name("a.b-c", 12), 0)];
        let text = encode(&entries);
        assert_eq!(text, "0\n2\nevents 0 17\na.b-c 12 0\n");
        assert_eq!(decode(&text).unwrap(), entries);
    }

    #[test]
    fn malformed_lines_are_named() {
        for (text, line) in [
            ("", 1),
            ("1\n0\n", 1),
            ("0\nx\n", 2),
            ("0\n2\na 0 1\n", 4),
            ("0\n0\na 0 1\n", 3),
            ("0\n1\na 0 1 2\n", 3),
            ("0\n1\na x 1\n", 3),
        ] {
            assert_eq!(decode(text), Err(MalformedCheckpoint(line)), "{text:?}");
        }
    }
}
