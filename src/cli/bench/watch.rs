use std::io::{self, BufRead, IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::bench::groups::GroupObserver;
use crate::bench::{BenchError, Observer, Progress, Step};
use crate::cli::output::{Bytes, Count};

/// Where nobody sees a line change, so often a new one is written.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Shows on stderr how far a run is; in steps it also waits for who measures from outside.
#[derive(Debug)]
pub(super) struct Watch {
    steps: bool,
    terminal: bool,
    last: Option<(Instant, Progress)>,
    shown: Option<Instant>,
}

impl Watch {
    pub(super) fn new(steps: bool) -> Self {
        Self {
            steps,
            terminal: io::stderr().is_terminal(),
            last: None,
            shown: None,
        }
    }

    /// Takes the progress line away.
    pub(super) fn clear(&mut self) {
        if self.terminal && self.shown.take().is_some() {
            eprint!("\r\x1b[K");
        }
    }

    fn show(&mut self, now: Instant, line: &str) {
        if self.terminal {
            eprint!("\r\x1b[K{line}");
        } else if self.shown.is_none_or(|shown| now - shown >= LINE_INTERVAL) {
            eprintln!("{line}");
        } else {
            return;
        }
        self.shown = Some(now);
    }
}

impl Observer for Watch {
    fn on_step(&mut self, step: Step) -> Result<(), BenchError> {
        if !self.steps {
            return Ok(());
        }
        let told = match step {
            Step::Ready => tell("ready").and_then(|()| await_line()),
            Step::Done => tell("done").and_then(|()| await_line()),
            Step::Verified => tell("verified"),
        };
        told.map_err(|source| BenchError::Local {
            doing: "take turns with who measures (--steps)".to_owned(),
            source,
        })
    }

    fn on_begin(&mut self, what: &'static str) {
        self.last = None;
        if self.terminal {
            self.show(Instant::now(), what);
        } else {
            self.shown = None;
        }
    }

    fn on_progress(&mut self, what: &'static str, progress: Progress) {
        let now = Instant::now();
        let (before, since) = match self.last {
            Some((at, last)) => (last, now - at),
            None => (
                Progress::default(),
                Duration::from_micros(progress.elapsed_us),
            ),
        };
        let line = line(what, progress, before, since);
        self.show(now, &line);
        self.last = Some((now, progress));
    }
}

impl GroupObserver for Watch {
    fn on_step(&mut self, step: Step) -> Result<(), BenchError> {
        Observer::on_step(self, step)
    }

    fn on_progress(&mut self, line: &str) {
        self.show(Instant::now(), line);
    }
}

fn tell(word: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{word}")?;
    stdout.flush()
}

fn await_line() -> io::Result<()> {
    let mut line = String::new();
    match io::stdin().lock().read_line(&mut line)? {
        0 => Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "stdin is closed",
        )),
        _ => Ok(()),
    }
}

fn line(what: &str, now: Progress, before: Progress, since: Duration) -> String {
    let per_second = |now: u64, before: u64| (now - before) as f64 / since.as_secs_f64().max(0.001);
    let written = per_second(now.produced_bytes, before.produced_bytes);
    let read = per_second(now.consumed_bytes, before.consumed_bytes);
    format!(
        "{what} {:.0} s: {} records written, {}/s; {}/s read",
        now.elapsed_us as f64 / 1e6,
        Count(now.produced_records),
        Bytes(written),
        Bytes(read)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_the_current_rate() {
        let before = Progress {
            elapsed_us: 1_000_000,
            produced_records: 1000,
            produced_bytes: 1_000_000,
            consumed_bytes: 0,
        };
        let now = Progress {
            elapsed_us: 3_000_000,
            produced_records: 4000,
            produced_bytes: 5_000_000,
            consumed_bytes: 2_000_000,
        };
        assert_eq!(
            line("window", now, before, Duration::from_secs(2)),
            "window 3 s: 4,000 records written, 2.0 MB/s; 1.0 MB/s read"
        );
    }
}
