//! What other clients' encoders produce, what they never do, and what an attacker would.

use std::io::Write;

use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};

use super::*;

const BYTES_MAX: usize = 32 << 20;

fn mixed(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let noise = move |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    let mut bytes: Vec<u8> = (0..len).map(noise).collect();
    for (index, byte) in bytes.iter_mut().enumerate() {
        if index % 1000 < 800 {
            *byte = b"the quick brown fox "[index % 20];
        }
    }
    bytes
}

fn unpacked(codec: Codec, bytes: &[u8]) -> Result<Vec<u8>, CompressionError> {
    decompress(codec, bytes, BYTES_MAX)
}

#[test]
fn what_goes_in_comes_out() {
    for codec in Codec::ALL {
        for len in [0, 1, 100, 32_768, 65_535, 65_536, 65_537, 1_000_000] {
            let plain = mixed(len);
            let packed = compress(codec.into(), &plain);
            assert_eq!(
                unpacked(codec, &packed).as_ref(),
                Ok(&plain),
                "{codec} of {len}"
            );
        }
    }
}

#[test]
fn pieces_written_are_one_stream() {
    let plain = mixed(300_000);
    for codec in Codec::ALL {
        for piece_bytes in [7, 1000, 65_536, 100_000] {
            let mut compressor = Compressor::new(codec.into(), b"head".to_vec());
            plain
                .chunks(piece_bytes)
                .for_each(|piece| compressor.write(piece));
            let packed = compressor.finish();
            assert_eq!(packed[..4], *b"head");
            assert_eq!(
                unpacked(codec, &packed[4..]).as_ref(),
                Ok(&plain),
                "{codec}"
            );
        }
    }
}

#[test]
fn levels_are_taken() {
    let plain = mixed(200_000);
    for (codec, low, high) in [
        (Codec::Gzip, 1, 9),
        (Codec::Zstd, -5, 19),
        (Codec::Zstd, 1, 22),
    ] {
        let at = |level| {
            let level = Some(level);
            compress(Compression { codec, level }, &plain)
        };
        assert!(at(low).len() > at(high).len(), "{codec}");
        assert_eq!(unpacked(codec, &at(high)).as_ref(), Ok(&plain), "{codec}");
    }
}

#[test]
fn cut_off_data_is_an_error_not_less_data() {
    let plain = mixed(3000);
    for codec in [Codec::Gzip, Codec::Lz4, Codec::Zstd, Codec::Snappy] {
        let packed = compress(codec.into(), &plain);
        for cut in 1..packed.len() {
            let cut_off = unpacked(codec, &packed[..cut]);
            // Java's snappy stream takes a cut within a length for its end.
            let excused = codec == Codec::Snappy && (16..20).contains(&cut);
            assert!(cut_off.is_err() || excused, "{codec} at {cut}");
        }
    }
}

#[test]
fn bombs_stop_at_the_bound() {
    let bomb = vec![0; 24 << 20];
    for codec in [Codec::Gzip, Codec::Lz4, Codec::Zstd, Codec::Snappy] {
        let packed = compress(codec.into(), &bomb);
        let bytes_max = 1 << 20;
        let too_large = Err(CompressionError::TooLarge { bytes_max });
        assert_eq!(decompress(codec, &packed, bytes_max), too_large, "{codec}");
        assert_eq!(
            decompress(codec, &packed, bomb.len()).as_ref(),
            Ok(&bomb),
            "{codec}"
        );
    }
}

#[test]
fn lz4_frames_of_every_kind_are_read() {
    let plain = mixed(700_000);
    let sizes = [
        BlockSize::Max64KB,
        BlockSize::Max256KB,
        BlockSize::Max1MB,
        BlockSize::Max4MB,
    ];
    for size in sizes {
        for mode in [BlockMode::Independent, BlockMode::Linked] {
            for flags in 0..8 {
                let info = FrameInfo::new()
                    .block_size(size)
                    .block_mode(mode)
                    .block_checksums(flags & 1 != 0)
                    .content_checksum(flags & 2 != 0)
                    .content_size((flags & 4 != 0).then_some(plain.len() as u64));
                let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
                encoder.write_all(&plain).expect("into memory");
                let packed = encoder.finish().expect("into memory");
                assert!(
                    unpacked(Codec::Lz4, &packed).as_ref() == Ok(&plain),
                    "{flags}"
                );
                let readable = is_readable_by_kafka(Codec::Lz4, &packed);
                assert_eq!(readable, mode == BlockMode::Independent);
            }
        }
    }
}

#[test]
fn our_lz4_frames_are_read_by_others_and_what_follows_is_ignored() {
    let plain = mixed(200_000);
    let mut packed = compress(Codec::Lz4.into(), &plain);
    let mut decoded = Vec::new();
    let mut decoder = lz4_flex::frame::FrameDecoder::new(&packed[..]);
    std::io::copy(&mut decoder, &mut decoded).expect("a sound frame");
    assert_eq!(decoded, plain);
    packed.extend(b"after");
    assert_eq!(unpacked(Codec::Lz4, &packed), Ok(plain));
}

