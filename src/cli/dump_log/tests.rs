use std::fs;

use super::*;
use crate::protocol::record::{BatchSpec, RecordParts, build_batch};

fn batch(base_offset: Offset) -> Vec<u8> {
    let spec = BatchSpec {
        base_offset,
        compression: Codec::Lz4.into(),
        ..BatchSpec::default()
    };
    let record = RecordParts {
        key: Some(b"k"),
        value: Some(b"\xff"),
        headers: &[],
    };
    build_batch(spec, 1000 + base_offset, [record, record])
}

/// A segment of two batches with `tail` behind them, and its indexes.
fn segment(tail: &[u8], index: &[[i32; 2]], times: &[(i64, i32)]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("00000000000000000000.log");
    fs::write(&log, [batch(0), batch(2), tail.to_vec()].concat()).unwrap();
    let index: Vec<u8> = index
        .as_flattened()
        .iter()
        .flat_map(|n| n.to_be_bytes())
        .collect();
    fs::write(log.with_extension("index"), index).unwrap();
    let mut bytes = Vec::new();
    for (timestamp, offset) in times {
        bytes.extend_from_slice(&timestamp.to_be_bytes());
        bytes.extend_from_slice(&offset.to_be_bytes());
    }
    fs::write(log.with_extension("timeindex"), bytes).unwrap();
    (dir, log)
}

fn second() -> i32 {
    batch(0).len() as i32
}

fn damages(log: &Path) -> u64 {
    let mut dump = Dump {
        output: Output::stdout(),
        show_batches: false,
        show_records: false,
        damages: 0,
    };
    dump.segment(log).unwrap();
    dump.damages
}

fn tail_of(log: &Path) -> Tail {
    let mut file = BatchFile::open(log).unwrap();
    while file.next_batch().unwrap().is_some() {}
    file.tail().unwrap()
}

use super::batches::Tail;

#[test]
fn a_sound_segment_has_no_damage() {
    let unused = [3, second()];
    let (_dir, log) = segment(&[], &[unused, [0, 0]], &[(1002, 3), (0, 0)]);
    assert_eq!(damages(&log), 0);
    assert_eq!(tail_of(&log), Tail::Nothing);
}

#[test]
fn padding_is_told_but_no_damage() {
    let (_dir, log) = segment(&[0; 100], &[], &[]);
    assert_eq!((tail_of(&log), damages(&log)), (Tail::Zeros(100), 0));
    let mut marked = vec![0; 90];
    marked[8] = 0x40;
    marked[16] = 2;
    let (_dir, log) = segment(&marked, &[], &[]);
    assert_eq!((tail_of(&log), damages(&log)), (Tail::Sentinel(90), 0));
}

#[test]
fn a_batch_cut_off_and_garbage_are_damage() {
    let (_dir, log) = segment(&batch(4)[..70], &[], &[]);
    assert_eq!((tail_of(&log), damages(&log)), (Tail::CutOff(70), 1));
    let (_dir, log) = segment(&[7; 80], &[], &[]);
    assert!(matches!(
        tail_of(&log),
        Tail::CutOff(80) | Tail::Garbage(80, _)
    ));
    assert_eq!(damages(&log), 1);
}

#[test]
fn a_flipped_bit_is_found() {
    let (_dir, log) = segment(&[], &[], &[]);
    let mut bytes = fs::read(&log).unwrap();
    bytes[65] ^= 1;
    fs::write(&log, bytes).unwrap();
    assert_eq!(damages(&log), 1);
}

#[test]
fn wrong_index_entries_are_found() {
    let wrong_offset = [2, second()];
    let no_batch_there = [3, second() + 1];
    let behind_the_end = [9, 5000];
    let entries = [wrong_offset, no_batch_there, behind_the_end];
    let (_dir, log) = segment(&[], &entries, &[]);
    assert_eq!(damages(&log), 3);
    let (_dir, log) = segment(&[], &[], &[(999, 1), (1002, 8)]);
    assert_eq!(damages(&log), 2);
}

#[test]
fn paths_are_directories_or_log_files() {
    let (dir, log) = segment(&[], &[], &[]);
    assert_eq!(segments(dir.path()).unwrap(), std::slice::from_ref(&log));
    assert!(segments(&log.with_extension("index")).is_err());
    assert!(segments(&dir.path().join("missing")).is_err());
}
