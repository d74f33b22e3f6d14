//! Ctrl-C: what was started is ended, and what it wrote is removed on the way out.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::Outcome;

static STOPPED: AtomicBool = AtomicBool::new(false);
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// Who talks to a broker that is gone gives up only after minutes: it is not waited for so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// From now on a signal ends every child; whoever waits for it gets an error and cleans up, or
/// `clean_up` does.
pub(crate) fn listen(clean_up: impl FnOnce() + Send + 'static) -> Outcome<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    thread::spawn(move || {
        signals.forever().next();
        STOPPED.store(true, Ordering::SeqCst);
        running().iter().for_each(|child| kill(*child));
        thread::sleep(PATIENCE);
        clean_up();
        std::process::exit(1);
    });
    Ok(())
}

/// An error once a signal has come.
pub(crate) fn check() -> Outcome<()> {
    match STOPPED.load(Ordering::SeqCst) {
        true => Err("stopped; the same command goes on where it was".into()),
        false => Ok(()),
    }
}

/// Starts a child that the terminal's signals do not reach, but ours.
pub(crate) fn spawn(command: &mut Command) -> Outcome<(Child, Running)> {
    let mut child = command.process_group(0).spawn()?;
    let running = Running::of(&child);
    if let Err(stopped) = check() {
        let _ = child.kill();
        let _ = child.wait();
        return Err(stopped);
    }
    Ok((child, running))
}

/// Runs a child to its end.
pub(crate) fn output(command: &mut Command) -> Outcome<Output> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let (child, running) = spawn(command)?;
    let output = child.wait_with_output()?;
    drop(running);
    check()?;
    Ok(output)
}

/// A child that is ended by a signal; forget it when it has been waited for.
#[derive(Debug)]
pub(crate) struct Running(u32);

impl Running {
    fn of(child: &Child) -> Self {
        running().insert(child.id());
        Self(child.id())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        running().remove(&self.0);
    }
}

fn running() -> MutexGuard<'static, BTreeSet<u32>> {
    RUNNING.lock().expect("no holder panics")
}

/// Its whole process group: a script may have children of its own.
fn kill(child: u32) {
    let group = format!("-{child}");
    let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
}
