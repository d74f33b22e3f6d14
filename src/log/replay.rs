use std::fs;
use std::io;
use std::os::unix::fs::FileExt as _;

use super::durable_points::{Anchor, DurablePoint, LogPoint};
use super::leader_epoch::LeaderEpochs;
use super::log::Log;
use super::names::SegmentFile;
use super::offset_index::OffsetIndex;
use super::open::OpenLog;
use super::producer_snapshot;
use super::recovery::{self, Recovery};
use super::scan::{Found, Scanner, Stop};
use super::segment::Segment;
use super::time_index::{self, TimeIndex};
use crate::model::{LeaderEpoch, Offset, TimestampMs};
use crate::protocol::record::BatchHeader;

/// Rebuilds a log after a crash: what is known durable is read by its headers from the last anchor
/// on, what is not is verified byte for byte, and the first byte that is no valid batch ends it.
pub(super) struct Replay<'a> {
    log: &'a mut Log,
    point: Option<DurablePoint>,
    recovery: &'a mut Recovery,
    anchor: Anchor,
    end: LogPoint,
    last_epoch: LeaderEpoch,
}

impl<'a> Replay<'a> {
    /// `point` fits the files. Without one everything from the segment of Kafka's recovery point on
    /// is verified.
    pub(super) fn new(
        log: &'a mut Log,
        request: &OpenLog,
        point: Option<DurablePoint>,
        recovery: &'a mut Recovery,
    ) -> Self {
        let anchor = match &point {
            Some(point) => point.anchor,
            None => {
                let base = log.segments[log.segment_at(request.recovery_point)].base_offset;
                Anchor::at_base(base, log.snapshots.contains(&base))
            }
        };
        Self {
            end: LogPoint {
                offset: anchor.offset,
                position: anchor.position,
                last_batch_position: anchor.position,
                ..LogPoint::at_base(anchor.segment_base)
            },
            log,
            point,
            recovery,
            anchor,
            last_epoch: -1,
        }
    }

    /// Reads, cuts, and leaves the log as it was before the crash, all of it on disk.
    pub(super) fn run(mut self) -> io::Result<()> {
        self.load_state()?;
        let first = self.log.segment_at(self.anchor.segment_base);
        let mut last = first;
        while self.segment(last, last == first)? && last + 1 < self.log.segments.len() {
            last += 1;
        }
        self.remove_later(last)?;
        self.remove_untrusted_snapshots()?;
        self.check_durable();
        self.log.epochs_changed = true;
        recovery::settle(self.log, self.end, self.anchor);
        Ok(())
    }

    /// Epochs and producers as they were at the anchor.
    fn load_state(&mut self) -> io::Result<()> {
        let (producers_from, known) = self.load_producers()?;
        let epochs = recovery::read_epochs(&self.log.dir);
        let epochs_from = if epochs.is_ok() { Offset::MAX } else { 0 };
        self.log.epochs = epochs.unwrap_or_else(|_| LeaderEpochs::default());
        self.log.epochs.truncate_from_end(self.anchor.offset);
        let producers_from = if known { Offset::MAX } else { producers_from };
        self.read_before_anchor(producers_from, epochs_from)?;
        self.last_epoch = self.log.epochs.latest().unwrap_or(-1);
        Ok(())
    }

    /// The newest usable snapshot; its offset, and whether it speaks for the anchor already.
    fn load_producers(&mut self) -> io::Result<(Offset, bool)> {
        if self.point.is_some() && !self.anchor.snapshot {
            return Ok((self.anchor.offset, true));
        }
        let usable = self.log.snapshots.iter().rev();
        for offset in usable.filter(|offset| **offset <= self.anchor.offset) {
            let path = SegmentFile::Snapshot.path(&self.log.dir, *offset);
            if let Some(producers) = recovery::read_snapshot(&path)? {
                self.log.producers = producers;
                return Ok((*offset, *offset == self.anchor.offset));
            }
        }
        let first = self.log.segments[0].base_offset;
        Ok((first, first == self.anchor.offset))
    }

