//! Zig-zag varints, as records use them, and the bounded cursor that reads them.

/// Reads forward through borrowed bytes; `None` from any method means "not there".
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    #[inline]
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    #[inline]
    pub(super) fn position(&self) -> usize {
        self.position
    }

    #[inline]
    pub(super) fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.position)?;
        self.position += 1;
        Some(byte)
    }

    #[inline]
    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let end = self.position.checked_add(len)?;
        let taken = self.bytes.get(self.position..end)?;
        self.position = end;
        Some(taken)
    }

    /// A signed 32-bit value of at most five bytes.
    #[inline]
    pub(super) fn varint(&mut self) -> Option<i32> {
        let first = self.byte()?;
        if first < 0x80 {
            return Some(unzigzag32(u32::from(first)));
        }
        let value = self.rest_of_varint(u64::from(first & 0x7f), 5)?;
        Some(unzigzag32(value as u32))
    }

    /// A signed 64-bit value of at most ten bytes.
    #[inline]
    pub(super) fn varlong(&mut self) -> Option<i64> {
        let first = self.byte()?;
        if first < 0x80 {
            return Some(unzigzag64(u64::from(first)));
        }
        let value = self.rest_of_varint(u64::from(first & 0x7f), 10)?;
        Some(unzigzag64(value))
    }

    /// Bits beyond the type's width are dropped, as Kafka's reader drops them.
    #[inline]
    fn rest_of_varint(&mut self, first: u64, bytes_max: u32) -> Option<u64> {
        let mut value = first;
        for index in 1..bytes_max {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// A length and that many bytes; −1, and as in Kafka any other negative length, means null.
    #[inline]
    pub(super) fn nullable_bytes(&mut self) -> Option<Option<&'a [u8]>> {
        match usize::try_from(self.varint()?) {
            Ok(len) => self.take(len).map(Some),
            Err(_) => Some(None),
        }
    }
}

/// Appends a signed 32-bit value.
#[inline]
pub(super) fn put_varint(out: &mut Vec<u8>, value: i32) {
    put_unsigned(out, u64::from(zigzag32(value)));
}

/// Appends a signed 64-bit value.
#[inline]
pub(super) fn put_varlong(out: &mut Vec<u8>, value: i64) {
    put_unsigned(out, zigzag64(value));
}

/// How many bytes [`put_varint`] takes.
#[inline]
pub(super) fn varint_bytes(value: i32) -> usize {
    unsigned_bytes(u64::from(zigzag32(value)))
}

/// How many bytes [`put_varlong`] takes.
#[inline]
pub(super) fn varlong_bytes(value: i64) -> usize {
    unsigned_bytes(zigzag64(value))
}

#[inline]
fn put_unsigned(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[inline]
fn unsigned_bytes(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

#[inline]
fn zigzag32(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

#[inline]
fn zigzag64(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[inline]
pub(super) fn unzigzag32(value: u32) -> i32 {
    (value >> 1) as i32 ^ -((value & 1) as i32)
}

#[inline]
pub(super) fn unzigzag64(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes() {
        for (value, bytes) in [
            (0, &[0x00][..]),
            (-1, &[0x01]),
            (1, &[0x02]),
            (63, &[0x7e]),
            (-64, &[0x7f]),
            (64, &[0x80, 0x01]),
            (8191, &[0xfe, 0x7f]),
            (8192, &[0x80, 0x80, 0x01]),
            (i32::MAX, &[0xfe, 0xff, 0xff, 0xff, 0x0f]),
            (i32::MIN, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        ] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out, bytes, "{value}");
            assert_eq!(varint_bytes(value), bytes.len());
            assert_eq!(Cursor::new(bytes).varint(), Some(value));
        }
    }

    #[test]
    fn every_width_of_a_varlong_round_trips() {
        for shift in 0..64 {
            for value in [
                1i64 << shift,
                (1i64 << shift).wrapping_neg(),
                (1i64 << shift) ^ -1,
            ] {
                let mut out = Vec::new();
                put_varlong(&mut out, value);
                assert_eq!(varlong_bytes(value), out.len());
                assert_eq!(Cursor::new(&out).varlong(), Some(value));
            }
        }
    }

    #[test]
    fn too_long_or_cut_off_is_refused() {
        assert_eq!(Cursor::new(&[0x80; 5]).varint(), None);
        assert_eq!(Cursor::new(&[0x80; 10]).varlong(), None);
        assert_eq!(Cursor::new(&[0x80; 4]).varint(), None);
        assert_eq!(Cursor::new(&[]).varint(), None);
    }

    #[test]
    fn a_length_beyond_the_bytes_is_refused_and_any_negative_one_is_null() {
        assert_eq!(Cursor::new(&[0x06, 1, 2]).nullable_bytes(), None);
        assert_eq!(Cursor::new(&[0x01]).nullable_bytes(), Some(None));
        assert_eq!(Cursor::new(&[0x03]).nullable_bytes(), Some(None));
        assert_eq!(
            Cursor::new(&[0x04, 1, 2]).nullable_bytes(),
            Some(Some(&[1, 2][..]))
        );
    }
}
