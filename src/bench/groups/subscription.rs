//! The bytes that classic consumers tell each other through the broker. Pure.
//!
//! A load's members subscribe to one topic, so there is one topic in each of them.

/// Version 1 of both: the first in which a subscription tells what the member owns (KIP-429).
const VERSION: i16 = 1;

/// What a member tells the leader: the topic, and the partitions it owns.
pub(super) fn encode_subscription(topic: &str, owned: &[i32]) -> Vec<u8> {
    let mut out = VERSION.to_be_bytes().to_vec();
    put_len(&mut out, 1);
    put_text(&mut out, topic);
    put_no_user_data(&mut out);
    put_partitions(&mut out, topic, owned);
    out
}

/// The partitions that a subscription tells to be owned; `None` if it cannot be read.
pub(super) fn decode_owned(metadata: &[u8]) -> Option<Vec<i32>> {
    let mut rest = Rest(metadata);
    let version = rest.short()?;
    for _ in 0..rest.int()? {
        rest.text()?;
    }
    rest.user_data()?;
    match version {
        0 => Some(Vec::new()),
        _ => rest.partitions(),
    }
}

/// What the leader gives to a member.
pub(super) fn encode_assignment(topic: &str, partitions: &[i32]) -> Vec<u8> {
    let mut out = VERSION.to_be_bytes().to_vec();
    put_partitions(&mut out, topic, partitions);
    put_no_user_data(&mut out);
    out
}

/// The partitions of an assignment; `None` if it cannot be read. No bytes are no partitions.
pub(super) fn decode_assignment(bytes: &[u8]) -> Option<Vec<i32>> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let mut rest = Rest(bytes);
    rest.short()?;
    rest.partitions()
}

fn put_len(out: &mut Vec<u8>, len: usize) {
    out.extend_from_slice(&(len as i32).to_be_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as i16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn put_no_user_data(out: &mut Vec<u8>) {
    out.extend_from_slice(&(-1i32).to_be_bytes());
}

fn put_partitions(out: &mut Vec<u8>, topic: &str, partitions: &[i32]) {
    put_len(out, usize::from(!partitions.is_empty()));
    if partitions.is_empty() {
        return;
    }
    put_text(out, topic);
    put_len(out, partitions.len());
    for partition in partitions {
        out.extend_from_slice(&partition.to_be_bytes());
    }
}

/// What has not been read yet.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn short(&mut self) -> Option<i16> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(i16::from_be_bytes(*head))
    }

    fn int(&mut self) -> Option<i32> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(i32::from_be_bytes(*head))
    }

    fn text(&mut self) -> Option<()> {
        let len = usize::try_from(self.short()?).ok()?;
        self.0 = self.0.get(len..)?;
        Some(())
    }

    fn user_data(&mut self) -> Option<()> {
        let len = usize::try_from(self.int()?).unwrap_or(0);
        self.0 = self.0.get(len..)?;
        Some(())
    }

    fn partitions(&mut self) -> Option<Vec<i32>> {
        let mut partitions = Vec::new();
        for _ in 0..self.int()? {
            self.text()?;
            for _ in 0..self.int()? {
                partitions.push(self.int()?);
            }
        }
        Some(partitions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_comes_back() {
        for owned in [&[][..], &[3], &[0, 7, 499]] {
            let told = encode_subscription("orders", owned);
            assert_eq!(decode_owned(&told).as_deref(), Some(owned));
            let given = encode_assignment("orders", owned);
            assert_eq!(decode_assignment(&given).as_deref(), Some(owned));
        }
        assert_eq!(decode_assignment(&[]), Some(Vec::new()));
    }

    #[test]
    fn what_is_cut_off_is_not_read() {
        let told = encode_subscription("orders", &[1, 2]);
        for end in 0..told.len() {
            assert_eq!(decode_owned(&told[..end]), None, "{end} bytes");
        }
        assert_eq!(
            decode_owned(b"\0\0\0\0\0\0\xff\xff\xff\xff"),
            Some(Vec::new())
        );
    }
}
