//! Where a client comes from, as groups tell of it.

use std::net::IpAddr;

/// The address as Java writes one without a name: a slash, and IPv6 with every group of digits.
/// An IPv4 address that came over a socket for both is an IPv4 address.
pub(super) fn client_host(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => format!("/{address}"),
        IpAddr::V6(address) => {
            let groups = address.segments().map(|group| format!("{group:x}"));
            format!("/{}", groups.join(":"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_look_as_in_java() {
        for (address, expected) in [
            ("127.0.0.1", "/127.0.0.1"),
            ("::ffff:10.0.0.7", "/10.0.0.7"),
            ("::1", "/0:0:0:0:0:0:0:1"),
            ("fe80::a0b:1", "/fe80:0:0:0:0:0:a0b:1"),
        ] {
            assert_eq!(client_host(address.parse().unwrap()), expected);
        }
    }
}
