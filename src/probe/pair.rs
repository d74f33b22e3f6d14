//! Two pinned threads over the loopback: the program under measurement, and its load.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

use rustix::thread::{CpuSet, sched_setaffinity};

use super::rig::Rig;

/// Pins the calling thread to a core, by the kernel's number.
///
/// # Errors
/// When the host does not have it or does not allow it.
pub(super) fn pin(core: usize) -> io::Result<()> {
    if core >= CpuSet::MAX_CPU {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}

/// Runs `program` on the program's core with `connections` accepted sockets, and `load` on the
/// load's core with their other ends; returns what the program found.
///
/// The program ends when it wants to; that closes the sockets, which is how the load learns it.
///
/// # Errors
/// The program's; what the load meets is a consequence.
pub(super) fn run<T: Send>(
    rig: &Rig<'_>,
    connections: usize,
    program: impl FnOnce(Vec<TcpStream>) -> io::Result<T> + Send,
    load: impl FnOnce(Vec<TcpStream>) -> io::Result<()> + Send,
) -> io::Result<T> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::scope(|scope| {
        scope.spawn(move || {
            pin(rig.load_core)?;
            load(connect(address, connections)?)
        });
        let program = scope.spawn(move || {
            pin(rig.program_core)?;
            program(accept(&listener, connections)?)
        });
        program.join().expect("the program does not panic")
    })
}

fn connect(address: SocketAddr, connections: usize) -> io::Result<Vec<TcpStream>> {
    (0..connections)
        .map(|_| without_delay(TcpStream::connect(address)?))
        .collect()
}

fn accept(listener: &TcpListener, connections: usize) -> io::Result<Vec<TcpStream>> {
    (0..connections)
        .map(|_| without_delay(listener.accept()?.0))
        .collect()
}

fn without_delay(socket: TcpStream) -> io::Result<TcpStream> {
    socket.set_nodelay(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_that_is_not_there_is_refused() {
        assert!(pin(usize::MAX).is_err());
        assert!(pin(CpuSet::MAX_CPU - 1).is_err());
    }
}