#[test]
fn lz4_headers_that_are_none_are_refused() {
    let good = compress(Codec::Lz4.into(), b"plain");
    // Magic, version, reserved bit, dictionary, block size, header checksum.
    for (position, bits) in [
        (0, 1),
        (4, 0x80),
        (4, 2),
        (4, 1),
        (5, 0x40),
        (5, 0x80),
        (6, 1),
    ] {
        let mut bad = good.clone();
        bad[position] ^= bits;
        assert_eq!(
            unpacked(Codec::Lz4, &bad),
            Err(CompressionError::Malformed(Codec::Lz4))
        );
    }
}

#[test]
fn bare_snappy_and_several_streams_are_read() {
    let plain = mixed(500_000);
    let bare = snap::raw::Encoder::new()
        .compress_vec(&plain)
        .expect("into memory");
    assert_eq!(unpacked(Codec::Snappy, &bare).as_ref(), Ok(&plain));
    let stream = compress(Codec::Snappy.into(), &plain);
    assert_eq!(
        unpacked(Codec::Snappy, &stream.repeat(2)),
        Ok(plain.repeat(2))
    );
}

#[test]
fn large_bare_snappy_is_read_and_damage_to_it_found() {
    let mut plain = mixed(3 << 20);
    plain.extend([7; 100_000]);
    plain.extend(b"ab".repeat(50_000));
    let bare = snap::raw::Encoder::new()
        .compress_vec(&plain)
        .expect("into memory");
    assert_eq!(unpacked(Codec::Snappy, &bare).as_ref(), Ok(&plain));
    for cut in [4, 5, 100, bare.len() / 2, bare.len() - 1] {
        assert!(
            unpacked(Codec::Snappy, &bare[..cut]).is_err(),
            "cut at {cut}"
        );
    }
    let mut state = 1_u32;
    for _ in 0..60 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let mut bad = bare.clone();
        let position = state as usize % bad.len();
        bad[position] ^= 1 << (state >> 29);
        let expected = snap::raw::Decoder::new().decompress_vec(&bad);
        assert_eq!(
            unpacked(Codec::Snappy, &bad).ok(),
            expected.ok(),
            "byte {position}"
        );
    }
    let trailing = [&bare[..], b"more"].concat();
    assert!(unpacked(Codec::Snappy, &trailing).is_err());
}

#[test]
fn a_snappy_block_that_claims_more_than_it_can_hold_takes_no_memory() {
    // A length of 2³² − 1 before two bytes.
    let claim = [0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0];
    let malformed = Err(CompressionError::Malformed(Codec::Snappy));
    assert_eq!(decompress(Codec::Snappy, &claim, usize::MAX), malformed);
}

#[test]
fn gzip_of_several_members_with_every_header_field_is_read() {
    let member = |plain: &[u8]| {
        let builder = flate2::GzBuilder::new();
        let builder = builder
            .filename("name")
            .comment("comment")
            .extra(&b"extra"[..]);
        let mut encoder = builder.write(Vec::new(), flate2::Compression::fast());
        encoder.write_all(plain).expect("into memory");
        encoder.finish().expect("into memory")
    };
    let (one, two) = (mixed(100_000), mixed(7));
    let mut packed = [member(&one), member(b""), member(&two)].concat();
    let plain = [one, two].concat();
    assert_eq!(unpacked(Codec::Gzip, &packed).as_ref(), Ok(&plain));
    // Java's reader ignores what begins no other member.
    packed.extend(b"after");
    assert_eq!(unpacked(Codec::Gzip, &packed), Ok(plain));
}

#[test]
fn gzip_checks_its_checksum_and_length() {
    let good = compress(Codec::Gzip.into(), b"plain");
    for position in good.len() - 8..good.len() {
        let mut bad = good.clone();
        bad[position] ^= 1;
        assert_eq!(
            unpacked(Codec::Gzip, &bad),
            Err(CompressionError::Malformed(Codec::Gzip))
        );
    }
}

#[test]
fn zstd_of_several_frames_and_skippable_ones_is_read() {
    let plain = mixed(300_000);
    let frame = compress(Codec::Zstd.into(), &plain);
    let skippable = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let packed = [&frame[..], &skippable, &frame].concat();
    assert_eq!(unpacked(Codec::Zstd, &packed), Ok(plain.repeat(2)));
    assert_eq!(unpacked(Codec::Zstd, &[]), Ok(Vec::new()));
    let junk = [&frame[..], b"junk"].concat();
    assert!(unpacked(Codec::Zstd, &junk).is_err());
}

#[test]
fn a_zstd_window_beyond_the_limit_is_refused() {
    // A frame header with a window of 2^log bytes, one raw block of one byte.
    let frame = |log: u8| [0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3, 9, 0, 0, b'x'];
    assert_eq!(unpacked(Codec::Zstd, &frame(27)), Ok(b"x".to_vec()));
    assert!(unpacked(Codec::Zstd, &frame(28)).is_err());
}
