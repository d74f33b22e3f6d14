//! What somebody may have meant who wrote a name that does not exist.

/// The known name nearest to `wrong`, if it is near enough to be meant.
pub(super) fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = normalised(wrong);
    let limit = (wrong.len() / 4).clamp(1, 4);
    known
        .map(|name| (distance(&wrong, &normalised(name), limit), name))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, name)| name)
}

/// Case and the kind of separator are not what people get wrong on purpose.
fn normalised(name: &str) -> Vec<u8> {
    let lower = |byte: u8| match byte {
        b'_' | b'-' => b'.',
        other => other.to_ascii_lowercase(),
    };
    name.bytes().map(lower).collect()
}

/// The number of insertions, deletions, replacements and swaps of neighbours between the two;
/// anything above `limit` is just "more".
fn distance(a: &[u8], b: &[u8], limit: usize) -> usize {
    if a.len().abs_diff(b.len()) > limit {
        return limit + 1;
    }
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let changed = last[j] + usize::from(x != y);
            let mut best = changed.min(row[j] + 1).min(last[j + 1] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_are_recognised_and_strangers_are_not() {
        let known = ["num.partitions", "log.dirs", "log.dir", "log.segment.bytes"];
        let cases = [
            ("num.partition", Some("num.partitions")),
            ("num_partitions", Some("num.partitions")),
            ("log.segement.bytes", Some("log.segment.bytes")),
            ("log.sgement.bytes", Some("log.segment.bytes")),
            ("LOG.DIRS", Some("log.dirs")),
            ("something.else.entirely", None),
        ];
        for (wrong, meant) in cases {
            assert_eq!(nearest(wrong, known.iter().copied()), meant, "{wrong}");
        }
    }
}
