//! The only room with `unsafe`: aligned memory and the system calls that std does not have.
#![allow(unsafe_code)]

pub mod arena;
pub mod block_device;
pub mod file;
pub mod host;
pub mod net;
pub mod shared_memory;
pub mod thread;

use std::io;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};

/// Hands an open descriptor to a type that knows only raw ones.
pub fn adopt<T: FromRawFd>(descriptor: OwnedFd) -> T {
    // SAFETY: the descriptor is open and owned, and its ownership goes to the new value.
    unsafe { T::from_raw_fd(descriptor.into_raw_fd()) }
}

/// The result of a system call that answers −1 with `errno`.
fn answer(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}
