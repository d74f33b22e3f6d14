use super::source::Source;
use crate::log::config::LogConfig;
use crate::log::offset_index;
use crate::log::time_index;
use crate::model::Offset;

/// Which neighbours become one segment: no group is larger than a segment may be, in bytes, in
/// index entries and in offsets.
pub(super) fn groups(sources: &[Source], config: &LogConfig) -> Vec<Vec<Source>> {
    let mut groups: Vec<Vec<Source>> = Vec::new();
    for source in sources {
        match groups.last_mut() {
            Some(group) if fits(group, source, config) => group.push(source.clone()),
            _ => groups.push(vec![source.clone()]),
        }
    }
    groups
}

fn fits(group: &[Source], next: &Source, config: &LogConfig) -> bool {
    let all = || group.iter().chain([next]);
    let bytes: u64 = all().map(|source| u64::from(source.bytes)).sum();
    let index_bytes = |entries: fn(&Source) -> u32, entry_bytes: usize| -> u64 {
        let entries: u64 = all().map(|source| u64::from(entries(source))).sum();
        entries * entry_bytes as u64
    };
    let offsets = index_bytes(|source| source.offset_entries, offset_index::ENTRY_BYTES);
    let times = index_bytes(|source| source.time_entries, time_index::ENTRY_BYTES);
    let index_bytes_max = u64::from(config.segment_index_bytes);
    bytes <= u64::from(config.segment_bytes)
        && offsets <= index_bytes_max
        && times <= index_bytes_max
        && next.end - 1 - group[0].base <= Offset::from(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(base: Offset, end: Offset, bytes: u32) -> Source {
        Source {
            base,
            end,
            bytes,
            offset_entries: bytes / 100,
            time_entries: 1,
            created_ms: 0,
        }
    }

    fn bases(sources: &[Source], config: &LogConfig) -> Vec<Vec<Offset>> {
        let groups = groups(sources, config);
        let bases = groups.iter();
        bases
            .map(|group| group.iter().map(|source| source.base).collect())
            .collect()
    }

    #[test]
    fn neighbours_join_up_to_a_segments_size() {
        let config = LogConfig {
            segment_bytes: 1_000,
            ..LogConfig::default()
        };
        let sources = [
            source(0, 10, 600),
            source(10, 20, 400),
            source(20, 30, 0),
            source(30, 40, 1),
            source(40, 50, 1_000),
        ];
        assert_eq!(
            bases(&sources, &config),
            [vec![0, 10, 20], vec![30], vec![40]]
        );
    }

    #[test]
    fn no_index_and_no_offset_outgrows_its_file() {
        let small_index = LogConfig {
            segment_index_bytes: 24,
            ..LogConfig::default()
        };
        let sources = [source(0, 10, 200), source(10, 20, 100), source(20, 30, 100)];
        assert_eq!(bases(&sources, &small_index), [vec![0, 10], vec![20]]);
        let far = Offset::from(i32::MAX);
        let sources = [
            source(0, 10, 1),
            source(10, far + 1, 1),
            source(far + 1, far + 2, 1),
        ];
        assert_eq!(
            bases(&sources, &LogConfig::default()),
            [vec![0, 10], vec![far + 1]]
        );
    }
}
