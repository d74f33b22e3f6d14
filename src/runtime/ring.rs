//! The side ring of a core: our own io_uring beside glommio's, for everything on disk; it also
//! polls the set of sockets, so that a core can sleep in it.
//!
//! The one file of this room with `unsafe`. An operation owns its buffers, paths and descriptor
//! from the moment it is started until the kernel has answered; dropping the future abandons the
//! answer, not the work. Operations started in one turn reach the kernel by one system call, which
//! `drive` makes after the tasks that are runnable now. Completions also raise an eventfd that
//! glommio's reactor reads, for when the core sleeps there.

#![allow(unsafe_code)]

use super::drive::Rounds;
use super::op::{Buffer, Kind, Read, Step, Work, Write};
use super::stats::Counters;
use io_uring::{IoUring, Probe, opcode, squeue, types};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fs::File;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Entries of the submission queue: what one system call can carry.
const SUBMISSION_ENTRIES: u32 = 256;
const COMPLETION_ENTRIES: u32 = 1024;
/// Operations the kernel has at once; more wait here. With the poll of the sockets as many as the
/// completion queue has entries, so that it cannot overflow.
const IN_FLIGHT_MAX: u32 = COMPLETION_ENTRIES - 1;
/// So many started operations are submitted without waiting for the end of the turn.
const EAGER_SUBMIT: usize = 64;
/// The most parts of one write (`IOV_MAX`).
const VECTORS_MAX: usize = 1024;
/// The user data of the poll of the sockets: no operation's key.
const SET_POLL: u64 = u64::MAX;
const DIRECTORY_MODE: u32 = 0o755;
const FILE_MODE: u32 = 0o644;

/// Handle of a core's side ring.
#[derive(Clone)]
pub(super) struct Ring {
    state: Rc<State>,
}

struct State {
    uring: RefCell<IoUring>,
    ops: RefCell<Ops>,
    /// The core's rounds, which submit what was started.
    rounds: Rc<Rounds>,
    /// The answers of [`Ring::poll_once`].
    poll: Cell<SetPoll>,
    counters: Rc<Counters>,
}

/// The set of sockets, as the ring polls it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum SetPoll {
    #[default]
    Idle,
    Armed,
    Ready,
}

#[derive(Default)]
struct Ops {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Started, but the kernel has as many as it may.
    backlog: VecDeque<u32>,
    in_flight: u32,
}

enum Slot {
    Free,
    Running {
        work: Work,
        waker: Option<Waker>,
        abandoned: bool,
    },
    Done {
        work: Work,
        result: io::Result<u64>,
    },
}

impl Ring {
    /// A ring of the calling thread and the eventfd that says when to call [`Ring::reap`].
    pub(super) fn new(counters: Rc<Counters>, rounds: Rc<Rounds>) -> io::Result<(Self, OwnedFd)> {
        let uring = build()?;
        // SAFETY: a call without memory; the descriptor it opens is nobody else's.
        let event = unsafe {
            match libc::eventfd(0, libc::EFD_CLOEXEC) {
                -1 => return Err(io::Error::last_os_error()),
                fd => OwnedFd::from_raw_fd(fd),
            }
        };
        uring.submitter().register_eventfd(event.as_raw_fd())?;
        let state = State {
            uring: RefCell::new(uring),
            ops: RefCell::default(),
            rounds,
            poll: Cell::default(),
            counters,
        };
        Ok((
            Self {
                state: Rc::new(state),
            },
            event,
        ))
    }

    /// Puts an operation on its way; the future is its answer and what it owned.
    pub(super) fn start(&self, work: impl Into<Work>) -> Running {
        let key = self.state.ops.borrow_mut().insert(work.into());
        self.state.push(key);
        if self.state.uring.borrow_mut().submission().len() >= EAGER_SUBMIT {
            self.flush();
        } else {
            self.state.rounds.want();
        }
        Running {
            ring: self.clone(),
            key,
        }
    }

    /// Submits what was started and takes what is already done; whether there was any.
    pub(super) fn flush(&self) -> bool {
        if self.state.is_idle() {
            return false;
        }
        self.state.submit();
        self.reap()
    }

    /// Submits what was started.
    pub(super) fn submit(&self) {
        self.state.submit();
    }

    /// Whether there is an answer that nobody has taken.
    pub(super) fn has_answers(&self) -> bool {
        !self.state.uring.borrow_mut().completion().is_empty()
    }

    /// Takes the answers that are there and wakes who waits for them; whether there were any.
    pub(super) fn reap(&self) -> bool {
        self.state.reap()
    }

