//! Sockets: sending without copying into one buffer first, and without waiting.

use super::answer;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd};

/// The most slices one call takes (`IOV_MAX`).
pub const SLICES_MAX: usize = 1024;

/// Sends the beginning of `slices`, as much as the socket takes now.
///
/// `more` tells the kernel that further bytes follow at once. At most [`SLICES_MAX`] slices.
///
/// # Errors
/// `WouldBlock` when the socket is full; those of `sendmsg(2)`.
pub fn send_vectored(socket: impl AsFd, slices: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
    // SAFETY: a structure of integers and pointers, for which zero is a value.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    // `IoSlice` has the layout of `iovec`; the kernel only reads through it.
    message.msg_iov = slices.as_ptr().cast_mut().cast();
    message.msg_iovlen = slices.len().min(SLICES_MAX);
    let more = if more { libc::MSG_MORE } else { 0 };
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL | more;
    // SAFETY: `message` names slices that are borrowed during the call.
    answer(unsafe { libc::sendmsg(socket.as_fd().as_raw_fd(), &message, flags) })
}

/// Sends a range of a file's page cache, as much as the socket takes now.
///
/// It reads from the disk what is not cached: make sure first (`file::is_resident`). The socket
/// must be non-blocking.
///
/// # Errors
/// `WouldBlock` when the socket is full; those of `sendfile(2)`.
pub fn send_file(
    socket: impl AsFd,
    file: impl AsFd,
    position: u64,
    bytes: usize,
) -> io::Result<usize> {
    let mut offset = position as libc::off_t;
    let (to, from) = (socket.as_fd().as_raw_fd(), file.as_fd().as_raw_fd());
    // SAFETY: `offset` is ours; no other memory is involved.
    answer(unsafe { libc::sendfile(to, from, &mut offset, bytes) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, Write};
    use std::os::unix::net::UnixStream;

    #[test]
    fn slices_and_files_arrive_in_order() {
        let (sender, mut receiver) = UnixStream::pair().expect("a pair");
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(b"0123456789").expect("written");
        file.rewind().expect("rewound");
        let slices = [IoSlice::new(b"kl"), IoSlice::new(b"amm ")];
        assert_eq!(send_vectored(&sender, &slices, true).expect("sent"), 6);
        assert_eq!(send_file(&sender, &file, 3, 4).expect("sent"), 4);
        drop(sender);
        let mut got = String::new();
        receiver.read_to_string(&mut got).expect("received");
        assert_eq!(got, "klamm 3456");
    }

    #[test]
    fn a_full_socket_says_so() {
        let (sender, _receiver) = UnixStream::pair().expect("a pair");
        let bytes = vec![0; 1 << 20];
        let full =
            (0..1000).find_map(|_| send_vectored(&sender, &[IoSlice::new(&bytes)], false).err());
        assert_eq!(
            full.expect("full at last").kind(),
            io::ErrorKind::WouldBlock
        );
    }
}
