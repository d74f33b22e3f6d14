//! One connection: receive a small request, answer it with a header and many bytes.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use rustix::net::{SendFlags, send};

use crate::probe::meter::Meter;
use crate::probe::pair;
use crate::probe::report::FloorFetch;
use crate::probe::rig::Rig;
use crate::probe::sending::{Source, until};

/// A fetch request of a few partitions, and the part of its response that is not records.
const REQUEST_BYTES: usize = 100;
const HEADER_BYTES: usize = 100;

/// Measures responses of one size from one source; the load asks again when it has all of one.
pub(super) fn measure(
    rig: &Rig<'_>,
    source: &mut Source,
    response_bytes: usize,
) -> io::Result<FloorFetch> {
    let path = source.path;
    let program = |sockets: Vec<TcpStream>| {
        let socket = &sockets[0];
        until(rig.pace.figure / 8, || {
            serve(socket, source, response_bytes)
        })?;
        let meter = Meter::begin();
        let requests = until(rig.pace.figure, || serve(socket, source, response_bytes))?;
        let (spent, bytes) = (meter.end(rig), requests * response_bytes as u64);
        Ok(FloorFetch {
            path,
            response_bytes,
            cpu_seconds_per_gb: spent.cpu_seconds_per_gb(bytes),
            kernel_cpu_seconds_per_gb: spent.kernel_cpu_seconds_per_gb(bytes),
            us_per_request: spent.us_per_request(requests),
            bytes_per_second: spent.bytes_per_second(bytes),
        })
    };
    pair::run(rig, 1, program, |sockets| load(&sockets[0], response_bytes))
}

fn serve(mut socket: &TcpStream, source: &mut Source, response_bytes: usize) -> io::Result<()> {
    socket.read_exact(&mut [0; REQUEST_BYTES])?;
    send(socket, &[0; HEADER_BYTES], SendFlags::MORE)?;
    source.send(socket, response_bytes)
}

fn load(mut socket: &TcpStream, response_bytes: usize) -> io::Result<()> {
    let mut response = vec![0; HEADER_BYTES + response_bytes];
    loop {
        socket.write_all(&[0; REQUEST_BYTES])?;
        socket.read_exact(&mut response)?;
    }
}
