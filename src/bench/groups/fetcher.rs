//! What a member reads with: a connection, and a position for each partition it has.

use std::net::TcpStream;

use super::link::Link;
use super::pauses::{Owner, Pauses};
use crate::bench::BenchError;
use crate::bench::answers::refused;
use crate::bench::frames::{FetchBounds, FetchFrame, Route};
use crate::protocol::api_key::ApiKey;
use crate::protocol::message::fetch::{FetchResponse, PartitionData};
use crate::protocol::record::Batches;

/// As Kafka's consumers ask.
const BOUNDS: FetchBounds = FetchBounds {
    wait_ms_max: 500,
    bytes_max: 1 << 20,
};

/// Reads the partitions of one member, one request at a time.
#[derive(Debug)]
pub(super) struct Fetcher {
    member: u32,
    link: Link,
    route: Route,
    /// The partitions that are read, and where each goes on.
    places: Vec<Place>,
    /// Made anew when the partitions have changed.
    frame: Option<FetchFrame>,
    stretches: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    partition: i32,
    position: i64,
    stretch: u64,
}

impl Fetcher {
    pub(super) fn new(member: u32, link: Link, route: Route) -> Self {
        Self {
            member,
            link,
            route,
            places: Vec::new(),
            frame: None,
            stretches: 0,
        }
    }

    pub(super) fn stream(&self) -> &TcpStream {
        self.link.stream()
    }

    /// Begins to read partitions, each from its position.
    pub(super) fn begin(&mut self, positions: &[(i32, i64)]) -> Result<(), BenchError> {
        for (partition, position) in positions {
            self.stretches += 1;
            self.places.push(Place {
                partition: *partition,
                position: *position,
                // Different for every member.
                stretch: self.stretches << 32 | u64::from(self.member + 1),
            });
        }
        self.frame = None;
        self.ask()
    }

    /// Reads these no more; where each stood.
    pub(super) fn end(&mut self, partitions: &[i32]) -> Vec<(i32, i64)> {
        let ends = |place: &Place| partitions.contains(&place.partition);
        let ended = self.places.iter().filter(|place| ends(place));
        let ended = ended
            .map(|place| (place.partition, place.position))
            .collect();
        self.places.retain(|place| !ends(place));
        self.frame = None;
        ended
    }

    /// Takes in what has arrived and asks again.
    pub(super) fn on_ready(&mut self, now_us: u64, pauses: &mut Pauses) -> Result<(), BenchError> {
        self.link.move_bytes()?;
        let Some(answer) = self.link.next_answer()? else {
            return Ok(());
        };
        let response: FetchResponse<'_> = answer.decode()?;
        refused(-1, response.error_code)?;
        for data in response
            .responses
            .iter()
            .flat_map(|topic| &topic.partitions)
        {
            refused(data.partition_index, data.error_code)?;
            let mut places = self.places.iter_mut();
            if let Some(place) = places.find(|place| place.partition == data.partition_index) {
                place.take(self.member, data, now_us, pauses);
            }
        }
        self.ask()
    }

    fn ask(&mut self) -> Result<(), BenchError> {
        if self.places.is_empty() || self.link.waiting() > 0 {
            return Ok(());
        }
        let count = self.places.len();
        let frame = self
            .frame
            .get_or_insert_with(|| FetchFrame::new(&self.route, count, BOUNDS));
        for (number, place) in self.places.iter().enumerate() {
            frame.set(number, place.partition, place.position);
        }
        let version = self.route.fetch_version;
        self.link
            .send_bytes(&mut frame.bytes, ApiKey::Fetch, version, 0)
    }
}

impl Place {
    fn take(&mut self, member: u32, data: &PartitionData<'_>, now_us: u64, pauses: &mut Pauses) {
        let owner = Owner {
            member,
            stretch: self.stretch,
        };
        let bytes = data.records.and_then(|records| records.bytes());
        for batch in Batches::new(bytes.unwrap_or_default()) {
            let (offset, next) = (batch.header.base_offset, batch.header.next_offset());
            // The answer may be to what was asked before the partition was given up and taken again.
            if next > self.position && offset <= self.position {
                pauses.on_records(self.partition, owner, self.position, next, now_us);
                self.position = next;
            }
        }
    }
}
