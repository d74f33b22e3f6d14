//! One reader: a connection that fetches all partitions, one request at a time.

use super::BenchError;
use super::answers::{decode_fetch, refused};
use super::frames::{FetchBounds, FetchFrame, Route, set_correlation_id};
use super::meter::{Meter, Side};
use super::pace::Pace;
use super::phase::{Clock, Phase};
use super::report::{EndToEndSample, Flow};
use super::socket::Socket;
use super::value::Stamp;
use crate::protocol::message::fetch::PartitionData;
use crate::protocol::record::{Batch, Batches};

/// How long a broker holds back an empty answer.
const WAIT_MS_MAX: i32 = 500;
/// How long a reader at the tail waits for records that were acknowledged.
const PATIENCE_US: u64 = 10_000_000;

/// What a reader is for.
#[derive(Clone, Debug)]
pub(super) struct ReaderPlan {
    /// What its bytes count as.
    pub(super) side: Side,
    /// Read from here to `ends` and over again; without, at the tail.
    pub(super) ends: Option<Vec<i64>>,
    /// Where it begins, by partition.
    pub(super) starts: Vec<i64>,
    pub(super) fetch_bytes_max: u32,
    /// 0 for no cap.
    pub(super) mb_per_second: f64,
    /// At the tail: whose latency is measured, if anybody's.
    pub(super) sample: Option<EndToEndSample>,
    /// Bytes of key and value of each record, if they are all alike.
    pub(super) payload_bytes: Option<u64>,
}

impl ReaderPlan {
    /// Under a cap an answer has no more than a tenth of a second's bytes, so that they come evenly.
    fn bytes_max(&self) -> i32 {
        let capped = match self.mb_per_second > 0.0 {
            true => (self.mb_per_second * 1e5) as u32,
            false => u32::MAX,
        };
        self.fetch_bytes_max.min(capped.max(1)) as i32
    }
}

/// Reads as fast as it may.
#[derive(Debug)]
pub(super) struct Reader {
    socket: Socket,
    route: Route,
    plan: ReaderPlan,
    frame: FetchFrame,
    positions: Vec<i64>,
    /// Partitions in the order of the next request: who gave something goes to the end.
    order: Vec<usize>,
    /// How much of the request on its way is sent; `None` if there is none.
    sent: Option<usize>,
    correlation_id: i32,
    pace: Option<Pace>,
    got: ReaderCounts,
    done: bool,
}

/// What one reader got in one phase.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct ReaderCounts {
    pub(super) flow: Flow,
    /// How often it has begun from the start again.
    pub(super) rounds: u64,
    /// At the tail: acknowledged records that did not arrive in time.
    pub(super) missed: u64,
}

