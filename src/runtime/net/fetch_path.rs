//! Which way file data takes to a socket: measured, because processors disagree.

use crate::sys;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// How file data that is in the page cache goes to a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchPath {
    /// By `sendfile(2)`: no copy through user space.
    Sendfile,
    /// By reading into a buffer that stays in the processor's cache, and writing.
    Copy,
}

/// What a fetch path costs on this host.
#[derive(Clone, Copy, Debug)]
pub struct FetchMeasure {
    /// The cheaper one.
    pub path: FetchPath,
    /// Processor seconds per gigabyte (10⁹ bytes) by [`FetchPath::Sendfile`].
    pub sendfile_s_per_gb: f64,
    /// Processor seconds per gigabyte by [`FetchPath::Copy`].
    pub copy_s_per_gb: f64,
}

/// As much as a response sends in one call.
const PIECE_BYTES: usize = 256 << 10;
const FILE_BYTES: usize = 4 << 20;
/// Each path sends the file so often; the best run counts, the others were disturbed.
const ROUNDS: usize = 5;

/// Sends a small file over the loopback both ways; takes some 20 ms and blocks.
///
/// # Errors
/// When `dir` or the loopback cannot be used.
pub fn measure_fetch_path(dir: &Path) -> io::Result<FetchMeasure> {
    let file = sample_file(dir)?;
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let sender = TcpStream::connect(listener.local_addr()?)?;
    let (receiver, _) = listener.accept()?;
    let drain = thread::Builder::new()
        .name("measure".to_owned())
        .spawn(|| drain(receiver))?;
    let (mut sendfile, mut copy) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        sendfile = sendfile.min(time_of(|| by_sendfile(&sender, &file))?);
        copy = copy.min(time_of(|| by_copy(&sender, &file))?);
    }
    drop(sender);
    let _ = drain.join();
    let path = if sendfile < copy {
        FetchPath::Sendfile
    } else {
        FetchPath::Copy
    };
    let per_gb = |time: Duration| time.as_secs_f64() * 1e9 / FILE_BYTES as f64;
    Ok(FetchMeasure {
        path,
        sendfile_s_per_gb: per_gb(sendfile),
        copy_s_per_gb: per_gb(copy),
    })
}

/// A file without a name, its pages in the cache.
fn sample_file(dir: &Path) -> io::Result<File> {
    let path = dir.join(".fetch-path-sample");
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)?;
    std::fs::remove_file(&path)?;
    file.write_all_at(&vec![0x5a; FILE_BYTES], 0)?;
    Ok(file)
}

fn drain(mut receiver: TcpStream) {
    let mut bytes = vec![0; PIECE_BYTES];
    while receiver.read(&mut bytes).is_ok_and(|count| count > 0) {}
}

fn time_of(send: impl FnOnce() -> io::Result<()>) -> io::Result<Duration> {
    let began = sys::thread::processor_time();
    send()?;
    Ok(sys::thread::processor_time() - began)
}

fn by_sendfile(socket: &TcpStream, file: &File) -> io::Result<()> {
    let mut position = 0;
    while position < FILE_BYTES {
        let piece = PIECE_BYTES.min(FILE_BYTES - position);
        position += sys::net::send_file(socket, file, position as u64, piece)?;
    }
    Ok(())
}

fn by_copy(mut socket: &TcpStream, file: &File) -> io::Result<()> {
    let mut bytes = vec![0; PIECE_BYTES];
    for position in (0..FILE_BYTES).step_by(PIECE_BYTES) {
        file.read_exact_at(&mut bytes, position as u64)?;
        socket.write_all(&bytes)?;
    }
    Ok(())
}
