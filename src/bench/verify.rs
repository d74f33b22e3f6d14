//! Reads all records of a run back and checks each of them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::BenchError;
use super::answers::{decode_fetch, refused};
use super::frames::{FetchBounds, FetchFrame, Route, set_correlation_id};
use super::report::Verification;
use super::topic::BenchTopic;
use super::tracker::Tracker;
use super::value::Stamp;
use crate::client::Address;
use crate::protocol::frame;
use crate::protocol::message::fetch::{FetchResponse, PartitionData};
use crate::protocol::record::{Batch, Batches, Codec, Records, decompress};

/// Partitions of one request.
const GROUP_MAX: usize = 64;
const FETCH_BYTES_MAX: i32 = 8 << 20;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Records that were sent without waiting for an answer may take so long to be there.
const PATIENCE: Duration = Duration::from_secs(10);
/// No batch of a run decompresses to more.
const BODY_BYTES_MAX: usize = 1 << 30;

/// What was sent where, to be compared with what is there.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) run: u32,
    /// Where each partition ended before the run.
    pub(super) starts: Vec<i64>,
    /// Records by producer and partition.
    pub(super) acknowledged: Vec<Vec<u64>>,
}

/// Reads everything from the starts on and judges it.
pub(super) fn verify(topic: &BenchTopic, sent: &Sent) -> Result<Verification, BenchError> {
    let begun = Instant::now();
    let ends = await_ends(topic, sent)?;
    let (parts, route) = topic.connect()?;
    let mut readback = Readback {
        stream: parts.stream,
        address: parts.address,
        route,
        run: sent.run,
        positions: sent.starts.clone(),
        ends,
        tracker: Tracker::new(sent.acknowledged.len(), sent.starts.len()),
        frame: Vec::new(),
        correlation_id: 0,
    };
    let prepared = readback.stream.set_read_timeout(Some(ANSWER_TIMEOUT));
    prepared.map_err(|error| readback.failed(error))?;
    readback.read_all()?;
    let found = readback.tracker.finish(&sent.acknowledged);
    Ok(Verification {
        records: found.records,
        lost: found.lost,
        duplicated: found.duplicated,
        reordered: found.reordered,
        corrupt: found.corrupt,
        seconds: begun.elapsed().as_secs_f64(),
    })
}