impl Reader {
    pub(super) fn new(socket: Socket, route: Route, plan: ReaderPlan) -> Self {
        let bounds = FetchBounds {
            wait_ms_max: WAIT_MS_MAX,
            bytes_max: plan.bytes_max(),
        };
        let partitions = plan.starts.len();
        let bytes_per_second = plan.mb_per_second * 1e6;
        Self {
            socket,
            frame: FetchFrame::new(&route, partitions, bounds),
            route,
            positions: plan.starts.clone(),
            order: (0..partitions).collect(),
            plan,
            sent: None,
            correlation_id: 0,
            pace: (bytes_per_second > 0.0).then(|| Pace::new(bytes_per_second)),
            got: ReaderCounts::default(),
            done: false,
        }
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(super) fn side(&self) -> Side {
        self.plan.side
    }

    pub(super) fn begin(&mut self, phase: &Phase) {
        self.got = ReaderCounts::default();
        self.done = false;
        if let Some(pace) = &mut self.pace {
            pace.begin(phase.start_us);
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Requests that wait for an answer.
    pub(super) fn waiting(&self) -> usize {
        usize::from(self.sent.is_some())
    }

    pub(super) fn got(&self) -> ReaderCounts {
        self.got
    }

    /// Sends the next fetch if it is time.
    pub(super) fn pump(&mut self, clock: &Clock, phase: &Phase) -> Result<(), BenchError> {
        let now_us = clock.now_us();
        if self.done || now_us < phase.start_us {
            return Ok(());
        }
        if self.sent.is_some() {
            return self.send_rest();
        }
        if self.has_all(now_us, phase) {
            self.done = true;
            return Ok(());
        }
        if self.pace.is_some_and(|pace| pace.ready_us() > now_us) {
            return Ok(());
        }
        self.ask()
    }

    /// When [`Reader::pump`] has something to do although nothing arrives.
    pub(super) fn wake_us(&self, now_us: u64, phase: &Phase) -> Option<u64> {
        if self.done || self.sent.is_some() {
            return None;
        }
        let paced_us = self.pace.map_or(now_us, |pace| pace.ready_us());
        Some(paced_us.min(phase.stop_us()).max(phase.start_us))
    }

    /// Takes in what has arrived.
    pub(super) fn on_readable(
        &mut self,
        clock: &Clock,
        phase: &Phase,
        meter: &mut Meter,
    ) -> Result<(), BenchError> {
        while self.socket.receive()? {}
        let now_us = clock.now_us();
        self.take_answer(now_us, phase, meter)
    }

    /// From the start: until the phase stops. At the tail: until all that was produced is here.
    fn has_all(&mut self, now_us: u64, phase: &Phase) -> bool {
        if now_us < phase.stop_us() && self.plan.ends.is_some() {
            return false;
        }
        if self.plan.ends.is_some() {
            return true;
        }
        let Some(produced) = phase.produced_in_all() else {
            return false;
        };
        self.got.missed = produced.saturating_sub(self.got.flow.records);
        let over = phase.is_all_produced() || now_us >= phase.stop_us();
        (self.got.missed == 0 && over) || now_us >= phase.stop_us() + PATIENCE_US
    }

    fn ask(&mut self) -> Result<(), BenchError> {
        for (place, &partition) in self.order.iter().enumerate() {
            self.frame
                .set(place, partition as i32, self.positions[partition]);
        }
        self.correlation_id = self.correlation_id.wrapping_add(1);
        set_correlation_id(&mut self.frame.bytes, self.correlation_id);
        self.sent = Some(0);
        self.send_rest()
    }

    fn send_rest(&mut self) -> Result<(), BenchError> {
        if let Some(sent) = &mut self.sent {
            *sent += self.socket.send(&self.frame.bytes[*sent..])?;
        }
        Ok(())
    }

    fn take_answer(
        &mut self,
        now_us: u64,
        phase: &Phase,
        meter: &mut Meter,
    ) -> Result<(), BenchError> {
        let address = self.socket.address().clone();
        let Some(frame) = self.socket.next_frame()? else {
            return Ok(());
        };
        let answer = decode_fetch(frame, self.route.fetch_version, self.correlation_id);
        let answer = answer.map_err(|why| BenchError::Malformed {
            address,
            api: "Fetch",
            why,
        })?;
        let mut intake = Intake {
            plan: &self.plan,
            positions: &mut self.positions,
            got: &mut self.got,
            flow: Flow {
                requests: 1,
                ..Flow::default()
            },
        };
        refused(-1, answer.error_code)?;
        let mut served = None;
        for data in answer.responses.iter().flat_map(|topic| &topic.partitions) {
            if intake.take(data, now_us, meter)? {
                served = Some(data.partition_index as usize);
            }
        }
        let flow = intake.flow;
        self.on_answered(now_us, flow, served, phase, meter);
        Ok(())
    }

    fn on_answered(
        &mut self,
        now_us: u64,
        flow: Flow,
        served: Option<usize>,
        phase: &Phase,
        meter: &mut Meter,
    ) {
        self.sent = None;
        self.got.flow += flow;
        meter.on_received(now_us, self.plan.side, flow);
        if self.plan.side == Side::Consumed {
            phase.on_consumed(now_us, flow.bytes);
        }
        if let Some(pace) = &mut self.pace {
            pace.on_moved(now_us, flow.bytes);
        }
        if let Some(last) = served.and_then(|p| self.order.iter().position(|o| *o == p)) {
            self.order.rotate_left(last + 1);
        }
    }
}

/// What an answer is taken into.
struct Intake<'a> {
    plan: &'a ReaderPlan,
    positions: &'a mut [i64],
    got: &'a mut ReaderCounts,
    flow: Flow,
}

impl Intake<'_> {
    /// Moves on by the whole batches of one partition; `false` if there is none.
    fn take(
        &mut self,
        data: &PartitionData<'_>,
        now_us: u64,
        meter: &mut Meter,
    ) -> Result<bool, BenchError> {
        refused(data.partition_index, data.error_code)?;
        let partition = data.partition_index;
        let bytes = data.records.and_then(|records| records.bytes());
        let before = self.flow.bytes;
        for batch in Batches::new(bytes.unwrap_or_default()) {
            let Some(position) = self.positions.get_mut(partition as usize) else {
                break;
            };
            if batch.header.base_offset != *position {
                return Err(BenchError::Gap {
                    partition,
                    expected: *position,
                    found: batch.header.base_offset,
                });
            }
            *position = batch.header.next_offset();
            self.count(&batch, now_us, meter);
            if self.is_through(partition as usize) {
                break;
            }
        }
        Ok(self.flow.bytes > before)
    }

    fn count(&mut self, batch: &Batch<'_>, now_us: u64, meter: &mut Meter) {
        let records = batch.header.record_count.max(0) as u64;
        self.flow.records += records;
        self.flow.bytes += batch.bytes.len() as u64;
        self.flow.batches += 1;
        self.flow.payload_bytes += records * self.plan.payload_bytes.unwrap_or(0);
        if let Some(sample) = self.plan.sample {
            measure(batch, sample, now_us, meter);
        }
    }

    /// Begins with the partition's start again when its end is reached.
    fn is_through(&mut self, partition: usize) -> bool {
        let ends = self.plan.ends.as_ref();
        if ends.is_none_or(|ends| self.positions[partition] < ends[partition]) {
            return false;
        }
        self.positions[partition] = self.plan.starts[partition];
        self.got.rounds += 1;
        true
    }
}

/// Records that follow each other with the same due time were due together: one sample.
fn measure(batch: &Batch<'_>, sample: EndToEndSample, now_us: u64, meter: &mut Meter) {
    let records = match sample {
        EndToEndSample::EveryRecord | EndToEndSample::FirstOfBurst => usize::MAX,
        EndToEndSample::FirstOfBatch => 1,
    };
    let values = batch.records().take(records).flatten();
    let mut last = None;
    for due_us in values.filter_map(|record| Stamp::due_us_of(record.value?)) {
        if sample == EndToEndSample::EveryRecord || last != Some(due_us) {
            meter.on_end_to_end(now_us, due_us);
        }
        last = Some(due_us);
    }
}
