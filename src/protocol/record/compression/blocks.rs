//! Pieces of any length, put together and cut into blocks of one length.

#[derive(Debug)]
pub(super) struct Blocks {
    block_bytes: usize,
    /// The beginning of the next block; never a whole one.
    pending: Vec<u8>,
}

impl Blocks {
    pub(super) fn new(block_bytes: usize) -> Self {
        Self {
            block_bytes,
            pending: Vec::new(),
        }
    }

    /// Hands over every block that `bytes` complete, uncopied where a block is all theirs.
    pub(super) fn cut(&mut self, mut bytes: &[u8], mut put: impl FnMut(&[u8])) {
        while self.pending.len() + bytes.len() >= self.block_bytes {
            let (now, later) = bytes.split_at(self.block_bytes - self.pending.len());
            bytes = later;
            if self.pending.is_empty() {
                put(now);
            } else {
                self.pending.extend_from_slice(now);
                put(&self.pending);
                self.pending.clear();
            }
        }
        self.pending.extend_from_slice(bytes);
    }

    /// Hands over the last block, which is shorter, if there is one.
    pub(super) fn end(self, put: impl FnOnce(&[u8])) {
        if !self.pending.is_empty() {
            put(&self.pending);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_do_not_depend_on_the_pieces() {
        let input: Vec<u8> = (0..25).collect();
        for piece in [1, 3, 10, 11, 25] {
            let mut blocks = Blocks::new(10);
            let mut cut: Vec<Vec<u8>> = Vec::new();
            for bytes in input.chunks(piece) {
                blocks.cut(bytes, |block| cut.push(block.to_vec()));
            }
            blocks.end(|block| cut.push(block.to_vec()));
            assert_eq!(cut, [&input[..10], &input[10..20], &input[20..]], "{piece}");
        }
    }

    #[test]
    fn nothing_is_left_after_whole_blocks() {
        let mut blocks = Blocks::new(10);
        let mut count = 0;
        blocks.cut(&[0; 20], |_| count += 1);
        assert_eq!(count, 2);
        blocks.end(|_| unreachable!("no rest"));
    }
}
