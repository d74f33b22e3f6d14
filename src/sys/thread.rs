//! Threads: names the kernel gives them, the kick out of a system call, their time.

use std::io;
use std::time::Duration;

/// The kernel's number of a thread, for [`kick`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadId(libc::pid_t);

/// Ignored by default everywhere, so a stray one does no harm.
const KICK_SIGNAL: libc::c_int = libc::SIGURG;

impl ThreadId {
    /// The calling thread's.
    pub fn current() -> Self {
        // SAFETY: a call without arguments or failure.
        Self(unsafe { libc::gettid() })
    }
}

/// Makes [`kick`] interrupt system calls: a handler that does nothing, without `SA_RESTART`.
///
/// # Errors
/// Those of `sigaction(2)`.
pub fn install_kick_handler() -> io::Result<()> {
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: a structure of integers, for which zero is a value: no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as usize;
    // SAFETY: the handler is a function that does nothing, hence safe at any moment.
    let result = unsafe { libc::sigaction(KICK_SIGNAL, &action, std::ptr::null_mut()) };
    super::answer(result as isize).map(drop)
}

/// Interrupts whatever system call the thread is in; harmless when it is in none or gone.
pub fn kick(thread: ThreadId) {
    // SAFETY: a signal with a handler that does nothing, to a thread of this process only.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread.0, KICK_SIGNAL) };
}

/// Lets this thread's timers fire when they are due, not up to 50 µs later.
pub fn set_precise_timers() {
    // SAFETY: a setting of the calling thread; if it fails, timers are less precise.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1) };
}

/// Processor time the calling thread has used.
pub fn processor_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is ours; the clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Raises the soft limit of open descriptors to the hard one and says what it is now.
///
/// # Errors
/// Those of `getrlimit(2)` and `setrlimit(2)`.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let mut limit = limit_of(libc::RLIMIT_NOFILE)?;
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: a structure that is ours.
    super::answer(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) } as isize)?;
    Ok(limit.rlim_cur)
}

/// The hard limit of open descriptors.
///
/// # Errors
/// Those of `getrlimit(2)`.
pub fn descriptor_limit_max() -> io::Result<u64> {
    limit_of(libc::RLIMIT_NOFILE).map(|limit| limit.rlim_max)
}

/// Bytes this process may lock in memory; `None` is no limit.
///
/// # Errors
/// Those of `getrlimit(2)`.
pub fn locked_memory_limit() -> io::Result<Option<u64>> {
    let limit = limit_of(libc::RLIMIT_MEMLOCK)?.rlim_cur;
    Ok((limit != libc::RLIM_INFINITY).then_some(limit))
}

fn limit_of(resource: libc::__rlimit_resource_t) -> io::Result<libc::rlimit> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: a structure that is ours.
    super::answer(unsafe { libc::getrlimit(resource, &mut limit) } as isize)?;
    Ok(limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_kick_interrupts_a_system_call() {
        install_kick_handler().expect("installed");
        let (sender, receiver) = mpsc::channel();
        let sleeper = std::thread::spawn(move || {
            sender.send(ThreadId::current()).expect("heard");
            // SAFETY: no memory involved.
            let slept = unsafe { libc::poll(std::ptr::null_mut(), 0, 60_000) };
            (slept, io::Error::last_os_error().kind())
        });
        let thread = receiver.recv().expect("said");
        while !sleeper.is_finished() {
            kick(thread);
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(
            sleeper.join().expect("no panic"),
            (-1, io::ErrorKind::Interrupted)
        );
    }
}
