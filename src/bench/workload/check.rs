use super::{Acks, ReadFrom, RecordBytes, Workload, WorkloadError};
use crate::bench::VALUE_BYTES_MIN;
use crate::protocol::record::Codec;

/// More would make one record larger than any broker takes.
const RECORD_BYTES_MAX: u32 = 64 << 20;

impl Workload {
    /// Whether it can be run; the first thing that is wrong.
    pub fn check(&self) -> Result<(), WorkloadError> {
        self.check_name()?;
        self.check_amounts()?;
        self.check_records()?;
        self.check_requests()?;
        self.check_loop()?;
        self.check_readers()
    }

    fn check_name(&self) -> Result<(), WorkloadError> {
        let sound = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let named = !self.name.is_empty() && self.name.len() <= 100;
        ensure(
            named && self.name.chars().all(sound),
            "name",
            &self.name,
            "use 1 to 100 letters, digits, `-` and `_`: topic and files are named after it",
        )
    }

    fn check_amounts(&self) -> Result<(), WorkloadError> {
        let window = &self.window;
        let positive = |count: u32, field| ensure(count > 0, field, count, "must be at least 1");
        positive(self.partitions, "partitions")?;
        positive(self.producers.in_flight, "producers.in_flight")?;
        positive(
            self.producers.partitions_per_request,
            "producers.partitions_per_request",
        )?;
        positive(self.producers.batch_records, "producers.batch_records")?;
        positive(self.producers.burst_records, "producers.burst_records")?;
        positive(self.readers.fetch_bytes_max, "readers.fetch_bytes_max")?;
        let long = window.seconds > 0.0 && window.seconds <= 86_400.0;
        ensure(
            long,
            "window.seconds",
            window.seconds,
            "must be above 0 and at most 86400",
        )?;
        let fits = |seconds: f64| (0.0..=86_400.0).contains(&seconds);
        ensure(
            fits(window.warmup_seconds),
            "window.warmup_seconds",
            window.warmup_seconds,
            "must be 0 to 86400",
        )?;
        ensure(
            fits(window.ramp_seconds),
            "window.ramp_seconds",
            window.ramp_seconds,
            "must be 0 to 86400",
        )
    }

    fn check_records(&self) -> Result<(), WorkloadError> {
        let sizes = &self.producers.record_bytes;
        let field = "producers.record_bytes";
        if let RecordBytes::Weighted(list) = sizes {
            let sum: u64 = list.iter().map(|w| u64::from(w.weight)).sum();
            ensure(
                (1..=u64::from(u32::MAX)).contains(&sum),
                field,
                sizes,
                "the weights must add up to at least 1",
            )?;
        }
        ensure(
            sizes.least() as usize >= VALUE_BYTES_MIN,
            field,
            sizes,
            "records must have at least 32 bytes: number, due time and checksum of each stand there",
        )?;
        ensure(
            sizes.least() <= sizes.most(),
            field,
            sizes,
            "the least comes first",
        )?;
        ensure(
            sizes.most() <= RECORD_BYTES_MAX,
            field,
            sizes,
            "records must have at most 64 MiB",
        )
    }

    fn check_requests(&self) -> Result<(), WorkloadError> {
        let producers = &self.producers;
        let spread = producers.partitions_per_request;
        ensure(
            spread <= self.partitions,
            "producers.partitions_per_request",
            spread,
            "must be no more than partitions",
        )?;
        let ordered = !producers.idempotent || producers.in_flight <= 5;
        ensure(
            ordered,
            "producers.in_flight",
            producers.in_flight,
            "idempotent producers have at most 5 requests in flight, as brokers remember 5 batches",
        )?;
        let answered = !producers.idempotent || producers.acks == Acks::All;
        ensure(
            answered,
            "producers.idempotent",
            true,
            "needs acks = \"all\"",
        )
    }

