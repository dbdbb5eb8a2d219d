//! Where a device answers: `10.0.0.7`, `pdu-a1.example:1161`, `2001:db8::7`, `[2001:db8::7]:161`.

use std::net::Ipv6Addr;

use crate::target::Address;

/// Longest host name (RFC 1035, section 2.3.4).
const MAX_HOST_BYTES: usize = 253;

/// Why a text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no address: {reason}")]
pub struct AddressError {
    text: String,
    reason: &'static str,
}

/// Reads an address; `default_port` stands where it names none.
///
/// # Errors
/// The text is neither a host name nor an IP address, or its port is none.
pub fn parse_address(text: &str, default_port: u16) -> Result<Address, AddressError> {
    let wrong = |reason| AddressError { text: text.to_owned(), reason };
    if text.contains("://") {
        return Err(wrong("it has a scheme"));
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or_else(|| wrong("a bracket is not closed"))?;
            host.parse::<Ipv6Addr>().map_err(|_| wrong("the brackets hold no IPv6 address"))?;
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => return Err(wrong("a port follows the bracket after a colon")),
            }
        }
        None if text.parse::<Ipv6Addr>().is_ok() => (text, None),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        None => default_port,
        Some(port) => match port.parse::<u16>() {
            Ok(port) if port > 0 => port,
            _ => return Err(wrong("a port is a number from 1 to 65535")),
        },
    };
    let is_name = |host: &str| {
        host.starts_with(|c: char| c.is_ascii_alphanumeric())
            && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
    };
    if host.len() > MAX_HOST_BYTES || !(is_name(host) || host.contains(':')) {
        return Err(wrong("a host name has letters, digits, dots and hyphens"));
    }
    Ok(Address { host: host.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_and_prints() {
        for (text, printed) in [
            ("10.0.0.7", "10.0.0.7:161"),
            ("pdu-a1.example:1161", "pdu-a1.example:1161"),
            ("2001:db8::7", "[2001:db8::7]:161"),
            ("[2001:db8::7]", "[2001:db8::7]:161"),
            ("[::1]:1161", "[::1]:1161"),
        ] {
            assert_eq!(parse_address(text, 161).unwrap().to_string(), printed);
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            ":161",
            "a:",
            "a:0",
            "a:65536",
            "a:x",
            "a:1:2",
            "https://a",
            "a/b",
            "a b",
            "[::1",
            "[a]:1",
            "[::1]x",
            "-a",
        ] {
            assert!(parse_address(text, 161).is_err(), "{text:?}");
        }
    }
}
