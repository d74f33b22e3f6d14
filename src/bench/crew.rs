//! The load threads as one: what is told to all, what is heard of all.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::BenchError;
use super::phase::{Clock, Phase};
use super::run::Observer;
use super::thread::{self, Command, Member, Outcome, Reply, Sequences};

/// How often who watches is told.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(250);

/// Running load threads.
#[derive(Debug)]
pub(super) struct Crew {
    clock: Clock,
    threads: Vec<LoadThread>,
    outcomes: Receiver<Reply>,
    /// Which thread gets the next connection.
    next: usize,
}

#[derive(Debug)]
struct LoadThread {
    commands: Sender<Command>,
    running: JoinHandle<Sequences>,
}

impl Crew {
    /// Starts them, each pinned to one of `cores` in turn, if there are any.
    pub(super) fn start(threads: usize, cores: &[usize], clock: Clock) -> Result<Self, BenchError> {
        assert!(threads > 0, "somebody has to be the load");
        let (sender, outcomes) = channel();
        let start = |number: usize| {
            let core = cores.get(number % cores.len().max(1)).copied();
            let (commands, receiver) = channel();
            let sender = sender.clone();
            let running = Builder::new()
                .name(format!("load-{number}"))
                .spawn(move || thread::run(core, clock, &receiver, &sender))
                .map_err(BenchError::local("start a load thread"))?;
            Ok(LoadThread { commands, running })
        };
        Ok(Self {
            clock,
            threads: (0..threads).map(start).collect::<Result<_, BenchError>>()?,
            outcomes,
            next: 0,
        })
    }

    /// Spreads connections over the threads.
    pub(super) fn add(&mut self, members: Vec<Member>) -> Result<(), BenchError> {
        for member in members {
            let thread = self.next % self.threads.len();
            self.next += 1;
            self.tell(thread, Command::Add(vec![member]))?;
        }
        Ok(())
    }

    /// Runs a phase on all threads and waits for them.
    pub(super) fn run(
        &mut self,
        phase: &Arc<Phase>,
        what: &'static str,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Outcome>, BenchError> {
        observer.on_begin(what);
        for thread in 0..self.threads.len() {
            self.tell(thread, Command::Run(phase.clone()))?;
        }
        let mut outcomes = Vec::new();
        while outcomes.len() < self.threads.len() {
            match self.outcomes.recv_timeout(PROGRESS_INTERVAL) {
                Ok(Ok(outcome)) => outcomes.push(*outcome),
                Ok(Err(error)) => {
                    phase.abort();
                    return Err(error);
                }
                Err(RecvTimeoutError::Timeout) => {
                    observer.on_progress(what, phase.progress(self.clock.now_us()));
                }
                Err(RecvTimeoutError::Disconnected) => return Err(gone()),
            }
        }
        Ok(outcomes)
    }

    /// Ends the threads; what each producer had acknowledged.
    pub(super) fn finish(&mut self) -> Result<Sequences, BenchError> {
        let mut sequences = Vec::new();
        for thread in self.threads.drain(..) {
            drop(thread.commands);
            sequences.extend(thread.running.join().map_err(|_| gone())?);
        }
        Ok(sequences)
    }

    fn tell(&self, thread: usize, command: Command) -> Result<(), BenchError> {
        let told = self.threads[thread].commands.send(command);
        told.map_err(|_| gone())
    }
}

fn gone() -> BenchError {
    BenchError::Local {
        doing: "command a load thread".to_owned(),
        source: std::io::Error::other("it has ended"),
    }
}
