//! Which partition a record goes to, as Java's default partitioner decides it. Pure.

/// Spreads records over partitions: by key where there is one, else stickily.
///
/// Records without a key stay on one partition until about one batch of them went there and then
/// move on (KIP-794), so that batches fill and the load still spreads.
#[derive(Debug)]
pub(crate) struct Partitioner {
    stick_bytes: usize,
    sticky: Option<Sticky>,
}

#[derive(Debug)]
struct Sticky {
    partition: usize,
    bytes: usize,
}

impl Partitioner {
    /// A partitioner that leaves a partition after `stick_bytes` of records without a key.
    pub(crate) fn new(stick_bytes: usize) -> Self {
        Self {
            stick_bytes,
            sticky: None,
        }
    }

    /// The partition of a record of `bytes`, of `partitions`; `random` is any random number.
    pub(crate) fn partition(
        &mut self,
        key: Option<&[u8]>,
        bytes: usize,
        partitions: usize,
        random: usize,
    ) -> usize {
        assert!(partitions > 0, "a topic has at least one partition");
        match key {
            Some(key) => partition_of_key(key, partitions),
            None => self.stick(bytes, partitions, random),
        }
    }

    fn stick(&mut self, bytes: usize, partitions: usize, random: usize) -> usize {
        let current = self
            .sticky
            .take()
            .filter(|sticky| sticky.partition < partitions);
        let mut sticky = match current {
            Some(sticky) if sticky.bytes < self.stick_bytes => sticky,
            Some(left) => Sticky::begin(another(left.partition, partitions, random)),
            None => Sticky::begin(random % partitions),
        };
        sticky.bytes += bytes;
        let partition = sticky.partition;
        self.sticky = Some(sticky);
        partition
    }
}

impl Sticky {
    fn begin(partition: usize) -> Self {
        Self {
            partition,
            bytes: 0,
        }
    }
}

/// Any partition but `left`, unless there is only one.
fn another(left: usize, partitions: usize, random: usize) -> usize {
    match partitions {
        1 => left,
        _ => (left + 1 + random % (partitions - 1)) % partitions,
    }
}

/// The partition of a key: murmur2 without its sign bit, modulo the number of partitions.
pub(crate) fn partition_of_key(key: &[u8], partitions: usize) -> usize {
    (murmur2(key) & 0x7fff_ffff) as usize % partitions
}

/// The 32-bit murmur2 hash with the seed that Kafka's clients agree on.
fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    let (words, tail) = data.as_chunks::<4>();
    let mut hash = SEED ^ data.len() as u32;
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k = (k ^ (k >> 24)).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    if !tail.is_empty() {
        let mut word = [0; 4];
        word[..tail.len()].copy_from_slice(tail);
        hash = (hash ^ u32::from_le_bytes(word)).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_hash_as_java_hashes_them() {
        let known: [(&str, i32); 6] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            (
                "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
            ("abc", 479_470_107),
        ];
        for (text, hash) in known {
            assert_eq!(murmur2(text.as_bytes()) as i32, hash, "{text}");
        }
    }

    #[test]
    fn a_key_keeps_its_partition() {
        let mut partitioner = Partitioner::new(1);
        let first = partitioner.partition(Some(b"k"), 10, 7, 0);
        assert_eq!(partitioner.partition(Some(b"k"), 10, 7, 5), first);
    }

    #[test]
    fn records_without_a_key_stick_for_a_batch_and_then_move() {
        let mut partitioner = Partitioner::new(100);
        let first = partitioner.partition(None, 60, 4, 2);
        assert_eq!(first, 2);
        assert_eq!(partitioner.partition(None, 60, 4, 3), first);
        assert_ne!(partitioner.partition(None, 60, 4, 3), first);
    }

    #[test]
    fn a_topic_that_shrank_is_no_trap() {
        let mut partitioner = Partitioner::new(1000);
        assert_eq!(partitioner.partition(None, 1, 10, 9), 9);
        assert!(partitioner.partition(None, 1, 3, 9) < 3);
        assert_eq!(Partitioner::new(1).partition(None, 5, 1, 8), 0);
    }
}