    /// Has the set of sockets polled until it is readable once, unless it is polled already.
    pub(super) fn arm_set_poll(&self, set: BorrowedFd<'_>) {
        self.state.arm_set_poll(set);
    }

    /// Whether the set was found readable since it was asked last.
    pub(super) fn take_polled(&self) -> bool {
        let ready = self.state.poll.get() == SetPoll::Ready;
        if ready {
            self.state.poll.set(SetPoll::Idle);
        }
        ready
    }

    /// Submits what was started and sleeps until an answer is there, at most for `time`.
    pub(super) fn wait(&self, time: Duration) {
        self.state.wait(time);
    }

    /// Operations the kernel has not answered yet.
    pub(super) fn unfinished(&self) -> usize {
        self.state.unfinished()
    }
}

/// Which of the operations we need this kernel lacks.
///
/// # Errors
/// When there is no ring to be had: unknown to the kernel, denied, or out of locked memory.
pub fn missing_operations() -> io::Result<Vec<&'static str>> {
    let needed = [
        ("write", opcode::Write::CODE),
        ("writev", opcode::Writev::CODE),
        ("read", opcode::Read::CODE),
        ("fsync", opcode::Fsync::CODE),
        ("fallocate", opcode::Fallocate::CODE),
        ("fadvise", opcode::Fadvise::CODE),
        ("openat", opcode::OpenAt::CODE),
        ("mkdirat", opcode::MkDirAt::CODE),
        ("renameat", opcode::RenameAt::CODE),
        ("unlinkat", opcode::UnlinkAt::CODE),
    ];
    let mut probe = Probe::new();
    IoUring::new(2)?.submitter().register_probe(&mut probe)?;
    let missing = needed.iter().filter(|(_, code)| !probe.is_supported(*code));
    Ok(missing.map(|(name, _)| *name).collect())
}

/// The answer of an operation. Dropping it abandons the answer, not the work.
#[must_use = "the operation goes on, but nobody hears how it ended"]
pub(super) struct Running {
    ring: Ring,
    key: u32,
}

impl Future for Running {
    type Output = (Work, io::Result<u64>);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut ops = self.ring.state.ops.borrow_mut();
        match &mut ops.slots[self.key as usize] {
            Slot::Running {
                waker: Some(known), ..
            } => known.clone_from(cx.waker()),
            Slot::Running { waker, .. } => *waker = Some(cx.waker().clone()),
            done => {
                let Slot::Done { work, result } = std::mem::replace(done, Slot::Free) else {
                    panic!("an operation is not polled after its answer")
                };
                return Poll::Ready((work, result));
            }
        }
        Poll::Pending
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut ops = self.ring.state.ops.borrow_mut();
        match &mut ops.slots[self.key as usize] {
            Slot::Running {
                abandoned, waker, ..
            } => {
                *abandoned = true;
                *waker = None;
            }
            finished => {
                let unread = std::mem::replace(finished, Slot::Free);
                ops.free.push(self.key);
                drop(ops);
                drop(unread);
            }
        }
    }
}

impl Ops {
    fn insert(&mut self, work: Work) -> u32 {
        let slot = Slot::Running {
            work,
            waker: None,
            abandoned: false,
        };
        if let Some(key) = self.free.pop() {
            self.slots[key as usize] = slot;
            return key;
        }
        self.slots.push(slot);
        (self.slots.len() - 1) as u32
    }

    fn work(&mut self, key: u32) -> &mut Work {
        match &mut self.slots[key as usize] {
            Slot::Running { work, .. } => work,
            _ => unreachable!("only running operations are submitted"),
        }
    }

    /// Takes the answer of an operation: true when it goes on, else who waits for its end.
    fn complete(&mut self, key: u32, answer: i32) -> (bool, Option<Waker>) {
        self.in_flight -= 1;
        let work = self.work(key);
        adopt_opened(work, answer);
        let Step::Done(result) = work.advance(answer) else {
            return (true, None);
        };
        let slot = &mut self.slots[key as usize];
        let Slot::Running {
            work,
            waker,
            abandoned,
        } = std::mem::replace(slot, Slot::Free)
        else {
            unreachable!("it was running a moment ago")
        };
        if abandoned {
            self.free.push(key);
        } else {
            self.slots[key as usize] = Slot::Done { work, result };
        }
        (false, waker)
    }
}

