//! One producer: a connection, its requests on their way, and their answers.

use std::collections::VecDeque;

use super::BenchError;
use super::meter::Meter;
use super::phase::{Clock, Part, Phase};
use super::slot::Slot;
use super::socket::Socket;
use super::source::{Moment, Source, Writer};
use crate::protocol::api_key::ApiKey;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::frame;
use crate::protocol::message::Message;
use crate::protocol::message::produce::ProduceResponse;

/// Sends what its source gives, as long as a slot is free.
#[derive(Debug)]
pub(super) struct Producer {
    pub(super) part: Part,
    socket: Socket,
    writer: Writer,
    source: Source,
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// Filled, not wholly sent.
    sending: VecDeque<usize>,
    /// Sent, not answered.
    awaiting: VecDeque<usize>,
    correlation_id: i32,
    state: PhaseState,
}

#[derive(Clone, Copy, Debug, Default)]
struct PhaseState {
    answered_records: u64,
    /// Records due and not answered when the phase stopped; known from then on.
    backlog_records: Option<u64>,
    scheduled_records: u64,
    done: bool,
}

/// How an open loop kept up in one phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct KeptUp {
    /// Records that were due.
    pub(super) scheduled: u64,
    /// Of them, not answered when the last was due.
    pub(super) backlog: u64,
}

/// An open loop that lags by more than so much of its rate is not waited for.
const BACKLOG_SECONDS_MAX: f64 = 1.0;
/// Nor one that after the last record was due takes longer than this, or than this share of the
/// phase: its rate was not sustained anyway.
const DRAIN_US_MAX: u64 = 2_000_000;
const DRAIN_SHARE_MAX: f64 = 0.02;

