//! How numbers, sizes and records are written for people and scripts.

use std::fmt;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::time::{Duration, Instant};

/// Stdout, buffered unless a person is watching.
pub(super) struct Output {
    writer: BufWriter<StdoutLock<'static>>,
    watched: bool,
}

impl Output {
    /// Takes stdout for the rest of the command.
    pub(super) fn stdout() -> Self {
        let lock = io::stdout().lock();
        Self {
            watched: lock.is_terminal(),
            writer: BufWriter::with_capacity(64 * 1024, lock),
        }
    }

    /// Writes one line.
    pub(super) fn line(&mut self, line: impl fmt::Display) -> io::Result<()> {
        writeln!(self.writer, "{line}")?;
        if self.watched { self.flush() } else { Ok(()) }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// A count with thousands separated: `1,234,567`.
pub(super) struct Count(pub(super) u64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// A number of bytes in decimal units: `512 B`, `1.5 kB`, `12.3 MB`.
pub(super) struct Bytes(pub(super) f64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
        let (mut value, mut unit) = (self.0, 0);
        while value >= 999.95 && unit < UNITS.len() - 1 {
            value /= 1000.0;
            unit += 1;
        }
        let digits = usize::from(unit > 0);
        write!(f, "{value:.digits$} {}", UNITS[unit])
    }
}

/// A word with its count: `1 record`, `3 records`.
pub(super) fn plural(count: u64, word: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {word}{ending}", Count(count))
}

/// Shows on a terminal's stderr how far a transfer is, at most twice a second.
pub(super) struct Progress {
    enabled: bool,
    begun: Instant,
    shown: Option<Sample>,
}

#[derive(Clone, Copy)]
struct Sample {
    at: Instant,
    bytes: u64,
}

impl Progress {
    const INTERVAL: Duration = Duration::from_millis(500);

    /// A display that stays dark unless stderr is a terminal and `wanted`.
    pub(super) fn begin(wanted: bool, now: Instant) -> Self {
        Self {
            enabled: wanted && io::stderr().is_terminal(),
            begun: now,
            shown: None,
        }
    }

    /// Shows the totals if it is time to.
    pub(super) fn update(&mut self, now: Instant, records: u64, bytes: u64) {
        let last = self.shown.map_or(self.begun, |sample| sample.at);
        if self.enabled && now.duration_since(last) >= Self::INTERVAL {
            eprint!("\r\x1b[K{}", self.line(now, records, bytes));
            self.shown = Some(Sample { at: now, bytes });
        }
    }

    /// Takes the progress line away.
    pub(super) fn clear(&mut self) {
        if self.shown.take().is_some() {
            eprint!("\r\x1b[K");
        }
    }

    /// The line that sums up a finished transfer: count, bytes, seconds, rate.
    pub(super) fn summary(&self, now: Instant, records: u64, bytes: u64) -> String {
        let elapsed = now.duration_since(self.begun);
        format!(
            "{} ({}) in {:.1} s, {}/s",
            plural(records, "record"),
            Bytes(bytes as f64),
            elapsed.as_secs_f64(),
            Bytes(rate(bytes, elapsed)),
        )
    }

    fn line(&self, now: Instant, records: u64, bytes: u64) -> String {
        let since = self.shown.unwrap_or(Sample {
            at: self.begun,
            bytes: 0,
        });
        let current = rate(bytes - since.bytes, now.duration_since(since.at));
        format!(
            "{}, now {}/s",
            self.summary(now, records, bytes),
            Bytes(current)
        )
    }
}

fn rate(bytes: u64, elapsed: Duration) -> f64 {
    bytes as f64 / elapsed.as_secs_f64().max(0.001)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_their_thousands() {
        let shown = [0, 999, 1000, 1_234_567].map(|n| Count(n).to_string());
        assert_eq!(shown, ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn sizes_find_their_unit() {
        let shown = [0.0, 999.0, 1500.0, 999_960.0, 12_345_678.0].map(|n| Bytes(n).to_string());
        assert_eq!(shown, ["0 B", "999 B", "1.5 kB", "1.0 MB", "12.3 MB"]);
        assert_eq!(plural(1, "record"), "1 record");
    }

    #[test]
    fn progress_tells_total_and_current_rate() {
        let begun = Instant::now();
        let mut progress = Progress::begin(false, begun);
        let later = begun + Duration::from_secs(2);
        assert_eq!(
            progress.line(later, 1000, 4_000_000),
            "1,000 records (4.0 MB) in 2.0 s, 2.0 MB/s, now 2.0 MB/s"
        );
        progress.shown = Some(Sample {
            at: later,
            bytes: 4_000_000,
        });
        let last = later + Duration::from_secs(2);
        assert_eq!(
            progress.line(last, 2000, 5_000_000),
            "2,000 records (5.0 MB) in 4.0 s, 1.2 MB/s, now 500.0 kB/s"
        );
    }
}
