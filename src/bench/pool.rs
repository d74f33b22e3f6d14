//! Batches compressed before the window, so that compressing is no part of the load. Pure but for
//! the threads that share the work.

use std::thread;

use super::template::{Shape, Template, Use};
use super::value::Stamp;
use crate::protocol::record::Codec;

/// One batch, ready to be sent.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    pub(super) partition: u32,
    pub(super) records: u32,
    /// Of its first record.
    pub(super) sequence: u64,
    pub(super) payload_bytes: u64,
    pub(super) bytes: Vec<u8>,
}

/// What all batches of a pool have in common.
#[derive(Clone, Debug)]
pub(super) struct PoolPlan<'a> {
    pub(super) shape: Shape<'a>,
    pub(super) codec: Codec,
    pub(super) partitions: u32,
    pub(super) run: u32,
    pub(super) producer: u32,
    pub(super) timestamp: i64,
    /// Bytes of all batches together, about.
    pub(super) bytes_max: u64,
    pub(super) seed: u64,
}

impl PoolPlan<'_> {
    /// Compresses batches on `threads` threads until the pool is full.
    pub(super) fn prepare(&self, threads: usize) -> Vec<Prepared> {
        let first = self.batch(0);
        let count = (self.bytes_max / first.bytes.len() as u64).max(1);
        let share = |thread: usize| {
            let numbers = (1..count).skip(thread).step_by(threads);
            numbers.map(|number| (number, self.batch(number))).collect()
        };
        let mut parts: Vec<Vec<(u64, Prepared)>> = Vec::new();
        thread::scope(|scope| {
            let running: Vec<_> = (0..threads)
                .map(|t| scope.spawn(move || share(t)))
                .collect();
            let done = running.into_iter().map(|thread| thread.join());
            parts.extend(done.map(|part| part.expect("compressing does not panic")));
        });
        let mut rest: Vec<_> = parts.into_iter().flatten().collect();
        rest.sort_unstable_by_key(|(number, _)| *number);
        let rest = rest.into_iter().map(|(_, batch)| batch);
        std::iter::once(first).chain(rest).collect()
    }

    /// Batches go round the partitions, hence a batch's number tells its sequence.
    fn batch(&self, number: u64) -> Prepared {
        let mut random = fastrand::Rng::with_seed(self.seed.wrapping_add(number));
        let template = Template::new(&self.shape, &mut || random.u32(..));
        let records = self.shape.records;
        let sequence = number / u64::from(self.partitions) * u64::from(records);
        let of = Use {
            first: Stamp {
                run: self.run,
                producer: self.producer,
                sequence,
                due_us: 0,
            },
            timestamp: self.timestamp,
            identity: None,
        };
        Prepared {
            partition: (number % u64::from(self.partitions)) as u32,
            records,
            sequence,
            payload_bytes: template.payload_bytes(records),
            bytes: template.compress(self.codec, &of),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::RecordBytes;

    #[test]
    fn a_pool_is_bounded_and_its_sequences_are_dense() {
        let sizes = RecordBytes::Fixed(500);
        let plan = PoolPlan {
            shape: Shape {
                sizes: &sizes,
                records: 10,
                keys: 0,
                compressible: true,
            },
            codec: Codec::Lz4,
            partitions: 3,
            run: 1,
            producer: 0,
            timestamp: 0,
            bytes_max: 100_000,
            seed: 5,
        };
        let pool = plan.prepare(2);
        let bytes: usize = pool.iter().map(|batch| batch.bytes.len()).sum();
        assert!((80_000..120_000).contains(&bytes), "{bytes}");
        let mut next = [0; 3];
        for (number, batch) in pool.iter().enumerate() {
            assert_eq!(batch.partition as usize, number % 3);
            assert_eq!(batch.sequence, next[number % 3]);
            assert!(batch.bytes.len() < 4500, "compressed");
            next[number % 3] += 10;
        }
    }
}
