//! `TOPIC[:PARTITION,…]`, as it is typed and as it is shown.

use crate::model::TopicPartition;

/// A topic, and which of its partitions; none named means all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TopicSpec {
    pub(super) topic: String,
    pub(super) partitions: Vec<i32>,
}

/// Reads `orders` or `orders:0,3`.
pub(super) fn parse(text: &str) -> Result<TopicSpec, String> {
    let (topic, partitions) = match text.split_once(':') {
        None => (text, Vec::new()),
        Some((topic, list)) => (topic, parse_partitions(text, list)?),
    };
    if topic.is_empty() {
        return Err(format!("`{text}` names no topic: try orders or orders:0,3"));
    }
    Ok(TopicSpec {
        topic: topic.to_owned(),
        partitions,
    })
}

/// The partitions in the form that [`parse`] reads, topics separated by `;`.
///
/// They must be in order.
pub(super) fn shown(partitions: &[TopicPartition]) -> String {
    let of_topic = |group: &[TopicPartition]| {
        let indexes: Vec<String> = group.iter().map(|one| one.partition.to_string()).collect();
        format!("{}:{}", group[0].topic, indexes.join(","))
    };
    let topics: Vec<String> = partitions
        .chunk_by(|one, next| one.topic == next.topic)
        .map(of_topic)
        .collect();
    topics.join(";")
}

fn parse_partitions(text: &str, list: &str) -> Result<Vec<i32>, String> {
    let mut partitions = Vec::new();
    for part in list.split(',') {
        match part.trim().parse::<i32>() {
            Ok(partition) if partition >= 0 => partitions.push(partition),
            _ => {
                return Err(format!(
                    "`{part}` in `{text}` is not a partition number: try orders or orders:0,3"
                ));
            }
        }
    }
    Ok(partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_may_name_its_partitions() {
        let all = parse("orders").unwrap();
        assert_eq!((all.topic.as_str(), all.partitions.len()), ("orders", 0));
        let some = parse("orders:0,3, 12").unwrap();
        assert_eq!(some.partitions, [0, 3, 12]);
    }

    #[test]
    fn what_is_no_partition_is_named() {
        assert!(
            parse("orders:0,x")
                .unwrap_err()
                .contains("`x` in `orders:0,x`")
        );
        for wrong in [
            "",
            ":0",
            "orders:",
            "orders:-1",
            "orders:0,,1",
            "orders:0:1",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn partitions_are_shown_by_topic() {
        let of = |topic: &str, partition| TopicPartition {
            topic: topic.into(),
            partition,
        };
        let partitions = [of("a", 0), of("a", 2), of("b", 7)];
        assert_eq!(shown(&partitions), "a:0,2;b:7");
        assert_eq!(shown(&[]), "");
    }
}