impl State {
    /// Hands an operation to the kernel's queue, or to ours when that is full.
    fn push(&self, key: u32) {
        let mut ops = self.ops.borrow_mut();
        if ops.in_flight >= IN_FLIGHT_MAX {
            return ops.backlog.push_back(key);
        }
        let entry = entry(ops.work(key)).user_data(u64::from(key));
        ops.in_flight += 1;
        drop(ops);
        if self.uring.borrow_mut().submission().is_full() {
            self.submit();
        }
        // SAFETY: whatever `entry` points to is owned by the operation's slot, which keeps it in
        // place until the kernel has answered (`complete`) and which `State::drop` outlives.
        let pushed = unsafe { self.uring.borrow_mut().submission().push(&entry) };
        if pushed.is_err() {
            // The kernel takes nothing at the moment; the next turn tries again.
            let mut ops = self.ops.borrow_mut();
            ops.in_flight -= 1;
            ops.backlog.push_back(key);
        }
    }

    fn submit(&self) {
        if self.uring.borrow_mut().submission().is_empty() {
            return;
        }
        let uring = self.uring.borrow();
        loop {
            Counters::add(&self.counters.ring_submits, 1);
            match uring.submit() {
                Err(error) if error.raw_os_error() == Some(libc::EINTR) => {}
                // EAGAIN and EBUSY: answers have to be taken first; what is queued stays queued.
                Err(_) => return self.rounds.want(),
                Ok(_) => return,
            }
        }
    }

    fn unfinished(&self) -> usize {
        let ops = self.ops.borrow();
        ops.in_flight as usize + ops.backlog.len()
    }

    /// Whether the kernel has nothing of ours: its queues, which it writes to, need no look.
    fn is_idle(&self) -> bool {
        self.poll.get() != SetPoll::Armed && self.unfinished() == 0
    }

    /// Also where the last poll is over and nobody has looked yet: a socket that is ready ends this
    /// one at once.
    fn arm_set_poll(&self, set: BorrowedFd<'_>) {
        if self.poll.get() == SetPoll::Armed || self.uring.borrow_mut().submission().is_full() {
            return;
        }
        let entry = opcode::PollAdd::new(types::Fd(set.as_raw_fd()), libc::POLLIN as u32);
        let entry = entry.build().user_data(SET_POLL);
        // SAFETY: it points to no memory.
        let pushed = unsafe { self.uring.borrow_mut().submission().push(&entry) };
        if pushed.is_ok() {
            self.poll.set(SetPoll::Armed);
        }
    }

    /// An error ends the wait early, and the round after it sees what there is.
    fn wait(&self, time: Duration) {
        Counters::add(&self.counters.ring_submits, 1);
        let time = types::Timespec::from(time);
        let args = types::SubmitArgs::new().timespec(&time);
        let _ = self.uring.borrow().submitter().submit_with_args(1, &args);
    }

    fn reap(&self) -> bool {
        let mut any = false;
        while let Some((key, answer)) = self.next_answer() {
            any = true;
            Counters::add(&self.counters.ring_completions, 1);
            let Ok(key) = u32::try_from(key) else {
                self.poll.set(SetPoll::Ready);
                continue;
            };
            let (goes_on, waker) = self.ops.borrow_mut().complete(key, answer);
            if goes_on {
                self.push(key);
                self.rounds.want();
            }
            if let Some(waker) = waker {
                waker.wake();
            }
        }
        self.push_backlog();
        any
    }

    fn next_answer(&self) -> Option<(u64, i32)> {
        let mut uring = self.uring.borrow_mut();
        let answer = uring.completion().next()?;
        Some((answer.user_data(), answer.result()))
    }

    fn push_backlog(&self) {
        let room = {
            let ops = self.ops.borrow();
            ((IN_FLIGHT_MAX - ops.in_flight) as usize).min(ops.backlog.len())
        };
        for _ in 0..room {
            let key = self.ops.borrow_mut().backlog.pop_front();
            self.push(key.expect("counted above"));
            self.rounds.want();
        }
    }
}

impl Drop for State {
    /// Waits for the kernel: it may still be reading or writing what the operations own.
    fn drop(&mut self) {
        loop {
            self.reap();
            let ops = self.ops.get_mut();
            if ops.in_flight == 0 && ops.backlog.is_empty() {
                return;
            }
            let waited = self.uring.get_mut().submit_and_wait(1);
            if waited.is_err_and(|error| error.raw_os_error() != Some(libc::EINTR)) {
                // Rather lose the memory than free what the kernel may still touch.
                return std::mem::forget(std::mem::take(&mut self.ops.get_mut().slots));
            }
        }
    }
}

/// A ring that never interrupts its core to complete something: that waits for the core's next
/// system call, of which there are plenty. (Completing only when asked, `DEFER_TASKRUN`, costs a
/// system call more per round and measured no better.) Kernels before 6.0 interrupt.
fn build() -> io::Result<IoUring> {
    let mut builder = IoUring::builder();
    builder.dontfork().setup_cqsize(COMPLETION_ENTRIES);
    let mut quiet = builder.clone();
    quiet.setup_single_issuer().setup_coop_taskrun();
    let ring = quiet.build(SUBMISSION_ENTRIES);
    ring.or_else(|_| builder.build(SUBMISSION_ENTRIES))
}

