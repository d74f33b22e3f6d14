//! Processor time of the broker's process, as the kernel's scheduler counts it.

use std::fs;
use std::time::Duration;

use super::BenchError;

/// What all threads of a process have used so far; a thread that ends takes its time with it.
pub(super) fn used_by(pid: u32) -> Result<Duration, BenchError> {
    let directory = format!("/proc/{pid}/task");
    let tasks = fs::read_dir(&directory);
    let doing = || format!("read the processor time of process {pid} in {directory}");
    let tasks = tasks.map_err(BenchError::local(doing()))?;
    let times = tasks.flatten().filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        nanoseconds(&text)
    });
    Ok(Duration::from_nanos(times.sum()))
}

/// The first number: time on a processor.
fn nanoseconds(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_counts() {
        assert_eq!(nanoseconds("1520 77 3\n"), Some(1520));
        assert_eq!(nanoseconds(""), None);
    }

    #[test]
    fn our_own_process_has_used_some_and_no_process_none() {
        assert!(used_by(std::process::id()).unwrap() > Duration::ZERO);
        let error = used_by(u32::MAX).unwrap_err().to_string();
        assert!(error.contains("4294967295"), "{error}");
    }
}
