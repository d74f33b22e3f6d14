//! Listeners: where clients connect and what they are told.

use std::collections::BTreeMap;
use std::fmt;

/// A place clients connect to, as `NAME://HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its name, `PLAINTEXT` unless named otherwise.
    pub name: String,
    /// Host or address without brackets; empty means every interface.
    pub host: String,
    /// Port; 0 lets the kernel choose.
    pub port: u16,
}

impl Listener {
    /// Parses `NAME://HOST:PORT`; an IPv6 address stands in brackets.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, address) = text.trim().split_once("://")?;
        let (host, port) = address.rsplit_once(':')?;
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        let name_is_fine = !name.is_empty() && !name.contains([':', '/', ',']);
        let host_is_fine =
            !host.contains(['/', '[', ']', ' ']) && (bare.is_some() || !host.contains(':'));
        if !name_is_fine || !host_is_fine {
            return None;
        }
        let port = port.parse().ok()?;
        Some(Self {
            name: name.to_owned(),
            host: host.to_owned(),
            port,
        })
    }

    /// Whether the host is one nobody can connect to: it stands for every interface.
    pub fn is_wildcard(&self) -> bool {
        matches!(self.host.as_str(), "" | "0.0.0.0" | "::")
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "{}://[{}]:{}", self.name, self.host, self.port)
        } else {
            write!(f, "{}://{}:{}", self.name, self.host, self.port)
        }
    }
}

/// The text for `listeners` or `advertised.listeners` of a plain `HOST:PORT`, as the flags
/// `--listen` and `--advertise` take it; a text that names its listener stays as it is.
pub fn plaintext_listener(host_and_port: &str) -> String {
    if host_and_port.contains("://") {
        host_and_port.to_owned()
    } else {
        format!("PLAINTEXT://{host_and_port}")
    }
}

/// Which protocol each listener name speaks, from `NAME:PROTOCOL,...`; `None` where an element
/// is no such pair.
pub(super) fn protocols(map: &str) -> Option<BTreeMap<String, String>> {
    let pair = |element: &str| {
        let (name, protocol) = element.split_once(':')?;
        Some((name.trim().to_owned(), protocol.trim().to_owned()))
    };
    map.split(',')
        .filter(|element| !element.trim().is_empty())
        .map(pair)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_read_and_written() {
        let cases = [
            ("PLAINTEXT://:9092", Some(("PLAINTEXT", "", 9092))),
            (
                "PLAINTEXT://127.0.0.1:0",
                Some(("PLAINTEXT", "127.0.0.1", 0)),
            ),
            ("IN://[::1]:9092", Some(("IN", "::1", 9092))),
            (
                "IN://broker-1.example:1",
                Some(("IN", "broker-1.example", 1)),
            ),
            ("127.0.0.1:9092", None),
            ("PLAINTEXT://host", None),
            ("PLAINTEXT://host:70000", None),
            ("PLAINTEXT://::1:9092", None),
            ("://host:1", None),
        ];
        for (text, expected) in cases {
            let parsed = Listener::parse(text);
            let seen = parsed
                .as_ref()
                .map(|l| (l.name.as_str(), l.host.as_str(), l.port));
            assert_eq!(seen, expected, "{text}");
            if let Some(listener) = parsed {
                assert_eq!(listener.to_string(), text);
            }
        }
    }

    #[test]
    fn a_flag_needs_no_listener_name() {
        assert_eq!(plaintext_listener("h:1"), "PLAINTEXT://h:1");
        assert_eq!(plaintext_listener("IN://h:1"), "IN://h:1");
    }
}
