use std::collections::HashMap;

use super::PLAIN_BYTES_MAX;
use super::offset_map::{Full, OffsetMap};
use crate::model::{Offset, ProducerId, TimestampMs};
use crate::protocol::record::{
    Batch, BatchError, BatchHeader, Codec, CompressionError, Record, Records, decompress,
    empty_batch, retain_records,
};

/// What becomes of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It stays as it is.
    Keep,
    /// It goes.
    Drop,
    /// This takes its place.
    Replace(Vec<u8>),
}

/// A batch whose checksum is right and that nobody can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error(transparent)]
    Batch(#[from] BatchError),
    #[error(transparent)]
    Body(CompressionError),
}

/// Decides, batch after batch in the order of the log, which records stay.
pub(super) struct Filter {
    map: OffsetMap,
    /// The map speaks for all records below this offset.
    end: Offset,
    /// Records below it are not in the map: they were cleaned before.
    first_dirty: Offset,
    /// The end of what can be cleaned: a batch that ends there stays.
    clean_end: Offset,
    /// Where the last batch of each producer ends.
    last_of_producers: HashMap<ProducerId, Offset>,
    now_ms: TimestampMs,
    delete_retention_ms: i64,
    /// Whether something was left as it is that may hide older values: no tombstone goes then.
    hides_values: bool,
}

/// What a [`Filter`] goes by.
pub(super) struct Rules {
    pub(super) first_dirty: Offset,
    pub(super) clean_end: Offset,
    pub(super) last_of_producers: HashMap<ProducerId, Offset>,
    pub(super) now_ms: TimestampMs,
    pub(super) delete_retention_ms: i64,
}

impl Filter {
    pub(super) fn new(map: OffsetMap, rules: Rules) -> Self {
        Self {
            map,
            end: rules.first_dirty,
            first_dirty: rules.first_dirty,
            clean_end: rules.clean_end,
            last_of_producers: rules.last_of_producers,
            now_ms: rules.now_ms,
            delete_retention_ms: rules.delete_retention_ms,
            hides_values: false,
        }
    }

    /// All records below this offset have been noted.
    pub(super) fn end(&self) -> Offset {
        self.end
    }

    /// All records below `end` have been noted: there are none in between.
    pub(super) fn noted_to(&mut self, end: Offset) {
        self.end = self.end.max(end);
    }

    pub(super) fn keys(&self) -> usize {
        self.map.len()
    }

    /// Notes the keys of a dirty batch; false once the map is full: the records before the one that
    /// did not fit have been noted.
    pub(super) fn note(&mut self, batch: &Batch<'_>) -> Result<bool, Unreadable> {
        let header = &batch.header;
        if header.next_offset() <= self.first_dirty {
            return Ok(true);
        }
        if let Some(plain) = plain(batch)? {
            for record in Records::new(*header, plain.bytes(batch)) {
                let record = record?;
                if self.note_record(&record) == Err(Full) {
                    self.noted_to(record.offset);
                    return Ok(false);
                }
            }
        }
        self.noted_to(header.next_offset());
        Ok(true)
    }

    fn note_record(&mut self, record: &Record<'_>) -> Result<(), Full> {
        match record.key {
            Some(key) if record.offset >= self.first_dirty => self.map.put(key, record.offset),
            _ => Ok(()),
        }
    }

    /// What becomes of the next batch of the log.
    pub(super) fn judge(&mut self, batch: &Batch<'_>) -> Result<Verdict, Unreadable> {
        let header = &batch.header;
        if header.base_offset >= self.end {
            return Ok(Verdict::Keep);
        }
        let Some(plain) = plain(batch)? else {
            self.hides_values = true;
            return Ok(Verdict::Keep);
        };
        let plain = plain.bytes(batch);
        let (mut kept, mut tombstones) = (Vec::new(), false);
        for record in Records::new(*header, plain) {
            let record = record?;
            let stays = self.stays(header, &record);
            tombstones |= stays && record.value.is_none();
            kept.push(stays);
        }
        if !kept.contains(&true) {
            return Ok(self.emptied(header));
        }
        let horizon_ms = self.new_horizon_ms(header, tombstones);
        if horizon_ms.is_none() && !kept.contains(&false) {
            return Ok(Verdict::Keep);
        }
        let bytes = retain_records(header, plain, &kept, horizon_ms)?;
        Ok(Verdict::Replace(bytes))
    }

    fn stays(&self, header: &BatchHeader, record: &Record<'_>) -> bool {
        if record.offset >= self.end {
            return true;
        }
        let Some(key) = record.key else {
            return false;
        };
        let is_last = self.map.get(key).is_none_or(|last| record.offset >= last);
        is_last && (record.value.is_some() || !self.is_over(header))
    }

    /// Whether the tombstones of a batch have been there for long enough.
    fn is_over(&self, header: &BatchHeader) -> bool {
        let horizon = header.attributes.has_delete_horizon();
        horizon && self.now_ms >= header.base_timestamp && !self.hides_values
    }

