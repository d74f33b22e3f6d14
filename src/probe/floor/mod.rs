//! The floor: a broker's work by one blocking thread, one fixed buffer and no runtime.
//!
//! On the loopback the sender's core does most of the network's work, so that the program's own
//! account here lacks what a network card's interrupts would add.

mod fetch;
mod group;
mod produce;
mod target;

use std::io;

use super::disk::Written;
use super::report::Floor;
use super::rig::Rig;
use super::sending::{RESPONSE_BYTES, Source};

/// Requests that are measured one connection at a time, and how many are in flight.
const REQUESTS: [(usize, usize); 3] = [(1 << 20, 5), (64 << 10, 5), (16 << 10, 5)];
const SMALL_BYTES: usize = 1 << 10;

/// An answer to a produce request.
const REPLY_BYTES: usize = 64;

/// Measures the floor of producing and of fetching; `say` hears what comes next.
pub(super) fn measure(
    rig: &Rig<'_>,
    written: &Written,
    sources: &mut [Source],
    say: &mut dyn FnMut(&str),
) -> io::Result<Floor> {
    let mut floor = Floor::default();
    for synced in [false, true] {
        say(if synced {
            "floor: produce, synced"
        } else {
            "floor: produce"
        });
        for (request_bytes, in_flight) in REQUESTS {
            let shape = produce::Shape {
                request_bytes,
                in_flight,
                synced,
            };
            floor.produce.push(produce::measure(rig, written, shape)?);
        }
        floor.produce.push(group::measure(rig, written, synced)?);
        let lone = produce::Shape {
            request_bytes: SMALL_BYTES,
            in_flight: 1,
            synced,
        };
        floor.produce.push(produce::measure(rig, written, lone)?);
    }
    say("floor: fetch");
    for source in sources {
        for response_bytes in RESPONSE_BYTES {
            floor
                .fetch
                .push(fetch::measure(rig, source, response_bytes)?);
        }
    }
    Ok(floor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::disk;
    use crate::probe::sending;

    #[test]
    fn every_shape_moves_bytes() {
        let dir = tempfile::tempdir_in(".").expect("a directory on a real disk");
        let rig = Rig::of_test(dir.path());
        let written = disk::written(&rig).expect("written");
        let mut sources = sending::sources(&rig).expect("sources");
        let floor = measure(&rig, &written, &mut sources, &mut |_| {}).expect("measured");
        assert_eq!(floor.produce.len(), 10);
        assert!(floor.produce.iter().all(|one| one.bytes_per_second > 0));
        assert!(floor.fetch.iter().all(|one| one.bytes_per_second > 0));
        assert_eq!(floor.fetch.len(), sources.len() * RESPONSE_BYTES.len());
    }
}
