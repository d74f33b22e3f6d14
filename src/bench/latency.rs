//! Histograms of latency, and which of their percentiles may be given. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer as _, V2DeflateSerializer};

use super::report::{Latency, Percentile, SecondLatency};

/// What reports give.
pub(super) const PERCENTILES: [f64; 7] = [50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99];
/// A percentile needs so many samples beyond it: with fewer it is a matter of chance.
const BEYOND_MIN: f64 = 100.0;
/// Longer ones count as an hour, microseconds.
const LATENCY_US_MAX: u64 = 3_600_000_000;

/// Counts latencies in microseconds.
#[derive(Clone, Debug)]
pub(super) struct Latencies(Histogram<u64>);

impl Latencies {
    /// To three digits.
    pub(super) fn new() -> Self {
        Self::with_digits(3)
    }

    /// To two digits, for the many histograms of single seconds.
    pub(super) fn coarse() -> Self {
        Self::with_digits(2)
    }

    fn with_digits(digits: u8) -> Self {
        let histogram = Histogram::new_with_bounds(1, LATENCY_US_MAX, digits);
        Self(histogram.expect("the bounds are sound"))
    }

    /// Counts one.
    #[inline]
    pub(super) fn record(&mut self, us: u64) {
        self.0.saturating_record(us.max(1));
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("both have the same bounds");
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A percentile in microseconds, if enough samples lie beyond it.
    pub(super) fn percentile(&self, percentile: f64) -> Option<u64> {
        let beyond = self.0.len() as f64 * (100.0 - percentile) / 100.0;
        (beyond >= BEYOND_MIN - 1e-6).then(|| self.0.value_at_percentile(percentile))
    }

    /// `None` if nothing was counted.
    pub(super) fn report(&self) -> Option<Latency> {
        (!self.is_empty()).then(|| Latency {
            count: self.0.len(),
            min_us: self.0.min(),
            mean_us: self.0.mean(),
            max_us: self.0.max(),
            percentiles: PERCENTILES
                .map(|percentile| self.entry(percentile))
                .to_vec(),
            histogram: self.encoded(),
        })
    }

    pub(super) fn second(&self) -> SecondLatency {
        SecondLatency {
            p50: self.percentile(50.0),
            p99: self.percentile(99.0),
            p999: self.percentile(99.9),
            max: (!self.is_empty()).then(|| self.0.max()),
        }
    }

    fn entry(&self, percentile: f64) -> Percentile {
        Percentile {
            percentile,
            us: self.percentile(percentile),
        }
    }

    fn encoded(&self) -> String {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(&self.0, &mut bytes)
            .expect("a vector takes everything");
        STANDARD.encode(bytes)
    }
}

impl Latency {
    /// The whole histogram, in microseconds; `None` if its text was changed.
    pub fn decode(&self) -> Option<Histogram<u64>> {
        let bytes = STANDARD.decode(&self.histogram).ok()?;
        let mut reader = hdrhistogram::serialization::Deserializer::new();
        reader.deserialize(&mut bytes.as_slice()).ok()
    }
}

/// All percentiles as text in HdrHistogram's own format, values in milliseconds; `None` if the
/// histogram cannot be read.
pub fn percentile_distribution(latency: &Latency) -> Option<String> {
    let histogram = latency.decode()?;
    let mut text = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    for step in histogram.iter_quantiles(5) {
        let quantile = step.quantile_iterated_to();
        let value = step.value_iterated_to() as f64 / 1000.0;
        let count = histogram.count_between(0, step.value_iterated_to());
        text += &format!("{value:>12.3} {quantile:>14.12} {count:>10}");
        text += &match quantile < 1.0 {
            true => format!(" {:>14.2}\n", 1.0 / (1.0 - quantile)),
            false => "\n".to_owned(),
        };
    }
    let (mean, deviation) = (histogram.mean() / 1000.0, histogram.stdev() / 1000.0);
    text += &format!("#[Mean    = {mean:>12.3}, StdDeviation   = {deviation:>12.3}]\n");
    let max = histogram.max() as f64 / 1000.0;
    text += &format!(
        "#[Max     = {max:>12.3}, Total count    = {:>12}]\n",
        histogram.len()
    );
    let buckets = histogram.buckets();
    let sub_buckets = histogram.distinct_values() / usize::from(buckets).max(1);
    Some(text + &format!("#[Buckets = {buckets:>12}, SubBuckets     = {sub_buckets:>12}]\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(count: u64) -> Latencies {
        let mut latencies = Latencies::new();
        (1..=count).for_each(|us| latencies.record(us));
        latencies
    }

    #[test]
    fn a_percentile_needs_a_hundred_samples_beyond_it() {
        assert_eq!(of(199).percentile(50.0), None);
        assert_eq!(of(200).percentile(50.0), Some(100));
        assert_eq!(of(9_999).percentile(99.0), None);
        assert!(of(10_000).percentile(99.0).is_some());
        assert_eq!(of(10_000).percentile(99.9), None);
        assert!(of(100_000).percentile(99.9).is_some());
    }

    #[test]
    fn a_report_holds_the_whole_histogram() {
        let report = of(1000).report().unwrap();
        let histogram = report.decode().unwrap();
        assert_eq!((histogram.len(), report.count), (1000, 1000));
        assert_eq!(report.at(50.0), Some(500));
        assert_eq!(report.at(99.99), None);
        assert_eq!((report.min_us, report.max_us), (1, 1000));
        assert_eq!(Latencies::new().report(), None);
    }
}
