//! Offsets as lines of `topic,partition,offset`, the form that Kafka's own tool has. Pure.

use std::collections::BTreeMap;

use crate::model::{Offset, TopicPartition};

/// The line for one offset.
pub(super) fn line(partition: &TopicPartition, offset: Offset) -> String {
    format!("{},{},{offset}", partition.topic, partition.partition)
}

/// Reads such lines; empty ones and a head line are passed over.
pub(super) fn parse(text: &str) -> Result<BTreeMap<TopicPartition, Offset>, String> {
    let mut offsets = BTreeMap::new();
    let text = text.trim_start_matches('\u{feff}');
    for (number, line) in (1..).zip(text.lines()) {
        let is_head = number == 1 && line.trim().eq_ignore_ascii_case("topic,partition,offset");
        if is_head || line.trim().is_empty() {
            continue;
        }
        let parsed = parse_line(line).map_err(|wrong| format!("line {number}: {wrong}"))?;
        let (partition, offset) = parsed;
        if offsets.insert(partition.clone(), offset).is_some() {
            return Err(format!("line {number}: {partition} is there twice"));
        }
    }
    match offsets.is_empty() {
        true => Err("there are no offsets in it".to_owned()),
        false => Ok(offsets),
    }
}

/// Kafka's tool quotes long topic names; none can hold a comma or a quote.
fn parse_line(line: &str) -> Result<(TopicPartition, Offset), String> {
    let fields = line.split(',').map(|field| field.trim().trim_matches('"'));
    let fields: Vec<&str> = fields.collect();
    let &[topic, partition, offset] = fields.as_slice() else {
        return Err(format!("`{line}` has {} fields, not 3", fields.len()));
    };
    if topic.is_empty() {
        return Err(format!("`{line}` names no topic"));
    }
    let index = partition.parse::<i32>().ok().filter(|index| *index >= 0);
    let index = index.ok_or_else(|| format!("`{partition}` is not a partition number"))?;
    let at = offset.parse::<Offset>().ok().filter(|at| *at >= 0);
    let at = at.ok_or_else(|| format!("`{offset}` is not an offset"))?;
    let partition = TopicPartition {
        topic: topic.into(),
        partition: index,
    };
    Ok((partition, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(topic: &str, partition: i32) -> TopicPartition {
        TopicPartition {
            topic: topic.into(),
            partition,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let text = [line(&of("a", 0), 7), line(&of("b.c-d", 12), 0)].join("\n");
        assert_eq!(text, "a,0,7\nb.c-d,12,0");
        let read = parse(&text).unwrap();
        assert_eq!(read[&of("a", 0)], 7);
        assert_eq!(read[&of("b.c-d", 12)], 0);
    }

    #[test]
    fn other_tools_files_are_read_too() {
        let text = "\u{feff}topic,partition,offset\r\n\"a\",0,7\r\n\r\na, 1, 8\n";
        let read = parse(text).unwrap();
        assert_eq!((read[&of("a", 0)], read[&of("a", 1)]), (7, 8));
    }

    #[test]
    fn what_is_wrong_is_told_by_line() {
        let wrong = |text: &str| parse(text).unwrap_err();
        assert!(wrong("a,0,7\na,1").starts_with("line 2: "));
        assert!(wrong("g,a,0,7").contains("4 fields"));
        assert!(wrong("a,x,7").contains("`x` is not a partition"));
        assert!(wrong("a,0,-7").contains("`-7` is not an offset"));
        assert!(wrong(",0,7").contains("no topic"));
        assert!(wrong("a,0,7\na,0,8").contains("a-0 is there twice"));
        assert!(wrong("\n").contains("no offsets"));
    }
}