    /// Headers below the anchor, for state that no file had.
    fn read_before_anchor(&mut self, producers: Offset, epochs: Offset) -> io::Result<()> {
        let from = producers.min(epochs);
        if from >= self.anchor.offset {
            return Ok(());
        }
        let last = self.log.segment_at(self.anchor.segment_base);
        for at in self.log.segment_at(from)..=last {
            let limit = match at == last {
                true => u64::from(self.anchor.position),
                false => u64::MAX,
            };
            let path = self.log.segments[at].path(&self.log.dir);
            let mut scanner = Scanner::open(&path, 0, limit)?;
            while let Ok(Found { header, .. }) = scanner.next_header() {
                if header.base_offset >= producers {
                    self.log.producers.replay(&header);
                }
                if header.base_offset >= epochs {
                    self.log
                        .epochs
                        .assign(header.leader_epoch, header.base_offset);
                }
            }
            self.recovery.bytes_read += scanner.bytes_read;
        }
        Ok(())
    }

    /// Replays one segment and cuts its file; whether the log goes on in the next one.
    fn segment(&mut self, at: usize, first: bool) -> io::Result<bool> {
        let known = self.log.segments[at].clone();
        let mut segment = match first {
            true => self.anchored(&known)?,
            false => self.begun(&known),
        };
        if !first {
            self.end = LogPoint {
                offset: self.end.offset.max(segment.base_offset),
                ..LogPoint::at_base(segment.base_offset)
            };
        }
        let path = segment.path(&self.log.dir);
        let mut scanner = Scanner::open(&path, u64::from(segment.size), u64::MAX)?;
        let stop = self.batches(&mut scanner, &mut segment)?;
        self.recovery.bytes_read += scanner.bytes_read;
        segment.allocated = u64::from(segment.size).max(1);
        let size = segment.size;
        let next = self.log.segments.get(at + 1).map(|next| next.base_offset);
        let goes_on = next.is_some_and(|next| self.continues(next, self.end.offset));
        if goes_on {
            segment.index_max_timestamp();
        }
        self.log.segments[at] = segment;
        self.cut(&known, size, &stop, !goes_on)?;
        Ok(goes_on)
    }

    /// The anchor's segment as it was at the anchor.
    fn anchored(&self, known: &Segment) -> io::Result<Segment> {
        let (base, anchor) = (known.base_offset, &self.anchor);
        let stored_timestamp = self.last_stored_timestamp(known)?;
        let mut segment = Segment::new(base, known.created_ms);
        segment.size = anchor.position;
        segment.marks = anchor.marks;
        segment.offset_index = OffsetIndex::new(base, anchor.offset_entries);
        segment.time_index = TimeIndex::new(base, anchor.time_entries, stored_timestamp);
        Ok(segment)
    }

    /// A later segment at its beginning.
    fn begun(&self, known: &Segment) -> Segment {
        let mut segment = Segment::new(known.base_offset, known.created_ms);
        if !self.log.producers.is_empty() || !self.log.snapshots.is_empty() {
            segment.base_snapshot = Some(producer_snapshot::encode(&self.log.producers));
        }
        segment
    }

    fn last_stored_timestamp(&self, known: &Segment) -> io::Result<TimestampMs> {
        let Some(last) = self.anchor.time_entries.checked_sub(1) else {
            return Ok(-1);
        };
        let path = SegmentFile::TimeIndex.path(&self.log.dir, known.base_offset);
        let mut entry = [0; time_index::ENTRY_BYTES];
        let position = u64::from(last) * time_index::ENTRY_BYTES as u64;
        fs::File::open(path)?.read_exact_at(&mut entry, position)?;
        Ok(time_index::decode(0, &entry, 0).map_or(-1, |entry| entry.timestamp))
    }

