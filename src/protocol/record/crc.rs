//! CRC-32C (Castagnoli), the checksum of record batches, by the processor's own instructions.

use crc_fast::CrcAlgorithm::Crc32Iscsi;

/// The checksum of `bytes`.
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(bytes)
}

/// The checksum of A followed by B, from the checksums of A and of B and B's length.
pub fn crc32c_combine(a: u32, b: u32, b_bytes: usize) -> u32 {
    crc_fast::checksum_combine(Crc32Iscsi, a.into(), b.into(), b_bytes as u64) as u32
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
            assert_eq!(crc32c(&bytes[..len]), bitwise(&bytes[..len]), "length {len}");
        }
    }

    #[test]
    fn two_halves_combine() {
        let bytes: Vec<u8> = (0..999u32).map(|i| (i * 7 % 253) as u8).collect();
        for cut in [0, 1, 40, 500, 999] {
            let (a, b) = bytes.split_at(cut);
            let combined = crc32c_combine(crc32c(a), crc32c(b), b.len());
            assert_eq!(combined, crc32c(&bytes), "cut at {cut}");
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
