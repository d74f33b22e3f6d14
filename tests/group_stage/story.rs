//! The last lines of what happened, each with its time.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Instant;

const LINES_MAX: usize = 100_000;

pub(super) struct Story {
    begun: Instant,
    lines: Mutex<VecDeque<String>>,
}

impl Story {
    pub(super) fn tell(&self, what: &str) {
        let ms = self.begun.elapsed().as_millis();
        let mut lines = self.lines.lock().expect("no panic while holding it");
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(format!("{ms:>8} ms  {what}"));
    }

    pub(super) fn text(&self) -> String {
        let mut lines = self.lines.lock().expect("no panic while holding it");
        lines.make_contiguous().join("\n")
    }
}

impl Default for Story {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            lines: Mutex::default(),
        }
    }
}