    fn batches(&mut self, scanner: &mut Scanner, segment: &mut Segment) -> io::Result<Stop> {
        loop {
            let durable = self.is_durable(segment.base_offset, scanner.position());
            let found = match durable {
                true => scanner.next_header(),
                false => scanner.next_verified(),
            };
            let found = match found {
                Ok(found) => found,
                Err(Stop::Io(error)) => return Err(error),
                Err(stop) => return Ok(stop),
            };
            if !self.belongs(&found.header) {
                scanner.back_to(&found);
                return Ok(Stop::Limit);
            }
            if !durable {
                self.recovery.batches_verified += 1;
                self.recovery.bytes_verified += found.header.size_bytes() as u64;
            }
            self.accept(segment, &found);
        }
    }

    fn is_durable(&self, base: Offset, position: u64) -> bool {
        self.point.is_some_and(|DurablePoint { end, .. }| {
            base < end.segment_base
                || (base == end.segment_base && position < u64::from(end.position))
        })
    }

    /// Whether a batch can follow what was read so far.
    fn belongs(&self, header: &BatchHeader) -> bool {
        let epoch = header.leader_epoch;
        self.continues(header.base_offset, self.end.offset)
            && header.last_offset_delta >= 0
            && (epoch < 0 || epoch >= self.last_epoch)
    }

    /// Only compaction leaves gaps: anywhere else a gap is where a crash took something. A log may
    /// have been compacted before its policy was changed.
    fn continues(&self, offset: Offset, expected: Offset) -> bool {
        let cleaned = self.log.cleaned_to.is_some_and(|end| expected < end);
        let gaps = self.log.config.compacted || cleaned;
        offset == expected || (gaps && offset > expected)
    }

    fn accept(&mut self, segment: &mut Segment, found: &Found) {
        let (header, size) = (&found.header, found.header.size_bytes() as u32);
        segment.on_batch(header, size, &self.log.config);
        self.log
            .epochs
            .assign(header.leader_epoch, header.base_offset);
        self.last_epoch = self.last_epoch.max(header.leader_epoch);
        self.log.producers.replay(header);
        self.end = LogPoint {
            segment_base: segment.base_offset,
            offset: header.next_offset(),
            position: segment.size,
            last_batch_position: found.position as u32,
            last_batch_crc: header.crc,
        };
    }

    /// Ends a segment's file where its batches end.
    fn cut(&mut self, known: &Segment, size: u32, stop: &Stop, last: bool) -> io::Result<()> {
        if known.size == size {
            return Ok(());
        }
        let foreign = matches!(stop, Stop::Limit);
        if last && (foreign || matches!(stop, Stop::Invalid(_))) {
            self.recovery.bytes_cut += u64::from(known.size - size);
            self.recovery.found = Some(match stop {
                Stop::Invalid(error) => error.to_string(),
                _ => "a batch that does not continue the log".to_owned(),
            });
        }
        let path = known.path(&self.log.dir);
        fs::OpenOptions::new()
            .write(true)
            .open(path)?
            .set_len(u64::from(size))
    }

    /// Removes the segments behind the one where the log ends.
    fn remove_later(&mut self, last: usize) -> io::Result<()> {
        while self.log.segments.len() > last + 1 {
            let gone = self.log.segments.pop_back().expect("longer than last");
            recovery::remove_segment(&self.log.dir, gone.base_offset)?;
            self.recovery.segments_removed += 1;
        }
        Ok(())
    }

    /// Snapshots beyond the anchor may speak of batches that were cut; they are made anew.
    fn remove_untrusted_snapshots(&mut self) -> io::Result<()> {
        let snapshots = &mut self.log.snapshots;
        let trusted = snapshots.partition_point(|offset| *offset <= self.anchor.offset);
        for offset in snapshots.split_off(trusted) {
            fs::remove_file(SegmentFile::Snapshot.path(&self.log.dir, offset))?;
        }
        Ok(())
    }

    /// The disk gave back less than it had promised: nothing to be done but to say so.
    fn check_durable(&self) {
        let promised = self.point.map_or(0, |point| point.end.offset);
        if self.end.offset < promised {
            log::error!(
                "{}: DATA LOST, the log ends at {} but was durable up to {promised}",
                self.log.name,
                self.end.offset
            );
        }
    }
}