    /// The horizon to give a batch: what is older than its tombstones must be gone by now.
    fn new_horizon_ms(&self, header: &BatchHeader, tombstones: bool) -> Option<TimestampMs> {
        let wanted = tombstones
            && !header.attributes.has_delete_horizon()
            && header.next_offset() <= self.end;
        wanted.then(|| self.now_ms.saturating_add(self.delete_retention_ms))
    }

    fn emptied(&self, header: &BatchHeader) -> Verdict {
        let last = self.last_of_producers.get(&header.producer_id);
        let of_producer = header.has_producer() && last == Some(&header.last_offset());
        if !of_producer && header.next_offset() != self.clean_end {
            return Verdict::Drop;
        }
        match header.record_count {
            0 => Verdict::Keep,
            _ => Verdict::Replace(empty_batch(header)),
        }
    }
}

/// A body without compression.
enum Plain {
    AsItLies,
    Decompressed(Vec<u8>),
}

impl Plain {
    fn bytes<'a>(&'a self, batch: &Batch<'a>) -> &'a [u8] {
        match self {
            Self::AsItLies => batch.body(),
            Self::Decompressed(bytes) => bytes,
        }
    }
}

/// The records of a batch; `None` for one that is left as it is.
fn plain(batch: &Batch<'_>) -> Result<Option<Plain>, Unreadable> {
    let header = &batch.header;
    if header.is_control() || header.is_transactional() {
        return Ok(None);
    }
    match header.codec()? {
        Codec::None => Ok(Some(Plain::AsItLies)),
        codec => match decompress(codec, batch.body(), PLAIN_BYTES_MAX) {
            Ok(bytes) => Ok(Some(Plain::Decompressed(bytes))),
            Err(CompressionError::TooLarge { .. }) => Ok(None),
            Err(error) => Err(Unreadable::Body(error)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::record::{
        Attributes, BatchBuilder, BatchSpec, Batches, RecordParts, control_batch,
    };
    use crate::protocol::record::{ControlRecord, TimestampType};

    type Parts = (&'static str, Option<&'static str>);

    fn batch(base_offset: Offset, spec: BatchSpec, records: &[Parts]) -> Vec<u8> {
        let mut builder = BatchBuilder::new(BatchSpec {
            base_offset,
            ..spec
        });
        for (key, value) in records {
            let parts = RecordParts {
                key: (!key.is_empty()).then_some(key.as_bytes()),
                value: value.map(str::as_bytes),
                headers: &[],
            };
            builder.append(1_000, &parts);
        }
        builder.build()
    }

    fn plain(base_offset: Offset, records: &[Parts]) -> Vec<u8> {
        batch(base_offset, BatchSpec::default(), records)
    }

    fn one(bytes: &[u8]) -> Batch<'_> {
        Batches::new(bytes).next().expect("a batch")
    }

    fn rules(now_ms: TimestampMs) -> Rules {
        Rules {
            first_dirty: 0,
            clean_end: 1_000,
            last_of_producers: HashMap::new(),
            now_ms,
            delete_retention_ms: 500,
        }
    }

    fn filter(rules: Rules, dirty: &[&[u8]]) -> Filter {
        let mut filter = Filter::new(OffsetMap::new(1 << 16, 0.9, 1_000), rules);
        for bytes in dirty {
            assert!(filter.note(&one(bytes)).unwrap());
        }
        filter
    }

    fn keys(verdict: &Verdict) -> Vec<(Offset, String)> {
        let Verdict::Replace(bytes) = verdict else {
            panic!("replaced, not {verdict:?}");
        };
        let records = one(bytes).records().map(Result::unwrap);
        let key = |key: Option<&[u8]>| String::from_utf8(key.unwrap().to_vec()).unwrap();
        records
            .map(|record| (record.offset, key(record.key)))
            .collect()
    }

    #[test]
    fn the_last_of_each_key_stays() {
        let first = plain(0, &[("a", Some("1")), ("b", Some("1")), ("c", Some("1"))]);
        let second = plain(3, &[("a", Some("2")), ("a", Some("3"))]);
        let third = plain(5, &[("b", Some("2"))]);
        let mut filter = filter(rules(0), &[&first, &second, &third]);
        let verdict = filter.judge(&one(&first)).unwrap();
        assert_eq!(keys(&verdict), [(2, "c".to_owned())]);
        let verdict = filter.judge(&one(&second)).unwrap();
        assert_eq!(keys(&verdict), [(4, "a".to_owned())]);
        assert_eq!(filter.judge(&one(&third)), Ok(Verdict::Keep));
    }

    #[test]
    fn what_lies_beyond_a_full_map_stays() {
        let first = plain(0, &[("a", Some("1")), ("b", Some("1"))]);
        let second = plain(2, &[("a", Some("2")), ("b", Some("2"))]);
        let mut filter = Filter::new(OffsetMap::new(1 << 16, 0.9, 0), rules(0));
        assert_eq!(filter.note(&one(&first)), Ok(false));
        assert_eq!(filter.end(), 1);
        assert_eq!(filter.judge(&one(&first)), Ok(Verdict::Keep));
        assert_eq!(filter.judge(&one(&second)), Ok(Verdict::Keep));
    }

    #[test]
    fn a_tombstone_gets_a_horizon_and_goes_after_it() {
        let value = plain(0, &[("a", Some("1"))]);
        let tombstone = plain(1, &[("a", None)]);
        let mut first = filter(rules(10_000), &[&value, &tombstone]);
        assert_eq!(first.judge(&one(&value)), Ok(Verdict::Drop));
        let verdict = first.judge(&one(&tombstone)).unwrap();
        assert_eq!(keys(&verdict), [(1, "a".to_owned())]);
        let Verdict::Replace(marked) = verdict else {
            unreachable!("keys() looked");
        };
        assert_eq!(one(&marked).header.base_timestamp, 10_500);
        for (now_ms, expected) in [(10_499, Verdict::Keep), (10_500, Verdict::Drop)] {
            let later = Rules {
                first_dirty: 2,
                ..rules(now_ms)
            };
            let mut later = filter(later, &[]);
            later.noted_to(2);
            assert_eq!(later.judge(&one(&marked)), Ok(expected), "at {now_ms}");
        }
    }

    #[test]
    fn the_last_batch_of_a_producer_and_of_the_clean_part_stay_empty() {
        let of = |base_sequence| BatchSpec {
            producer_id: 7,
            producer_epoch: 0,
            base_sequence,
            ..BatchSpec::default()
        };
        let first = batch(0, of(0), &[("a", Some("1"))]);
        let second = batch(1, of(1), &[("a", Some("2"))]);
        let last = plain(2, &[("a", Some("3"))]);
        let gone = plain(3, &[("b", Some("1"))]);
        let end = plain(4, &[("b", Some("2")), ("a", None)]);
        let rules = Rules {
            last_of_producers: HashMap::from([(7, 1)]),
            clean_end: 3,
            ..rules(0)
        };
        let mut filter = filter(rules, &[&first, &second, &last, &gone, &end]);
        assert_eq!(filter.judge(&one(&first)), Ok(Verdict::Drop));
        for bytes in [&second, &last] {
            let Ok(Verdict::Replace(empty)) = filter.judge(&one(bytes)) else {
                panic!("an empty batch");
            };
            assert_eq!(one(&empty).header.record_count, 0);
            assert_eq!(filter.judge(&one(&empty)), Ok(Verdict::Keep));
        }
        assert_eq!(filter.judge(&one(&gone)), Ok(Verdict::Drop));
    }

    #[test]
    fn records_without_a_key_go() {
        let some = plain(0, &[("", Some("1")), ("a", Some("1"))]);
        let none = plain(2, &[("", Some("1"))]);
        let mut filter = filter(rules(0), &[&some, &none]);
        assert_eq!(
            keys(&filter.judge(&one(&some)).unwrap()),
            [(1, "a".to_owned())]
        );
        assert_eq!(filter.judge(&one(&none)), Ok(Verdict::Drop));
    }

    #[test]
    fn transactions_stay_and_keep_the_tombstones_behind_them() {
        let spec = BatchSpec {
            producer_id: 9,
            producer_epoch: 0,
            base_sequence: 0,
            transactional: true,
            ..BatchSpec::default()
        };
        let hidden = batch(0, spec, &[("a", Some("1"))]);
        let marker = ControlRecord::Commit {
            coordinator_epoch: 0,
        };
        let marker = control_batch(
            BatchSpec {
                base_offset: 1,
                ..spec
            },
            1_000,
            &marker,
        );
        let mut tombstone = one(&plain(2, &[("a", None)])).header;
        tombstone.attributes = Attributes(0).with_delete_horizon(true);
        tombstone.base_timestamp = 5;
        let before = plain(2, &[("a", None)]);
        let body = one(&before).body();
        let old = retain_records(&one(&before).header, body, &[true], Some(5)).unwrap();
        assert_eq!(one(&old).header.base_timestamp, tombstone.base_timestamp);
        let mut filter = filter(rules(10_000), &[&hidden, &marker, &old]);
        assert_eq!(filter.keys(), 1, "a transaction's keys are nobody's last");
        assert_eq!(filter.judge(&one(&hidden)), Ok(Verdict::Keep));
        assert_eq!(filter.judge(&one(&marker)), Ok(Verdict::Keep));
        assert_eq!(filter.judge(&one(&old)), Ok(Verdict::Keep));
        assert_eq!(
            one(&hidden).header.timestamp_type(),
            TimestampType::CreateTime
        );
    }
}
