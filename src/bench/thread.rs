//! One load thread: an event loop over the sockets of its producers and readers.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use super::BenchError;
use super::meter::{Meter, Side};
use super::phase::{Clock, Phase};
use super::producer::{KeptUp, Producer};
use super::reader::{Reader, ReaderCounts};
use super::report::LoadThread;
use super::socket::Socket;
use crate::sys::thread::{processor_time, set_precise_timers};

/// Events taken at a time.
const EVENTS_MAX: usize = 256;
/// A broker that does not answer for so long has failed.
const STALL_US: u64 = 60_000_000;
/// The longest sleep.
const SLEEP_US_MAX: u64 = 50_000;

/// A connection and what it is for.
#[derive(Debug)]
pub(super) enum Member {
    Producer(Box<Producer>),
    Reader(Box<Reader>),
    /// Open, and nothing else.
    Idle(Socket),
}

/// What a thread is told.
#[derive(Debug)]
pub(super) enum Command {
    Add(Vec<Member>),
    Run(Arc<Phase>),
}

/// What a thread has done in a phase.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) meter: Meter,
    pub(super) load: LoadThread,
    pub(super) kept_up: KeptUp,
    pub(super) readers: Vec<(Side, ReaderCounts)>,
}

/// What is heard of a thread after a phase, or when it fails.
pub(super) type Reply = Result<Box<Outcome>, BenchError>;

/// Acknowledged records by partition, of each producer by its number.
pub(super) type Sequences = Vec<(u32, Vec<u64>)>;

/// Runs phases until nobody commands any more; then tells what was acknowledged.
pub(super) fn run(
    core: Option<usize>,
    clock: Clock,
    commands: &Receiver<Command>,
    outcomes: &Sender<Reply>,
) -> Sequences {
    set_precise_timers();
    let pinned =
        core.filter(|id| core_affinity::set_for_current(core_affinity::CoreId { id: *id }));
    let mut team = Team {
        core: pinned,
        clock,
        epoll: None,
        members: Vec::new(),
    };
    for command in commands {
        let done = match command {
            Command::Add(members) => team.add(members).map(|()| None),
            Command::Run(phase) => team.run(&phase).map(Some),
        };
        if let Some(reply) = done.map(|outcome| outcome.map(Box::new)).transpose() {
            // Who commands has gone only if the whole run has failed.
            let _ = outcomes.send(reply);
        }
    }
    team.into_sequences()
}

struct Team {
    core: Option<usize>,
    clock: Clock,
    epoll: Option<OwnedFd>,
    members: Vec<Member>,
}

impl Team {
    fn add(&mut self, members: Vec<Member>) -> Result<(), BenchError> {
        let failed = |errno: rustix::io::Errno| BenchError::local("watch a socket")(errno.into());
        let epoll = match self.epoll.take() {
            Some(epoll) => epoll,
            None => epoll::create(epoll::CreateFlags::CLOEXEC).map_err(failed)?,
        };
        for member in members {
            let data = epoll::EventData::new_u64(self.members.len() as u64);
            let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET;
            epoll::add(&epoll, member.socket().stream(), data, flags).map_err(failed)?;
            self.members.push(member);
        }
        self.epoll = Some(epoll);
        Ok(())
    }

    fn run(&mut self, phase: &Phase) -> Result<Outcome, BenchError> {
        let mut meter = Meter::new(phase.start_us);
        let mut busy = Busy::begin(&self.clock);
        let mut events = Vec::with_capacity(EVENTS_MAX);
        self.members
            .iter_mut()
            .for_each(|member| member.begin(phase));
        loop {
            self.pump(phase, &mut meter)?;
            let now_us = self.clock.now_us();
            busy.end_at(phase.stop_us(), now_us);
            if now_us >= phase.stop_us() && self.is_done(phase) {
                break;
            }
            self.check_stall(now_us, &meter)?;
            self.wait(&mut events, self.sleep(now_us, phase))?;
            for event in events.drain(..) {
                let member = &mut self.members[event.data.u64() as usize];
                let flags = event.flags;
                if flags.intersects(!epoll::EventFlags::OUT) {
                    member.on_readable(&self.clock, phase, &mut meter)?;
                }
            }
            // A pool that is used up ends the phase before its time.
            if self.ends_early(phase) {
                break;
            }
        }
        Ok(self.outcome(phase, meter, busy))
    }

    fn pump(&mut self, phase: &Phase, meter: &mut Meter) -> Result<(), BenchError> {
        let taking_part = self.members.iter_mut().filter(|m| m.takes_part(phase));
        for member in taking_part {
            match member {
                Member::Producer(producer) => producer.pump(&self.clock, phase, meter)?,
                Member::Reader(reader) => reader.pump(&self.clock, phase)?,
                Member::Idle(_) => {}
            }
        }
        Ok(())
    }

