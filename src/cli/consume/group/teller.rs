//! What a member tells while partitions come and go: people on stderr, the reading loop by a note.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use crate::client::{GroupConsumer, RebalanceListener};
use crate::model::TopicPartition;

/// What the listener leaves for the reading loop.
#[derive(Default)]
pub(super) struct News(Mutex<Changes>);

#[derive(Default)]
struct Changes {
    gone: Vec<TopicPartition>,
    new: Vec<TopicPartition>,
    any: bool,
}

impl News {
    fn add(&self, gone: &[TopicPartition], new: &[TopicPartition]) {
        let mut changes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        changes.new.retain(|one| !gone.contains(one));
        changes.gone.extend_from_slice(gone);
        changes.new.extend_from_slice(new);
        changes.any = true;
    }

    /// What is gone and what is new since the last time.
    pub(super) fn take(&self) -> (Vec<TopicPartition>, Vec<TopicPartition>) {
        let mut changes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = std::mem::take(&mut changes.gone);
        (gone, std::mem::take(&mut changes.new))
    }

    /// Whether anything was ever assigned.
    pub(super) fn has_come(&self) -> bool {
        let changes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        changes.any
    }
}

/// Tells on stderr what comes and goes.
pub(super) struct Teller {
    pub(super) group: String,
    pub(super) quiet: bool,
    pub(super) news: Arc<News>,
}

impl Teller {
    fn tell(&self, what: &str, partitions: &str) {
        if !self.quiet {
            eprintln!("klamm: group {}: {what} {partitions}", self.group);
        }
    }
}

impl RebalanceListener for Teller {
    fn on_assigned(&mut self, consumer: &mut GroupConsumer, partitions: &[TopicPartition]) {
        let held: Vec<_> = consumer.assignment().cloned().collect();
        let epoch = consumer.identity().map_or(-1, |member| member.epoch);
        let now = format!("and reads {} in generation {epoch}", listed(&held));
        self.tell(&format!("assigned {},", listed(partitions)), &now);
        self.news.add(&[], partitions);
    }

    fn on_revoked(&mut self, _: &mut GroupConsumer, partitions: &[TopicPartition]) {
        self.tell("gave back", &listed(partitions));
        self.news.add(partitions, &[]);
    }

    fn on_lost(&mut self, _: &mut GroupConsumer, partitions: &[TopicPartition]) {
        self.tell("lost", &listed(partitions));
        self.news.add(partitions, &[]);
    }
}

/// `orders 0-3,7; audit 0`, from partitions in any order.
fn listed(partitions: &[TopicPartition]) -> String {
    let mut sorted: Vec<_> = partitions.iter().collect();
    sorted.sort();
    let mut text = String::new();
    let mut rest = sorted.as_slice();
    let mut topic: Option<&str> = None;
    while let Some(first) = rest.first() {
        let next = |pair: &[&TopicPartition]| {
            pair[0].topic == pair[1].topic && pair[0].partition + 1 == pair[1].partition
        };
        let run = 1 + rest.windows(2).take_while(|pair| next(pair)).count();
        text.push_str(match topic {
            Some(last) if last == &*first.topic => ",",
            Some(_) => "; ",
            None => "",
        });
        if topic != Some(&*first.topic) {
            text.push_str(&first.topic);
            text.push(' ');
        }
        let last = rest[run - 1].partition;
        // Writing to a string cannot fail.
        let _ = match run {
            1 => write!(text, "{last}"),
            _ => write!(text, "{}-{last}", first.partition),
        };
        topic = Some(&first.topic);
        rest = &rest[run..];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_listed_by_topic_and_stretch() {
        let of = |topic: &str, partition| TopicPartition {
            topic: topic.into(),
            partition,
        };
        let all = [of("b", 0), of("a", 1), of("a", 0), of("a", 2), of("a", 5)];
        assert_eq!(listed(&all), "a 0-2,5; b 0");
        assert_eq!(listed(&[]), "");
    }
}
