//! One connection: receive into the fixed buffer, checksum, direct write, sync, answer.

use std::hint::black_box;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use rustix::net::{RecvFlags, recv};

use super::REPLY_BYTES;
use super::target::Target;
use crate::probe::disk::Written;
use crate::probe::memory::touched;
use crate::probe::meter::{Meter, Spent};
use crate::probe::pair;
use crate::probe::report::FloorProduce;
use crate::probe::rig::Rig;
use crate::probe::sending::until;
use crate::protocol::record::crc32c;
use crate::sys::arena::{ChunkMut, PAGE_BYTES};

/// What is asked of the program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) request_bytes: usize,
    /// Requests that the load sends before it waits for an answer.
    pub(super) in_flight: usize,
    pub(super) synced: bool,
}

/// Measures one shape.
pub(super) fn measure(rig: &Rig<'_>, written: &Written, shape: Shape) -> io::Result<FloorProduce> {
    let program = |sockets: Vec<TcpStream>| {
        let mut program = Program::new(&sockets[0], written, shape)?;
        until(rig.pace.figure / 8, || program.serve())?;
        let meter = Meter::begin();
        let requests = until(rig.pace.figure, || program.serve())?;
        Ok(figures(
            shape.request_bytes,
            1,
            shape.synced,
            requests,
            &meter.end(rig),
        ))
    };
    pair::run(rig, 1, program, |sockets| load(&sockets[0], shape))
}

/// The figures of so many requests.
pub(super) fn figures(
    request_bytes: usize,
    connections: usize,
    synced: bool,
    requests: u64,
    spent: &Spent,
) -> FloorProduce {
    let bytes = requests * request_bytes as u64;
    FloorProduce {
        request_bytes,
        synced,
        connections,
        cpu_seconds_per_gb: spent.cpu_seconds_per_gb(bytes),
        kernel_cpu_seconds_per_gb: spent.kernel_cpu_seconds_per_gb(bytes),
        us_per_request: spent.us_per_request(requests),
        bytes_per_second: spent.bytes_per_second(bytes),
    }
}

struct Program<'a> {
    socket: &'a TcpStream,
    buffer: ChunkMut,
    request_bytes: usize,
    target: Target<'a>,
}

impl<'a> Program<'a> {
    fn new(socket: &'a TcpStream, written: &'a Written, shape: Shape) -> io::Result<Self> {
        let blocks_bytes = shape.request_bytes.next_multiple_of(PAGE_BYTES);
        Ok(Self {
            socket,
            buffer: touched(blocks_bytes)?,
            request_bytes: shape.request_bytes,
            target: Target::new(written, shape.synced),
        })
    }

    fn serve(&mut self) -> io::Result<()> {
        let blocks_bytes = self.request_bytes.next_multiple_of(PAGE_BYTES);
        let blocks = &mut self.buffer.spare()[..blocks_bytes];
        receive(self.socket, &mut blocks[..self.request_bytes])?;
        black_box(crc32c(&blocks[..self.request_bytes]));
        self.target.append(blocks)?;
        self.socket.write_all(&[0; REPLY_BYTES])
    }
}

/// All of `into`, by one call that wakes up once where the kernel can.
fn receive(socket: &TcpStream, into: &mut [u8]) -> io::Result<()> {
    let mut got = 0;
    while got < into.len() {
        match recv(socket, &mut into[got..], RecvFlags::WAITALL)?.0 {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            bytes => got += bytes,
        }
    }
    Ok(())
}

/// Keeps so many requests in flight until the program has gone.
fn load(mut socket: &TcpStream, shape: Shape) -> io::Result<()> {
    let (request, mut reply) = (vec![0x5a; shape.request_bytes], [0; REPLY_BYTES]);
    for _ in 1..shape.in_flight {
        socket.write_all(&request)?;
    }
    loop {
        socket.write_all(&request)?;
        socket.read_exact(&mut reply)?;
    }
}
