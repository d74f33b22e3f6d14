//! From a workload to the connections of a run.

use std::sync::Arc;

use super::BenchError;
use super::frames::Route;
use super::meter::Side;
use super::open::{Open, OpenSettings};
use super::phase::{Clock, Part};
use super::pool::{PoolPlan, Prepared};
use super::producer::Producer;
use super::reader::{Reader, ReaderPlan};
use super::report::EndToEndSample;
use super::schedule::Schedule;
use super::socket::Socket;
use super::source::{Patched, Pool, Source, Writer};
use super::template::{Identity, Shape, Template};
use super::thread::Member;
use super::topic::BenchTopic;
use super::workload::{ReadFrom, RecordBytes, Workload};
use crate::protocol::record::Codec;

/// Memory for the different batches of a workload whose records vary.
const TEMPLATE_BYTES_MAX: u64 = 16 << 20;
const TEMPLATES_MAX: u64 = 64;
/// Batches of the prefill have about so many bytes; brokers take 1,048,588 by default.
const PREFILL_BATCH_BYTES: u32 = 1_000_000;
/// What key, lengths and numbers of a record take at most beside its value.
const RECORD_OVERHEAD_BYTES: u32 = 40;

/// What all connections of a run are made from.
#[derive(Debug)]
pub(super) struct Setup<'a> {
    pub(super) workload: &'a Workload,
    pub(super) topic: &'a BenchTopic,
    pub(super) clock: Clock,
    pub(super) run: u32,
    /// Where each partition ended before the run.
    pub(super) starts: Vec<i64>,
}