/// The kernel's form of an operation. It points into `work`, which must stay as it is (it may be
/// moved) until the kernel has answered.
fn entry(work: &mut Work) -> squeue::Entry {
    let retry = work.is_retry();
    let entry = match &mut work.kind {
        Kind::Write(write) => write_entry(write),
        Kind::Read(read) => read_entry(read),
        Kind::Sync { file, data_only } => {
            let datasync = types::FsyncFlags::DATASYNC;
            let flags = if *data_only {
                datasync
            } else {
                types::FsyncFlags::empty()
            };
            opcode::Fsync::new(raw(file)).flags(flags).build()
        }
        Kind::Allocate { file, from, bytes } => opcode::Fallocate::new(raw(file), *bytes)
            .offset(*from)
            .build(),
        Kind::BringIn { file, from, bytes } => {
            opcode::Fadvise::new(raw(file), i64::from(*bytes), libc::POSIX_FADV_WILLNEED)
                .offset(*from)
                .build()
        }
        Kind::Truncate { file, bytes } => opcode::Ftruncate::new(raw(file), *bytes).build(),
        Kind::Open { path, flags, .. } => opcode::OpenAt::new(HERE, path.as_ptr())
            .flags(*flags | libc::O_CLOEXEC)
            .mode(FILE_MODE)
            .build(),
        Kind::CreateDir { path } => opcode::MkDirAt::new(HERE, path.as_ptr())
            .mode(DIRECTORY_MODE)
            .build(),
        Kind::Rename { from, to } => {
            opcode::RenameAt::new(HERE, from.as_ptr(), HERE, to.as_ptr()).build()
        }
        Kind::Unlink { path, directory } => {
            let flags = if *directory { libc::AT_REMOVEDIR } else { 0 };
            opcode::UnlinkAt::new(HERE, path.as_ptr())
                .flags(flags)
                .build()
        }
    };
    if retry {
        entry.flags(squeue::Flags::ASYNC)
    } else {
        entry
    }
}

/// Relative paths are relative to the working directory.
const HERE: types::Fd = types::Fd(libc::AT_FDCWD);

fn raw(file: &impl AsFd) -> types::Fd {
    types::Fd(file.as_fd().as_raw_fd())
}

fn write_entry(write: &mut Write) -> squeue::Entry {
    let (fd, position) = (raw(&*write.file), write.position + write.done);
    let mut skip = write.done as usize;
    write.vectors.clear();
    for part in &write.parts {
        let skipped = skip.min(part.len());
        skip -= skipped;
        let rest = &part[skipped..];
        if !rest.is_empty() && write.vectors.len() < VECTORS_MAX {
            let iov_base = rest.as_ptr().cast_mut().cast();
            write.vectors.push(libc::iovec {
                iov_base,
                iov_len: rest.len(),
            });
        }
    }
    match write.vectors.as_slice() {
        [only] => {
            let length = only.iov_len.min(ONE_BUFFER_MAX) as u32;
            opcode::Write::new(fd, only.iov_base.cast(), length)
                .offset(position)
                .build()
        }
        several => {
            let count = several.len() as u32;
            opcode::Writev::new(fd, several.as_ptr(), count)
                .offset(position)
                .build()
        }
    }
}

fn read_entry(read: &mut Read) -> squeue::Entry {
    let (fd, position) = (raw(&*read.file), read.position + read.done);
    let whole = match &mut read.into {
        Buffer::Chunk(chunk) => chunk.spare(),
        Buffer::Vec(bytes) => bytes.as_mut_slice(),
    };
    let rest = &mut whole[read.done as usize..read.bytes as usize];
    let length = rest.len().min(ONE_BUFFER_MAX) as u32;
    opcode::Read::new(fd, rest.as_mut_ptr(), length)
        .offset(position)
        .build()
}

/// What one read or write moves at most (the kernel's own bound is 4 KiB below 2 GiB).
const ONE_BUFFER_MAX: usize = 1 << 30;

/// Gives a descriptor that was just opened its owner, before anything else can go wrong.
fn adopt_opened(work: &mut Work, answer: i32) {
    if let Kind::Open { opened, .. } = &mut work.kind
        && answer >= 0
    {
        // SAFETY: the kernel opened it for this operation; nobody else knows it.
        *opened = Some(unsafe { File::from_raw_fd(answer) });
    }
}
