//! Broker addresses as people write them. Pure.

use std::fmt;

use super::ClientError;

/// The port brokers listen on unless told otherwise.
const DEFAULT_PORT: u16 = 9092;

/// Where a broker listens; the name is resolved when a connection is opened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// A host name or an IP address, without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl Address {
    /// Reads `HOST:PORT`, `HOST` (port 9092), `[::1]:PORT`.
    pub fn parse(text: &str) -> Result<Self, ClientError> {
        let wrong = |why: &str| ClientError::Address {
            text: text.to_owned(),
            why: why.to_owned(),
        };
        let (host, port) = split(text);
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err(wrong("there is no host name in it"));
        }
        if host.contains("://") || host.contains('/') {
            return Err(wrong("give HOST:PORT without a scheme or a path"));
        }
        let port = match port {
            None => DEFAULT_PORT,
            Some(port) => port
                .parse()
                .map_err(|_| wrong("its port is not 1 to 65535"))?,
        };
        let host = host.to_owned();
        Ok(Self { host, port })
    }

    /// Reads a comma-separated list of at least one address.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, ClientError> {
        text.split(',')
            .map(|part| Self::parse(part.trim()))
            .collect()
    }
}

/// Host and port; a bare IPv6 address has no port.
fn split(text: &str) -> (&str, Option<&str>) {
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (host, rest.strip_prefix(':'));
    }
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => (host, Some(port)),
        _ => (text, None),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_all_their_forms() {
        let shown = |text| Address::parse(text).unwrap().to_string();
        assert_eq!(shown("localhost"), "localhost:9092");
        assert_eq!(shown("10.0.0.1:19092"), "10.0.0.1:19092");
        assert_eq!(shown("[::1]:9093"), "[::1]:9093");
        assert_eq!(shown("::1"), "[::1]:9092");
        assert_eq!(Address::parse_list("a:1, b:2").unwrap().len(), 2);
    }

    #[test]
    fn wrong_addresses_are_explained() {
        for wrong in [
            "",
            "host:port",
            "host:99999",
            ":9092",
            "PLAINTEXT://a:1",
            "a,",
        ] {
            assert!(Address::parse_list(wrong).is_err(), "{wrong}");
        }
    }
}