impl Setup<'_> {
    /// Producers of the run by their numbers: those of the workload, then the prefill's.
    pub(super) fn producer_count(&self) -> usize {
        self.workload.producers.count as usize + usize::from(self.workload.prefill_mb > 0)
    }

    /// Who writes what readers from the start read.
    pub(super) fn prefill(&self) -> Result<Member, BenchError> {
        let sizes = &self.workload.producers.record_bytes;
        let records = PREFILL_BATCH_BYTES / (sizes.most() + RECORD_OVERHEAD_BYTES);
        let shape = Shape {
            sizes,
            records: records.max(1),
            keys: self.workload.producers.keys,
            compressible: false,
        };
        let source = Source::Patched(Patched {
            templates: (0..4).map(|_| template(&shape)).collect(),
            batches_per_request: 1,
            next_partition: 0,
            next_template: 0,
        });
        let (socket, route) = self.connect()?;
        let writer = self.writer(self.workload.producers.count, route, -1, None);
        let producer = Producer::new(Part::Prefill, socket, writer, source, 5);
        Ok(Member::Producer(Box::new(producer)))
    }

    /// The producers of the workload; `pools` has one for each if they compress.
    pub(super) fn producers(&self, pools: Vec<Vec<Prepared>>) -> Result<Vec<Member>, BenchError> {
        let settings = &self.workload.producers;
        let templates = match settings.codec {
            Codec::None => self.templates(),
            _ => Arc::from([]),
        };
        let mut pools = pools.into_iter();
        let producer = |number| {
            let pool = pools.next();
            let source = self.source(number, &templates, pool);
            let identity = match settings.idempotent {
                true => Some(self.topic.identity()?),
                false => None,
            };
            let (socket, route) = self.connect()?;
            let writer = self.writer(number, route, settings.acks.number(), identity);
            let producer = Producer::new(Part::Load, socket, writer, source, settings.in_flight);
            Ok(Member::Producer(Box::new(producer)))
        };
        (0..settings.count).map(producer).collect()
    }

    /// Compressed batches for each producer; none if they do not compress.
    pub(super) fn pools(&self, bytes_max: u64) -> Vec<Vec<Prepared>> {
        let settings = &self.workload.producers;
        if settings.codec == Codec::None {
            return Vec::new();
        }
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let plan = |producer| PoolPlan {
            shape: self.shape(true),
            codec: settings.codec,
            partitions: self.workload.partitions,
            run: self.run,
            producer,
            timestamp: self.clock.timestamp(self.clock.now_us()),
            bytes_max: bytes_max / u64::from(settings.count),
            seed: fastrand::u64(..),
        };
        (0..settings.count)
            .map(|producer| plan(producer).prepare(threads))
            .collect()
    }

    /// The readers, those that lag among them; `ends` are behind the prefill.
    pub(super) fn readers(&self, ends: &[i64]) -> Result<Vec<Member>, BenchError> {
        let readers = &self.workload.readers;
        let lagging = &self.workload.lagging;
        let own = (0..readers.count).map(|_| self.reader_plan(ends));
        let laggards = (0..lagging.count).map(|_| ReaderPlan {
            side: Side::Lagging,
            ends: Some(ends.to_vec()),
            starts: self.starts.clone(),
            fetch_bytes_max: readers.fetch_bytes_max,
            mb_per_second: lagging.mb_per_second,
            sample: None,
            payload_bytes: self.payload_bytes(),
        });
        own.chain(laggards)
            .map(|plan| {
                let (socket, route) = self.connect()?;
                Ok(Member::Reader(Box::new(Reader::new(socket, route, plan))))
            })
            .collect()
    }

    /// Connections that do nothing.
    pub(super) fn idle(&self) -> Result<Vec<Member>, BenchError> {
        let idle = |_| self.connect().map(|(socket, _)| Member::Idle(socket));
        (0..self.workload.idle_connections).map(idle).collect()
    }

    /// Whose end-to-end latency is measured: nobody's who would have to decompress first.
    pub(super) fn sample(&self) -> Option<EndToEndSample> {
        let workload = self.workload;
        let tail = workload.readers.count > 0 && workload.readers.from == ReadFrom::Tail;
        let plain = workload.producers.codec == Codec::None;
        let measured = tail && plain && workload.producers.count > 0;
        measured.then_some(match workload.producers.burst_records {
            _ if !workload.is_open_loop() => EndToEndSample::FirstOfBatch,
            1 => EndToEndSample::EveryRecord,
            _ => EndToEndSample::FirstOfBurst,
        })
    }

    fn reader_plan(&self, ends: &[i64]) -> ReaderPlan {
        let readers = &self.workload.readers;
        let from_start = readers.from == ReadFrom::Start;
        ReaderPlan {
            side: Side::Consumed,
            ends: from_start.then(|| ends.to_vec()),
            starts: if from_start { &self.starts } else { ends }.to_vec(),
            fetch_bytes_max: readers.fetch_bytes_max,
            mb_per_second: readers.mb_per_second,
            sample: self.sample(),
            payload_bytes: self.payload_bytes(),
        }
    }

    /// Known beforehand only of records that are all alike.
    fn payload_bytes(&self) -> Option<u64> {
        let producers = &self.workload.producers;
        match producers.record_bytes {
            RecordBytes::Fixed(bytes) if producers.keys == 0 => Some(bytes.into()),
            _ => None,
        }
    }

    fn source(
        &self,
        number: u32,
        templates: &Arc<[Template]>,
        pool: Option<Vec<Prepared>>,
    ) -> Source {
        let workload = self.workload;
        let settings = &workload.producers;
        if let Some(batches) = pool {
            return Source::Pool(Pool {
                batches,
                batches_per_request: settings.partitions_per_request,
                used: 0,
                allowed: 0,
            });
        }
        if workload.is_open_loop() {
            let seed = fastrand::u64(..);
            let open = Open::new(
                templates.clone(),
                self.open_settings(),
                self.schedule(number),
                seed,
            );
            return Source::Open(Box::new(open));
        }
        Source::Patched(Patched {
            templates: templates.clone(),
            batches_per_request: settings.partitions_per_request,
            next_partition: (u64::from(number) * u64::from(workload.partitions)
                / u64::from(settings.count)) as u32,
            next_template: number as usize,
        })
    }

    fn open_settings(&self) -> OpenSettings {
        let producers = &self.workload.producers;
        OpenSettings {
            partitions: self.workload.partitions,
            batch_records: producers.batch_records,
            burst_records: producers.burst_records,
            linger_us: producers.linger_us,
            record_bytes_max: producers.record_bytes.most(),
        }
    }

    fn schedule(&self, producer: u32) -> Schedule {
        let producers = &self.workload.producers;
        Schedule {
            start_us: 0,
            ramp_us: 0,
            bursts_per_second: producers.rate as f64 / f64::from(producers.burst_records),
            producer,
            producers: producers.count,
        }
    }

    fn templates(&self) -> Arc<[Template]> {
        let producers = &self.workload.producers;
        let batch_bytes =
            u64::from(producers.batch_records) * u64::from(producers.record_bytes.most());
        let count = (TEMPLATE_BYTES_MAX / batch_bytes.max(1)).clamp(4, TEMPLATES_MAX);
        let shape = self.shape(false);
        (0..count).map(|_| template(&shape)).collect()
    }

    fn shape(&self, compressible: bool) -> Shape<'_> {
        let producers = &self.workload.producers;
        Shape {
            sizes: &producers.record_bytes,
            records: producers.batch_records,
            keys: producers.keys,
            compressible,
        }
    }

    fn writer(&self, producer: u32, route: Route, acks: i16, identity: Option<Identity>) -> Writer {
        Writer {
            run: self.run,
            producer,
            acks,
            identity,
            route,
            sequences: vec![0; self.topic.partitions() as usize],
        }
    }

    fn connect(&self) -> Result<(Socket, Route), BenchError> {
        let (parts, route) = self.topic.connect()?;
        Ok((Socket::new(parts)?, route))
    }
}

fn template(shape: &Shape<'_>) -> Template {
    Template::new(shape, &mut || fastrand::u32(..))
}