impl Producer {
    pub(super) fn new(
        part: Part,
        socket: Socket,
        writer: Writer,
        source: Source,
        in_flight: u32,
    ) -> Self {
        Self {
            part,
            socket,
            writer,
            source,
            slots: (0..in_flight).map(|_| Slot::default()).collect(),
            free: (0..in_flight as usize).rev().collect(),
            sending: VecDeque::new(),
            awaiting: VecDeque::new(),
            correlation_id: 0,
            state: PhaseState::default(),
        }
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(super) fn begin(&mut self, phase: &Phase) {
        self.state = PhaseState::default();
        match &mut self.source {
            Source::Open(open) => open.begin(phase.start_us, phase.ramp_us),
            Source::Pool(pool) => pool.allow(phase.prepared_share),
            Source::Patched(_) => {}
        }
    }

    /// Its number and how many records it has had acknowledged in each partition.
    pub(super) fn into_sequences(self) -> (u32, Vec<u64>) {
        (self.writer.producer, self.writer.sequences)
    }

    pub(super) fn is_done(&self) -> bool {
        self.state.done
    }

    /// Requests that wait for an answer.
    pub(super) fn waiting(&self) -> usize {
        self.awaiting.len() + self.sending.len()
    }

    pub(super) fn kept_up(&self) -> KeptUp {
        KeptUp {
            scheduled: self.state.scheduled_records,
            backlog: self.state.backlog_records.unwrap_or(0),
        }
    }

    /// Sends what may be sent now.
    pub(super) fn pump(
        &mut self,
        clock: &Clock,
        phase: &Phase,
        meter: &mut Meter,
    ) -> Result<(), BenchError> {
        let now_us = clock.now_us();
        if self.state.done || now_us < phase.start_us {
            return Ok(());
        }
        self.judge_at_stop(now_us, phase);
        self.send_filled(now_us, phase, meter)?;
        // Without answers slots come free at once: others get their turn after so many.
        for _ in 0..self.slots.len() {
            if !self.sending.is_empty() || !self.fill_one(clock, phase) {
                break;
            }
            self.send_filled(clock.now_us(), phase, meter)?;
        }
        self.finish_if_done(now_us, phase);
        Ok(())
    }

    /// When [`Producer::pump`] has something to do although nothing arrives; `None` if never.
    pub(super) fn wake_us(&self, now_us: u64, phase: &Phase) -> Option<u64> {
        if self.state.done {
            return None;
        }
        let ready_us = match self.free.is_empty() || !self.sending.is_empty() {
            true => None,
            false => self.source.ready_us(now_us, phase.stop_us()),
        };
        let stop_us = Some(phase.stop_us()).filter(|stop_us| now_us < *stop_us);
        let wake_us = ready_us.into_iter().chain(stop_us).min();
        wake_us.map(|us| us.max(phase.start_us))
    }

    /// Takes in what has arrived.
    pub(super) fn on_readable(
        &mut self,
        clock: &Clock,
        phase: &Phase,
        meter: &mut Meter,
    ) -> Result<(), BenchError> {
        loop {
            let more = self.socket.receive()?;
            let now_us = clock.now_us();
            while self.take_answer(now_us, phase, meter)? {}
            if !more {
                return Ok(());
            }
        }
    }

    fn fill_one(&mut self, clock: &Clock, phase: &Phase) -> bool {
        let Some(&index) = self.free.last() else {
            return false;
        };
        let now_us = clock.now_us();
        let at = Moment {
            now_us,
            timestamp: clock.timestamp(now_us),
            stop_us: phase.stop_us(),
        };
        let slot = &mut self.slots[index];
        if !self.source.fill(slot, &mut self.writer, at) {
            return false;
        }
        slot.correlation_id = self.correlation_id;
        super::frames::set_correlation_id(&mut slot.frame, slot.correlation_id);
        self.correlation_id = self.correlation_id.wrapping_add(1);
        self.free.pop();
        self.sending.push_back(index);
        true
    }

    fn send_filled(
        &mut self,
        now_us: u64,
        phase: &Phase,
        meter: &mut Meter,
    ) -> Result<(), BenchError> {
        while let Some(&index) = self.sending.front() {
            let slot = &mut self.slots[index];
            slot.sent += self.socket.send(&slot.frame[slot.sent..])?;
            if slot.sent < slot.frame.len() {
                return Ok(());
            }
            self.sending.pop_front();
            match self.writer.acks {
                0 => self.on_acknowledged(index, now_us, phase, meter),
                _ => self.awaiting.push_back(index),
            }
        }
        Ok(())
    }

    fn take_answer(
        &mut self,
        now_us: u64,
        phase: &Phase,
        meter: &mut Meter,
    ) -> Result<bool, BenchError> {
        let version = self.writer.route.produce_version;
        let Some(frame) = self.socket.next_frame()? else {
            return Ok(false);
        };
        let judged = self.awaiting.front().ok_or("nothing was asked".to_owned());
        let judged = judged.and_then(|&index| {
            let slot = &self.slots[index];
            judge(frame, version, slot).map(|refused| (index, refused))
        });
        let (index, refused) = judged.map_err(|why| self.socket.malformed("Produce", why))?;
        if let Some((partition, code)) = refused {
            return Err(BenchError::Refused {
                doing: "write to",
                partition,
                code,
            });
        }
        self.awaiting.pop_front();
        self.on_acknowledged(index, now_us, phase, meter);
        Ok(true)
    }

    fn on_acknowledged(&mut self, index: usize, now_us: u64, phase: &Phase, meter: &mut Meter) {
        let slot = &self.slots[index];
        meter.on_produced(now_us, slot.flow);
        phase.on_produced(now_us, slot.flow.records, slot.flow.bytes);
        self.state.answered_records += slot.flow.records;
        if self.writer.acks != 0 {
            for &due_us in &slot.dues {
                meter.on_produce_latency(now_us, due_us);
            }
        }
        self.free.push(index);
    }

    /// When the last record has become due, an open loop says how far behind the broker is.
    fn judge_at_stop(&mut self, now_us: u64, phase: &Phase) {
        let stop_us = phase.stop_us();
        let Source::Open(open) = &mut self.source else {
            return;
        };
        if now_us < stop_us {
            return;
        }
        if now_us > stop_us + drain_us_max(phase) {
            open.give_up();
        }
        if self.state.backlog_records.is_some() {
            return;
        }
        let scheduled = open.records_due_before(stop_us);
        let backlog = scheduled.saturating_sub(self.state.answered_records);
        self.state.scheduled_records = scheduled;
        self.state.backlog_records = Some(backlog);
        if backlog as f64 > open.records_per_second() * BACKLOG_SECONDS_MAX {
            open.give_up();
        }
    }

    fn finish_if_done(&mut self, now_us: u64, phase: &Phase) {
        let exhausted = self.source.is_exhausted(now_us, phase.stop_us());
        let judged =
            !matches!(self.source, Source::Open(_)) || self.state.backlog_records.is_some();
        if exhausted && judged && self.waiting() == 0 {
            self.state.done = true;
            phase.on_producer_done();
        }
    }
}

fn drain_us_max(phase: &Phase) -> u64 {
    let length_us = phase.stop_us().saturating_sub(phase.start_us);
    DRAIN_US_MAX.max((length_us as f64 * DRAIN_SHARE_MAX) as u64)
}

/// Whether this is the whole answer to the slot's request; if so, what was refused first.
fn judge(frame: &[u8], version: i16, slot: &Slot) -> Result<Option<(i32, ErrorCode)>, String> {
    let read = frame::response(frame, ApiKey::Produce, version);
    let (correlation_id, mut body) = read.map_err(|error| error.to_string())?;
    if correlation_id != slot.correlation_id {
        let expected = slot.correlation_id;
        return Err(format!(
            "its correlation id is {correlation_id}, {expected} was expected"
        ));
    }
    let response = ProduceResponse::decode(&mut body, version).map_err(|e| e.to_string())?;
    body.expect_end().map_err(|error| error.to_string())?;
    let partitions = response
        .responses
        .iter()
        .flat_map(|topic| &topic.partition_responses);
    let mut answered = 0;
    for partition in partitions {
        answered += 1;
        if partition.error_code != 0 {
            let code = ErrorCode::from_code(partition.error_code);
            return Ok(Some((partition.index, code)));
        }
    }
    match answered == slot.flow.batches {
        true => Ok(None),
        false => Err(format!(
            "{answered} partitions answered, {} were sent",
            slot.flow.batches
        )),
    }
}
