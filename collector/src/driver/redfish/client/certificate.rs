//! What an operator needs to know of a device's certificate: names, end of validity, fingerprint.
//!
//! A bounded reader for the few fields of RFC 5280 section 4.1 that lie in front of the key, over the
//! DER encoding of X.690. It judges nothing: trust is decided in `tls`.

use model::Timestamp;
use sha2::{Digest, Sha256};

use crate::calendar;

/// Longest name that is shown, in bytes. Names come from the device and end in logs.
const MAX_NAME: usize = 120;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// id-at-commonName, 2.5.4.3.
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];

/// A device's certificate, as far as it could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of the DER form: what a target pins.
    pub fingerprint: [u8; 32],
    /// End of validity, in milliseconds since 1970.
    pub not_after: Option<Timestamp>,
    /// Common name of the owner, cleaned for display; empty if there is none.
    pub subject: String,
    /// Common name of the issuer, cleaned for display; empty if there is none.
    pub issuer: String,
    /// Whether owner and issuer are the same.
    pub self_signed: bool,
}

impl Certificate {
    /// Reads a certificate in DER form. Fields that cannot be read stay empty.
    pub fn read(der: &[u8]) -> Self {
        let fields = fields(der);
        Self {
            fingerprint: Sha256::digest(der).into(),
            not_after: fields.as_ref().and_then(|fields| not_after(fields.validity)),
            subject: fields.as_ref().map(|fields| common_name(fields.subject)).unwrap_or_default(),
            issuer: fields.as_ref().map(|fields| common_name(fields.issuer)).unwrap_or_default(),
            self_signed: fields.as_ref().is_some_and(|fields| fields.subject == fields.issuer),
        }
    }

    /// The fingerprint in lower-case hexadecimal digits, as a target's `pin` takes it.
    pub fn fingerprint_hex(&self) -> String {
        self.fingerprint.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

struct Fields<'a> {
    issuer: &'a [u8],
    validity: &'a [u8],
    subject: &'a [u8],
}

/// TBSCertificate: version, serialNumber, signature, issuer, validity, subject, …
fn fields(der: &[u8]) -> Option<Fields<'_>> {
    let certificate = expect(der, SEQUENCE)?.0;
    let mut rest = expect(certificate, SEQUENCE)?.0;
    if rest.first() == Some(&VERSION) {
        rest = take(rest)?.2;
    }
    let (_serial, rest) = skip(rest)?;
    let (_signature, rest) = skip(rest)?;
    let (issuer, rest) = expect(rest, SEQUENCE)?;
    let (validity, rest) = expect(rest, SEQUENCE)?;
    let (subject, _) = expect(rest, SEQUENCE)?;
    Some(Fields { issuer, validity, subject })
}

/// One element: tag, content, and what follows.
fn take(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = input.split_first()?;
    if tag & 0x1f == 0x1f {
        return None; // a tag of several bytes: there is none in front of the key
    }
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(first) {
        short @ 0..0x80 => (short, rest),
        long => {
            let (bytes, rest) = rest.split_at_checked(long & 0x7f)?;
            if bytes.is_empty() || bytes.len() > 3 {
                return None; // indefinite, or over 16 MiB
            }
            (bytes.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)), rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn expect(input: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = take(input)?;
    (tag == wanted).then_some((content, rest))
}

fn skip(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, content, rest) = take(input)?;
    Some((content, rest))
}

/// The first common name of a Name (RFC 5280 section 4.1.2.4).
fn common_name(mut name: &[u8]) -> String {
    while let Some((mut set, rest)) = expect(name, SET) {
        while let Some((attribute, more)) = expect(set, SEQUENCE) {
            if let Some((oid, value)) = skip(attribute)
                && oid == COMMON_NAME
                && let Some((text, _)) = skip(value)
            {
                return display(text);
            }
            set = more;
        }
        name = rest;
    }
    String::new()
}

fn display(text: &[u8]) -> String {
    let text = text.get(..MAX_NAME).unwrap_or(text);
    String::from_utf8_lossy(text).chars().filter(|c| !c.is_control()).collect()
}

fn not_after(validity: &[u8]) -> Option<Timestamp> {
    let (_not_before, rest) = skip(validity)?;
    let (tag, text, _) = take(rest)?;
    let (century, text) = match tag {
        UTC_TIME => {
            let year = two_digits(text)?;
            (if year < 50 { 20 } else { 19 }, text)
        }
        GENERALIZED_TIME => (two_digits(text)?, text.get(2..)?),
        _ => return None,
    };
    if text.get(12..) != Some(b"Z") {
        return None; // RFC 5280 section 4.1.2.5: UTC, with seconds, without fractions
    }
    let part = |at: usize| two_digits(text.get(at..)?);
    let (year, month, day) = (century * 100 + part(0)?, part(2)?, part(4)?);
    let (hour, minute, second) = (part(6)?, part(8)?, part(10)?);
    let days = calendar::days_since_1970(year, month, day)?;
    let valid = hour <= 23 && minute <= 59 && second <= 60;
    valid.then_some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000)
}

fn two_digits(text: &[u8]) -> Option<i64> {
    let &[tens, ones, ..] = text else { return None };
    let digit = |c: u8| c.is_ascii_digit().then(|| i64::from(c) - i64::from(b'0'));
    Some(digit(tens)? * 10 + digit(ones)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(name: &str, not_after: (i32, u8, u8)) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.not_after = rcgen::date_time_ymd(not_after.0, not_after.1, not_after.2);
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    /// Expected: `date -u -d DATE +%s`.
    #[test]
    fn the_end_of_validity_is_read_in_both_of_its_forms() {
        let utc = Certificate::read(&signed("bmc", (2031, 3, 1)));
        assert_eq!(utc.not_after, Some(1_930_089_600_000));
        let generalized = Certificate::read(&signed("bmc", (2124, 2, 29)));
        assert_eq!(generalized.not_after, Some(4_864_838_400_000));
        let last = Certificate::read(&signed("bmc", (9999, 12, 31)));
        assert_eq!(last.not_after, Some(253_402_214_400_000));
    }

    #[test]
    fn names_are_read_and_cleaned() {
        let certificate = Certificate::read(&signed("idrac-\u{1b}[31mABC", (2031, 3, 1)));
        assert_eq!(certificate.subject, "idrac-[31mABC");
        assert_eq!(certificate.issuer, "idrac-[31mABC");
        assert!(certificate.self_signed);
        assert_eq!(certificate.fingerprint_hex().len(), 64);
    }

    #[test]
    fn a_certificate_that_is_cut_anywhere_is_still_only_bytes() {
        let der = signed("bmc", (2031, 3, 1));
        for end in 0..der.len() {
            assert_eq!(Certificate::read(&der[..end]).not_after, None);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            Certificate::read(&bytes);
        }

        #[test]
        fn a_damaged_certificate_is_read_without_panic(at in 0_usize..400, byte: u8) {
            let mut der = signed("bmc", (2031, 3, 1));
            if let Some(place) = der.get_mut(at) {
                *place = byte;
            }
            Certificate::read(&der);
        }
    }
}
