use std::fs;
use std::io;
use std::path::Path;

use crate::log::directory;
use crate::log::names::{CLEANED_SUFFIX, SWAP_SUFFIX, SegmentFile};
use crate::log::scan::Scanner;
use crate::model::Offset;

/// A file of a cleaning that was cut off.
struct Leftover {
    name: String,
    kind: SegmentFile,
    base: Offset,
}

/// Completes or takes back what a crash left of exchanges, by Kafka's rules: what is `.cleaned` was
/// not complete, and no `.swap` at or beyond it counts; the other `.swap` files take their place.
pub(in crate::log) fn finish_exchanges(dir: &Path) -> io::Result<()> {
    let cleaned = leftovers(dir, CLEANED_SUFFIX)?;
    let swaps = leftovers(dir, SWAP_SUFFIX)?;
    if swaps.is_empty() && cleaned.is_empty() {
        return Ok(());
    }
    let first_cleaned = cleaned.iter().map(|file| file.base).min();
    let (void, swaps): (Vec<_>, Vec<_>) = swaps
        .into_iter()
        .partition(|file| first_cleaned.is_some_and(|first| file.base >= first));
    for file in void.iter().chain(&cleaned) {
        fs::remove_file(dir.join(&file.name))?;
    }
    for swap in swaps.iter().filter(|file| file.kind == SegmentFile::Log) {
        log::info!(
            "{}: its compaction is completed",
            dir.join(&swap.name).display()
        );
        remove_replaced(dir, swap)?;
    }
    directory::sync_dir(dir)?;
    let (logs, indexes): (Vec<_>, Vec<_>) =
        swaps.iter().partition(|file| file.kind == SegmentFile::Log);
    for file in logs.into_iter().chain(indexes) {
        fs::rename(dir.join(&file.name), file.kind.path(dir, file.base))?;
    }
    directory::sync_dir(dir)
}

fn leftovers(dir: &Path, suffix: &str) -> io::Result<Vec<Leftover>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let segment_file = name.strip_suffix(suffix).and_then(SegmentFile::parse);
        if let Some((kind, base)) = segment_file {
            found.push(Leftover { name, kind, base });
        }
    }
    Ok(found)
}

/// Removes the old segments from the new one's base up to its end.
fn remove_replaced(dir: &Path, swap: &Leftover) -> io::Result<()> {
    let end = end_of(&dir.join(&swap.name), swap.base)?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let old = SegmentFile::parse(&entry.file_name().to_string_lossy());
        let replaced = old.is_some_and(|(kind, base)| {
            kind != SegmentFile::Snapshot && (swap.base..end).contains(&base)
        });
        if replaced {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The offset after the last batch; nothing lies beyond the base of an empty segment.
fn end_of(path: &Path, base: Offset) -> io::Result<Offset> {
    let mut scanner = Scanner::open(path, 0, u64::MAX)?;
    let mut end = base;
    while let Ok(found) = scanner.next_header() {
        end = found.header.next_offset();
    }
    Ok(end)
}
