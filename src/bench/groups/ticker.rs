//! Who writes one record to every partition, again and again.

use std::net::TcpStream;

use super::link::Link;
use crate::bench::BenchError;
use crate::bench::frames::{Route, frame_produce};
use crate::model::TimestampMs;
use crate::protocol::api_key::ApiKey;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::produce::ProduceResponse;
use crate::protocol::record::{BatchSpec, RecordParts, build_batch};

/// Requests that may wait for their answers; a broker that lets more wait falls behind.
const WAITING_MAX: usize = 5;

/// One connection that writes at its times.
#[derive(Debug)]
pub(super) struct Ticker {
    link: Link,
    frame: Vec<u8>,
    version: i16,
    interval_us: u64,
    next_us: u64,
    pub(super) answered: u64,
    /// Times at which nothing was written, because too much waited.
    pub(super) missed: u64,
}

impl Ticker {
    /// Writes to all of so many partitions from `start_us` on.
    pub(super) fn new(
        link: Link,
        route: &Route,
        partitions: i32,
        interval_us: u64,
        timestamp: TimestampMs,
        start_us: u64,
    ) -> Self {
        let record = RecordParts {
            key: None,
            value: Some(&[0; 8]),
            headers: &[],
        };
        let batch = build_batch(BatchSpec::default(), timestamp, [record]);
        let batches: Vec<(i32, &[u8])> = (0..partitions).map(|p| (p, batch.as_slice())).collect();
        let (mut frame, mut places) = (Vec::new(), Vec::new());
        frame_produce(&mut frame, &mut places, route, -1, &batches);
        Self {
            link,
            frame,
            version: route.produce_version,
            interval_us,
            next_us: start_us,
            answered: 0,
            missed: 0,
        }
    }

    pub(super) fn stream(&self) -> &TcpStream {
        self.link.stream()
    }

    pub(super) fn due_us(&self) -> u64 {
        self.next_us
    }

    pub(super) fn on_due(&mut self, now_us: u64) -> Result<(), BenchError> {
        if now_us < self.next_us {
            return Ok(());
        }
        let due_us = self.next_us;
        self.next_us += self.interval_us;
        if self.link.waiting() >= WAITING_MAX {
            self.missed += 1;
            return Ok(());
        }
        self.link
            .send_bytes(&mut self.frame, ApiKey::Produce, self.version, due_us)
    }

    pub(super) fn on_ready(&mut self) -> Result<(), BenchError> {
        self.link.move_bytes()?;
        while let Some(answer) = self.link.next_answer()? {
            let response: ProduceResponse<'_> = answer.decode()?;
            self.answered += 1;
            let topics = response.responses.iter();
            for data in topics.flat_map(|topic| &topic.partition_responses) {
                match ErrorCode::from_code(data.error_code) {
                    ErrorCode::None => {}
                    code => {
                        return Err(BenchError::Refused {
                            doing: "write to",
                            partition: data.index,
                            code,
                        });
                    }
                }
            }
        }
        Ok(())
    }
}