    fn check_loop(&self) -> Result<(), WorkloadError> {
        let producers = &self.producers;
        if producers.rate == 0 {
            let ramp = self.window.ramp_seconds > 0.0 && producers.count > 0;
            let plain = producers.burst_records == 1 && producers.linger_us == 0 && !ramp;
            return ensure(
                plain,
                "producers.rate",
                0,
                "a closed loop knows no burst_records, linger_us or ramp_seconds; give a rate",
            );
        }
        ensure(
            producers.codec == Codec::None,
            "producers.codec",
            producers.codec,
            "batches are compressed before the window, hence in a closed loop only; set rate = 0",
        )?;
        ensure(
            producers.acks != Acks::None,
            "producers.acks",
            0,
            "an open loop needs answers to measure; use 1 or all",
        )?;
        ensure(
            producers.burst_records <= producers.batch_records,
            "producers.burst_records",
            producers.burst_records,
            "a burst is one batch: it must be no more than batch_records",
        )
    }

    fn check_readers(&self) -> Result<(), WorkloadError> {
        let from_start = self.readers.count > 0 && self.readers.from == ReadFrom::Start;
        let needed = from_start || self.lagging.count > 0;
        ensure(
            !needed || self.prefill_mb > 0,
            "prefill_mb",
            self.prefill_mb,
            "readers from the start need something to read",
        )?;
        let caps = [
            ("readers.mb_per_second", self.readers.mb_per_second),
            ("lagging.mb_per_second", self.lagging.mb_per_second),
        ];
        for (field, cap) in caps {
            ensure(
                (0.0..=1e6).contains(&cap),
                field,
                cap,
                "must be 0 (no cap) to 1000000",
            )?;
        }
        Ok(())
    }
}

fn ensure(
    sound: bool,
    field: &'static str,
    value: impl std::fmt::Display,
    why: &str,
) -> Result<(), WorkloadError> {
    match sound {
        true => Ok(()),
        false => Err(WorkloadError::Value {
            field,
            value: value.to_string(),
            why: why.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Workload)) -> &'static str {
        let mut workload = Workload::parse("name = \"x\"\n[producers]\n", "x").unwrap();
        assert_eq!(workload.check(), Ok(()));
        change(&mut workload);
        match workload.check() {
            Err(WorkloadError::Value { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let small = RecordBytes::Fixed(31);
        assert_eq!(
            refused(|w| w.producers.record_bytes = small),
            "producers.record_bytes"
        );
        let reversed = RecordBytes::Range([200, 100]);
        assert_eq!(
            refused(|w| w.producers.record_bytes = reversed),
            "producers.record_bytes"
        );
        let nothing = RecordBytes::Weighted(Vec::new());
        assert_eq!(
            refused(|w| w.producers.record_bytes = nothing),
            "producers.record_bytes"
        );
        assert_eq!(refused(|w| w.partitions = 0), "partitions");
        assert_eq!(refused(|w| w.name = "a b".to_owned()), "name");
        assert_eq!(
            refused(|w| w.producers.partitions_per_request = 2),
            "producers.partitions_per_request"
        );
        assert_eq!(refused(|w| w.lagging.count = 1), "prefill_mb");
        assert_eq!(refused(|w| w.window.seconds = 0.0), "window.seconds");
        assert_eq!(refused(|w| w.producers.linger_us = 1), "producers.rate");
        assert_eq!(refused(|w| w.window.ramp_seconds = 1.0), "producers.rate");
    }

    #[test]
    fn idempotence_has_its_conditions() {
        assert_eq!(
            refused(|w| {
                w.producers.idempotent = true;
                w.producers.in_flight = 6;
            }),
            "producers.in_flight"
        );
        assert_eq!(
            refused(|w| {
                w.producers.idempotent = true;
                w.producers.acks = Acks::Leader;
            }),
            "producers.idempotent"
        );
    }

    #[test]
    fn an_open_loop_is_neither_compressed_nor_unanswered() {
        assert_eq!(
            refused(|w| {
                w.producers.rate = 1;
                w.producers.codec = Codec::Zstd;
            }),
            "producers.codec"
        );
        assert_eq!(
            refused(|w| {
                w.producers.rate = 1;
                w.producers.acks = Acks::None;
            }),
            "producers.acks"
        );
    }
}
