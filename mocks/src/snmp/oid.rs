//! Object identifiers as the agent keeps them: arcs in the order of the standard.
//!
//! Text form: dotted decimal, a leading dot allowed. Wire form: X.690 section 8.19 with the limits of
//! RFC 2578 section 3.5 (128 arcs of 32 bits). Never panics on what came from the network.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The most arcs an identifier has, RFC 2578 section 3.5.
const MAX_ARCS: usize = 128;

/// An object identifier. The order of values is the lexicographic order of a MIB walk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Oid(Box<[u32]>);

/// Why a text or some octets are no object identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OidError {
    /// Fewer than two or more than 128 arcs.
    #[error("an object identifier has 2 to 128 arcs")]
    Arcs,
    /// An arc is not a decimal number of 32 bits.
    #[error("an arc of an object identifier is a decimal number up to 4294967295")]
    Arc,
    /// The first arc is above 2, or the second above 39 under 0 and 1.
    #[error("an object identifier begins with 0.0 to 0.39, 1.0 to 1.39 or 2.x")]
    Root,
    /// The octets end within an arc.
    #[error("the encoded object identifier ends within an arc")]
    Truncated,
}

impl Oid {
    /// Takes arcs, checking their number and the range of the first two.
    pub fn new(arcs: impl Into<Box<[u32]>>) -> Result<Self, OidError> {
        let arcs = arcs.into();
        let [first, second, ..] = *arcs else { return Err(OidError::Arcs) };
        if arcs.len() > MAX_ARCS {
            return Err(OidError::Arcs);
        }
        if first > 2 || (first < 2 && second > 39) || second > u32::MAX - 80 {
            return Err(OidError::Root);
        }
        Ok(Self(arcs))
    }

    /// The arcs.
    pub fn arcs(&self) -> &[u32] {
        &self.0
    }

    /// Whether this identifier is `prefix` or lies below it.
    pub fn is_under(&self, prefix: &Oid) -> bool {
        self.0.starts_with(&prefix.0)
    }

    /// An identifier behind this one: its last arc one higher.
    pub fn successor(&self) -> Self {
        let mut arcs = self.0.clone();
        if let Some(last) = arcs.last_mut() {
            *last = last.saturating_add(1);
        }
        Self(arcs)
    }

    /// The identifier above this one, if that still has two arcs.
    pub fn parent(&self) -> Option<Self> {
        let (_, above) = self.0.split_last()?;
        (above.len() >= 2).then(|| Self(above.into()))
    }

    /// Reads the content octets of an encoded identifier.
    pub fn from_ber(octets: &[u8]) -> Result<Self, OidError> {
        let mut arcs = Vec::with_capacity(octets.len().saturating_add(1).min(MAX_ARCS));
        let mut arc = 0u32;
        let mut within = false;
        for octet in octets {
            if arc > u32::MAX >> 7 {
                return Err(OidError::Arc);
            }
            arc = arc << 7 | u32::from(octet & 0x7f);
            within = octet & 0x80 != 0;
            if within {
                continue;
            }
            if arcs.is_empty() {
                let root = (arc / 40).min(2);
                arcs.extend([root, arc.saturating_sub(root * 40)]);
            } else {
                arcs.push(arc);
            }
            arc = 0;
        }
        if within { Err(OidError::Truncated) } else { Self::new(arcs) }
    }

    /// Appends the content octets, without tag and length.
    pub fn push_ber(&self, out: &mut Vec<u8>) {
        let mut arcs = self.0.iter().copied();
        let (first, second) = (arcs.next().unwrap_or(0), arcs.next().unwrap_or(0));
        for arc in std::iter::once((first * 40).saturating_add(second)).chain(arcs) {
            for shift in [28, 21, 14, 7] {
                if arc >> shift != 0 {
                    out.push(0x80 | (arc >> shift & 0x7f) as u8);
                }
            }
            out.push((arc & 0x7f) as u8);
        }
    }
}

impl FromStr for Oid {
    type Err = OidError;

    fn from_str(text: &str) -> Result<Self, OidError> {
        let text = text.strip_prefix('.').unwrap_or(text);
        let arcs: Result<Vec<u32>, _> = text.split('.').map(str::parse).collect();
        Self::new(arcs.map_err(|_| OidError::Arc)?)
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut dot = "";
        for arc in &self.0 {
            write!(f, "{dot}{arc}")?;
            dot = ".";
        }
        Ok(())
    }
}

impl TryFrom<String> for Oid {
    type Error = OidError;

    fn try_from(text: String) -> Result<Self, OidError> {
        text.parse()
    }
}

impl From<Oid> for String {
    fn from(oid: Oid) -> String {
        oid.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid(text: &str) -> Oid {
        text.parse().unwrap()
    }

    fn ber(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        oid(text).push_ber(&mut out);
        out
    }

    /// The examples of X.690 section 8.19.5 and RFC 3416's `zeroDotZero`.
    #[test]
    fn wire_form() {
        assert_eq!(ber("2.100.3"), [0x81, 0x34, 0x03]);
        assert_eq!(ber("0.0"), [0x00]);
        assert_eq!(ber("1.3.6.1.4.1.318"), [0x2b, 6, 1, 4, 1, 0x82, 0x3e]);
        assert_eq!(ber("1.3.4294967295"), [0x2b, 0x8f, 0xff, 0xff, 0xff, 0x7f]);
        for text in ["2.100.3", "0.0", "1.3.6.1.4.1.318", "1.3.4294967295", "2.999.16384", "0.39", "1.0"] {
            assert_eq!(Oid::from_ber(&ber(text)), Ok(oid(text)));
        }
    }

    #[test]
    fn refuses_what_is_none() {
        assert_eq!("1".parse::<Oid>(), Err(OidError::Arcs));
        assert_eq!("1.x".parse::<Oid>(), Err(OidError::Arc));
        assert_eq!("3.1".parse::<Oid>(), Err(OidError::Root));
        assert_eq!("1.40".parse::<Oid>(), Err(OidError::Root));
        assert_eq!(Oid::from_ber(&[]), Err(OidError::Arcs));
        assert_eq!(Oid::from_ber(&[0x2b, 0x86]), Err(OidError::Truncated));
        assert_eq!(Oid::from_ber(&[0x2b, 0xff, 0xff, 0xff, 0xff, 0x7f]), Err(OidError::Arc));
        assert_eq!(Oid::from_ber(&[0x2b; 200]), Err(OidError::Arcs));
    }

    #[test]
    fn order_is_that_of_a_walk() {
        assert!(oid("1.3.6.2") < oid("1.3.6.10"));
        assert!(oid("1.3.6") < oid("1.3.6.0"));
        assert!(oid("1.3.6.1.1").is_under(&oid("1.3.6.1")) && !oid("1.3.6.11").is_under(&oid("1.3.6.1")));
    }
}