/// Where the partitions end, once everything that was sent is there or should have been.
fn await_ends(topic: &BenchTopic, sent: &Sent) -> Result<Vec<i64>, BenchError> {
    let begun = Instant::now();
    let expected: u64 = sent.acknowledged.iter().flatten().sum();
    loop {
        let ends = topic.ends()?;
        let there: i64 = ends
            .iter()
            .zip(&sent.starts)
            .map(|(end, start)| end - start)
            .sum();
        if there >= expected as i64 || begun.elapsed() > PATIENCE {
            return Ok(ends);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

struct Readback {
    stream: TcpStream,
    address: Address,
    route: Route,
    run: u32,
    positions: Vec<i64>,
    ends: Vec<i64>,
    tracker: Tracker,
    /// The answer at hand.
    frame: Vec<u8>,
    correlation_id: i32,
}

impl Readback {
    fn read_all(&mut self) -> Result<(), BenchError> {
        let partitions: Vec<usize> = (0..self.positions.len()).collect();
        for group in partitions.chunks(GROUP_MAX) {
            self.read_group(group)?;
        }
        Ok(())
    }

    /// While one answer is checked the broker is at work on the next.
    fn read_group(&mut self, group: &[usize]) -> Result<(), BenchError> {
        let mut asked = self.ask(group)?;
        while let Some(expected) = asked {
            self.receive()?;
            let frame = std::mem::take(&mut self.frame);
            let version = self.route.fetch_version;
            let answer =
                decode_fetch(&frame, version, expected).map_err(|why| self.malformed(why))?;
            let before = self.positions.clone();
            self.move_on(&answer)?;
            asked = self.ask(group)?;
            for data in answer.responses.iter().flat_map(|topic| &topic.partitions) {
                self.check(data, before[data.partition_index as usize]);
            }
            drop(answer);
            self.frame = frame;
        }
        Ok(())
    }

    /// Asks for what is left of these partitions; `None` if nothing is.
    fn ask(&mut self, group: &[usize]) -> Result<Option<i32>, BenchError> {
        let left: Vec<usize> = group
            .iter()
            .copied()
            .filter(|&partition| self.positions[partition] < self.ends[partition])
            .collect();
        if left.is_empty() {
            return Ok(None);
        }
        let bounds = FetchBounds {
            wait_ms_max: 1000,
            bytes_max: FETCH_BYTES_MAX,
        };
        let mut frame = FetchFrame::new(&self.route, left.len(), bounds);
        for (place, &partition) in left.iter().enumerate() {
            frame.set(place, partition as i32, self.positions[partition]);
        }
        self.correlation_id += 1;
        set_correlation_id(&mut frame.bytes, self.correlation_id);
        let sent = self.stream.write_all(&frame.bytes);
        sent.map_err(|error| self.failed(error))?;
        Ok(Some(self.correlation_id))
    }

    fn receive(&mut self) -> Result<(), BenchError> {
        let mut prefix = [0; frame::PREFIX_LEN];
        let read = self.stream.read_exact(&mut prefix);
        read.map_err(|error| self.failed(error))?;
        let len = frame::frame_len(prefix, 1 << 30).map_err(|e| self.malformed(e.to_string()))?;
        self.frame.resize(len, 0);
        let read = self.stream.read_exact(&mut self.frame);
        read.map_err(|error| self.failed(error))
    }

    /// Moves the positions behind the whole batches of an answer.
    fn move_on(&mut self, answer: &FetchResponse<'_>) -> Result<(), BenchError> {
        refused(-1, answer.error_code)?;
        for data in answer.responses.iter().flat_map(|topic| &topic.partitions) {
            refused(data.partition_index, data.error_code)?;
            let partition = data.partition_index;
            let Some(position) = self.positions.get_mut(partition as usize) else {
                return Err(self.malformed(format!("partition {partition} was not asked for")));
            };
            let last = Batches::new(records_of(data)).last();
            if let Some(last) = last {
                *position = last.header.next_offset();
            }
        }
        Ok(())
    }

    fn check(&mut self, data: &PartitionData<'_>, mut expected: i64) {
        let partition = data.partition_index as u32;
        for batch in Batches::new(records_of(data)) {
            if batch.header.base_offset >= self.ends[partition as usize] {
                break;
            }
            let sound = batch.header.base_offset == expected && self.check_batch(partition, &batch);
            if !sound {
                self.tracker.see_corrupt();
            }
            expected = batch.header.next_offset();
        }
    }

    /// `false` if the batch as a whole is not what was sent.
    fn check_batch(&mut self, partition: u32, batch: &Batch<'_>) -> bool {
        if batch.verify_crc().is_err() {
            return false;
        }
        match batch.header.codec() {
            Ok(Codec::None) => self.check_records(partition, batch.records()),
            Ok(codec) => match decompress(codec, batch.body(), BODY_BYTES_MAX) {
                Ok(body) => self.check_records(partition, Records::new(batch.header, &body)),
                Err(_) => return false,
            },
            Err(_) => return false,
        }
        true
    }

    fn check_records(&mut self, partition: u32, records: Records<'_>) {
        for record in records {
            let value = record.ok().and_then(|record| record.value);
            match value.and_then(Stamp::read) {
                Some(stamp) if stamp.run == self.run => {
                    self.tracker.see(stamp.producer, partition, stamp.sequence);
                }
                _ => self.tracker.see_corrupt(),
            }
        }
    }

    fn failed(&self, source: std::io::Error) -> BenchError {
        BenchError::Io {
            address: self.address.clone(),
            source,
        }
    }

    fn malformed(&self, why: String) -> BenchError {
        BenchError::Malformed {
            address: self.address.clone(),
            api: "Fetch",
            why,
        }
    }
}

fn records_of<'a>(data: &PartitionData<'a>) -> &'a [u8] {
    data.records
        .and_then(|records| records.bytes())
        .unwrap_or_default()
}
