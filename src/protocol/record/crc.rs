//! CRC-32C (Castagnoli), the checksum of record batches, by the processor's own instructions.

use crc_fast::CrcAlgorithm::Crc32Iscsi;

/// The checksum of `bytes`.
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(bytes)
}

/// The checksum of bytes that are passed over in pieces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crc32c(crc_fast::Digest);

impl Crc32c {
    pub(super) fn new() -> Self {
        Self(crc_fast::Digest::new(Crc32Iscsi))
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn value(&self) -> u32 {
        self.0.finalize() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_published_vectors() {
        // RFC 3720, appendix B.4.
        assert_eq!(crc32c(b""), 0);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    }

    #[test]
    fn every_length_agrees_with_the_bitwise_definition() {
        let bytes: Vec<u8> = (0..700u32).map(|i| (i * 31 % 251) as u8).collect();
        for len in 0..bytes.len() {
            assert_eq!(
                crc32c(&bytes[..len]),
                bitwise(&bytes[..len]),
                "length {len}"
            );
        }
    }

    #[test]
    fn pieces_add_up() {
        let bytes: Vec<u8> = (0..9999u32).map(|i| (i * 7 % 253) as u8).collect();
        for piece_bytes in [1, 3, 64, 1000, 9998, 9999] {
            let mut crc = Crc32c::new();
            bytes
                .chunks(piece_bytes)
                .for_each(|piece| crc.update(piece));
            assert_eq!(crc.value(), crc32c(&bytes), "pieces of {piece_bytes}");
        }
    }

    fn bitwise(bytes: &[u8]) -> u32 {
        let mut crc = !0u32;
        for byte in bytes {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
            }
        }
        !crc
    }
}