    fn wait(&self, events: &mut Vec<epoll::Event>, sleep: Duration) -> Result<(), BenchError> {
        let Some(epoll) = &self.epoll else {
            std::thread::sleep(sleep);
            return Ok(());
        };
        let timeout = Timespec {
            tv_sec: sleep.as_secs() as i64,
            tv_nsec: sleep.subsec_nanos().into(),
        };
        match epoll::wait(epoll, spare_capacity(events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(errno) => Err(BenchError::local("wait for sockets")(errno.into())),
        }
    }

    fn sleep(&self, now_us: u64, phase: &Phase) -> Duration {
        let taking_part = self.members.iter().filter(|m| m.takes_part(phase));
        let wakes = taking_part.filter_map(|member| member.wake_us(now_us, phase));
        let wake_us = wakes.min().unwrap_or(u64::MAX);
        Duration::from_micros(wake_us.saturating_sub(now_us).min(SLEEP_US_MAX))
    }

    fn is_done(&self, phase: &Phase) -> bool {
        let mut taking_part = self.members.iter().filter(|m| m.takes_part(phase));
        taking_part.all(Member::is_done)
    }

    fn ends_early(&self, phase: &Phase) -> bool {
        phase.is_all_produced() && self.is_done(phase)
    }

    fn check_stall(&self, now_us: u64, meter: &Meter) -> Result<(), BenchError> {
        let silent_us = now_us.saturating_sub(meter.heard_us);
        let waiting: usize = self.members.iter().map(Member::waiting).sum();
        if waiting == 0 || silent_us < STALL_US {
            return Ok(());
        }
        Err(BenchError::Stalled {
            seconds: silent_us / 1_000_000,
            waiting,
        })
    }

    fn outcome(&self, phase: &Phase, meter: Meter, busy: Busy) -> Outcome {
        let mut kept_up = KeptUp::default();
        let mut readers = Vec::new();
        for member in self.members.iter().filter(|m| m.takes_part(phase)) {
            match member {
                Member::Producer(producer) => {
                    kept_up.scheduled += producer.kept_up().scheduled;
                    kept_up.backlog += producer.kept_up().backlog;
                }
                Member::Reader(reader) => readers.push((reader.side(), reader.got())),
                Member::Idle(_) => {}
            }
        }
        Outcome {
            meter,
            load: LoadThread {
                core: self.core,
                busy: busy.share(&self.clock),
            },
            kept_up,
            readers,
        }
    }

    fn into_sequences(self) -> Sequences {
        let producers = self.members.into_iter().filter_map(|member| match member {
            Member::Producer(producer) => Some(producer.into_sequences()),
            _ => None,
        });
        producers.collect()
    }
}

impl Member {
    fn socket(&self) -> &Socket {
        match self {
            Self::Producer(producer) => producer.socket(),
            Self::Reader(reader) => reader.socket(),
            Self::Idle(socket) => socket,
        }
    }

    fn takes_part(&self, phase: &Phase) -> bool {
        match self {
            Self::Producer(producer) => producer.part == phase.part,
            Self::Reader(_) | Self::Idle(_) => phase.part == super::phase::Part::Load,
        }
    }

    fn begin(&mut self, phase: &Phase) {
        match self {
            Self::Producer(producer) if producer.part == phase.part => producer.begin(phase),
            Self::Reader(reader) => reader.begin(phase),
            Self::Producer(_) | Self::Idle(_) => {}
        }
    }

    fn is_done(&self) -> bool {
        match self {
            Self::Producer(producer) => producer.is_done(),
            Self::Reader(reader) => reader.is_done(),
            Self::Idle(_) => true,
        }
    }

    fn wake_us(&self, now_us: u64, phase: &Phase) -> Option<u64> {
        match self {
            Self::Producer(producer) => producer.wake_us(now_us, phase),
            Self::Reader(reader) => reader.wake_us(now_us, phase),
            Self::Idle(_) => None,
        }
    }

    /// Requests that wait for an answer.
    fn waiting(&self) -> usize {
        match self {
            Self::Producer(producer) => producer.waiting(),
            Self::Reader(reader) => reader.waiting(),
            Self::Idle(_) => 0,
        }
    }

    fn on_readable(
        &mut self,
        clock: &Clock,
        phase: &Phase,
        meter: &mut Meter,
    ) -> Result<(), BenchError> {
        match self {
            Self::Producer(producer) => producer.on_readable(clock, phase, meter),
            Self::Reader(reader) => reader.on_readable(clock, phase, meter),
            Self::Idle(socket) => socket.receive().map(drop),
        }
    }
}

/// Processor time of this thread against wall time, until the phase stops.
struct Busy {
    begun_us: u64,
    processor: Duration,
    ended: Option<(u64, Duration)>,
}

impl Busy {
    fn begin(clock: &Clock) -> Self {
        Self {
            begun_us: clock.now_us(),
            processor: processor_time(),
            ended: None,
        }
    }

    fn end_at(&mut self, stop_us: u64, now_us: u64) {
        if self.ended.is_none() && now_us >= stop_us {
            self.ended = Some((now_us, processor_time()));
        }
    }

    fn share(self, clock: &Clock) -> f64 {
        let now = || (clock.now_us(), processor_time());
        let (until_us, processor) = self.ended.unwrap_or_else(now);
        let wall_us = until_us.saturating_sub(self.begun_us).max(1);
        (processor - self.processor).as_micros() as f64 / wall_us as f64
    }
}
