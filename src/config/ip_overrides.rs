//! `max.connections.per.ip.overrides`: addresses with a number of connections of their own.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// Numbers of connections by address; IPv4 addresses in IPv6 form are IPv4 addresses.
pub(super) type IpOverrides = BTreeMap<IpAddr, usize>;

/// Reads `address:count,address:count`; `Err` is the entry that makes no sense.
pub(super) fn parse(text: &str) -> Result<IpOverrides, &str> {
    let entries = text
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty());
    entries
        .map(|entry| parse_entry(entry).ok_or(entry))
        .collect()
}

/// The last colon separates, as in Kafka, so that IPv6 addresses need no brackets.
fn parse_entry(entry: &str) -> Option<(IpAddr, usize)> {
    let (address, count) = entry.rsplit_once(':')?;
    let address = address.trim();
    let bare = address
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address: IpAddr = bare.unwrap_or(address).parse().ok()?;
    let count: i32 = count.trim().parse().ok()?;
    Some((address.to_canonical(), usize::try_from(count).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_counts() {
        let parsed = parse("10.0.0.1:5, ::1:2,[fe80::1]:0 ,::ffff:10.0.0.2:3").unwrap();
        let expected = [("10.0.0.1", 5), ("10.0.0.2", 3), ("::1", 2), ("fe80::1", 0)];
        let expected = expected.map(|(address, count)| (address.parse().unwrap(), count));
        assert_eq!(parsed, IpOverrides::from(expected));
        assert_eq!(parse(""), Ok(IpOverrides::new()));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for wrong in ["10.0.0.1", "host:5", "10.0.0.1:-1", "10.0.0.1:x", ":5"] {
            assert_eq!(parse(&format!("10.0.0.9:1,{wrong}")), Err(wrong));
        }
    }
}
