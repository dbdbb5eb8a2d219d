//! Scrubs recordings: names, addresses, serial numbers and the like give way to placeholders of the
//! same form, the same one everywhere, so that a recording still behaves as its device.
//!
//! Knows objects by their OID where standards name them, and forms elsewhere. It cannot know what a
//! text means.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use async_snmp::Value as Raw;
use bytes::Bytes;

use crate::profile::source::Oid;

/// Objects whose whole text names an owner or a single device: sysContact, sysName, sysLocation,
/// ifAlias, entPhysicalSerialNum, entPhysicalAlias, entPhysicalAssetID, upsIdentName,
/// upsIdentAttachedDevices.
const PRIVATE: [&[u32]; 9] = [
    &[1, 3, 6, 1, 2, 1, 1, 4],
    &[1, 3, 6, 1, 2, 1, 1, 5],
    &[1, 3, 6, 1, 2, 1, 1, 6],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 18],
    &[1, 3, 6, 1, 2, 1, 47, 1, 1, 1, 1, 11],
    &[1, 3, 6, 1, 2, 1, 47, 1, 1, 1, 1, 14],
    &[1, 3, 6, 1, 2, 1, 47, 1, 1, 1, 1, 15],
    &[1, 3, 6, 1, 2, 1, 33, 1, 1, 5],
    &[1, 3, 6, 1, 2, 1, 33, 1, 1, 6],
];

/// Shortest text of a private object that is replaced wherever else it occurs. Shorter ones, such as
/// `A` or `pdu`, are words of their own.
const MIN_WORD: usize = 4;

/// A run of letters and digits this long with this many digits is taken for a serial number. Models
/// and versions have fewer.
const SERIAL: (usize, usize) = (8, 6);

/// Replaces what should not leave the owner's network.
pub(super) struct Scrubber {
    /// Placeholders by what they stand for.
    known: BTreeMap<String, String>,
    used: BTreeSet<String>,
    addresses: BTreeMap<Ipv4Addr, Ipv4Addr>,
    stations: BTreeMap<[u8; 6], [u8; 6]>,
    /// Texts that are replaced wherever they occur, the longest first.
    words: Vec<String>,
    /// Short secrets: replaced where they are all of a text.
    short: Vec<String>,
}

impl Scrubber {
    /// For the rows of one device. `secrets` are replaced wherever they occur.
    pub(super) fn new(rows: &BTreeMap<Oid, Raw>, secrets: Vec<String>) -> Self {
        let private = rows.iter().filter(|(oid, _)| is_private(oid)).filter_map(|(_, raw)| text_of(raw));
        let (long, short): (Vec<_>, Vec<_>) = secrets.into_iter().partition(|text| text.len() >= MIN_WORD);
        let private = private.filter(|text| text.len() >= MIN_WORD).map(str::to_owned);
        // Addresses have their own placeholders.
        let mut words: Vec<_> =
            long.into_iter().chain(private).filter(|word| word.parse::<IpAddr>().is_err()).collect();
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        words.dedup();
        let mut scrubber = Self {
            known: BTreeMap::new(),
            used: BTreeSet::new(),
            addresses: BTreeMap::new(),
            stations: BTreeMap::new(),
            words,
            short,
        };
        // Addresses first: they may be part of an index that comes earlier.
        for (oid, raw) in rows {
            scrubber.value(oid, raw);
        }
        scrubber
    }

    /// The value of one instance.
    pub(super) fn value(&mut self, oid: &Oid, raw: &Raw) -> Raw {
        match raw {
            Raw::IpAddress(bytes) => Raw::IpAddress(self.address(Ipv4Addr::from(*bytes)).octets()),
            Raw::OctetString(bytes) => Raw::OctetString(match text_of(raw) {
                Some(text)
                    if !text.is_empty()
                        && (is_private(oid) || self.short.iter().any(|short| short == text)) =>
                {
                    self.placeholder(text).into()
                }
                Some(text) => self.text(text).into(),
                None => self.binary(bytes),
            }),
            other => other.clone(),
        }
    }

    /// The name of one instance: known addresses may be part of its index.
    pub(super) fn oid(&self, oid: &Oid) -> Oid {
        let mut arcs = oid.as_slice().to_vec();
        for (from, to) in &self.addresses {
            replace(&mut arcs, &from.octets(), &to.octets());
        }
        for (from, to) in &self.stations {
            replace(&mut arcs, from, to);
        }
        Oid::new(arcs)
    }

    fn binary(&mut self, bytes: &Bytes) -> Bytes {
        if let Ok(station) = <[u8; 6]>::try_from(bytes.as_ref()) {
            return Bytes::copy_from_slice(&self.station(station));
        }
        match <[u8; 4]>::try_from(bytes.as_ref()).map(Ipv4Addr::from) {
            Ok(address) if address.is_private() || self.addresses.contains_key(&address) => {
                Bytes::copy_from_slice(&self.address(address).octets())
            }
            _ => bytes.clone(),
        }
    }

    fn text(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for word in self.words.clone() {
            if text.contains(&word) {
                let placeholder = self.placeholder(&word);
                text = text.replace(&word, &placeholder);
            }
        }
        let mut clean = String::with_capacity(text.len());
        for piece in text.split_inclusive(|c: char| c.is_whitespace() || "\"'()[]<>,;=/|".contains(c)) {
            let end = piece.trim_end_matches(|c: char| !c.is_alphanumeric()).len();
            let (token, tail) = piece.split_at(end);
            clean.push_str(&self.token(token));
            clean.push_str(tail);
        }
        clean
    }

    fn token(&mut self, token: &str) -> String {
        if self.used.contains(token) {
            return token.to_owned();
        }
        if let Some((_, host)) = token.split_once('@')
            && host.contains('.')
        {
            return self.numbered(token, |n| format!("user{n}@example.com"));
        }
        if let Some((station, separator)) = parse_station(token) {
            return write_station(self.station(station), separator);
        }
        if let Ok(address) = token.parse::<Ipv4Addr>()
            && address.octets().first().is_some_and(|first| *first >= 10)
        {
            // Four small numbers are a version.
            return self.address(address).to_string();
        }
        if token.parse::<Ipv6Addr>().is_ok_and(|address| !address.is_loopback() && !address.is_unspecified())
        {
            return self.numbered(token, |n| format!("2001:db8::{n:x}"));
        }
        let mut clean = String::with_capacity(token.len());
        for piece in token.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
            let run = piece.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            let digits = run.bytes().filter(u8::is_ascii_digit).count();
            if run.len() >= SERIAL.0 && digits >= SERIAL.1 && !self.used.contains(run) {
                clean.push_str(&self.placeholder(run));
                clean.push_str(piece.strip_prefix(run).unwrap_or_default());
            } else {
                clean.push_str(piece);
            }
        }
        clean
    }

    /// A text of the same form: letters become X or x, digits become a number.
    fn placeholder(&mut self, text: &str) -> String {
        let places = text.chars().filter(char::is_ascii_digit).count();
        self.numbered(text, |n| {
            let number = format!("{n:0places$}");
            let mut digits = number.chars().skip(number.len().saturating_sub(places));
            let shape = text.chars().map(|c| match c {
                '0'..='9' => digits.next().unwrap_or('0'),
                c if c.is_uppercase() => 'X',
                c if c.is_alphabetic() => 'x',
                c => c,
            });
            let shape: String = shape.collect();
            // Without digits there is one text of a form; the others get a number behind.
            if places == 0 && n > 1 { format!("{shape}{n}") } else { shape }
        })
    }

    /// The placeholder of a text, from the first number that gives an unused one.
    fn numbered(&mut self, text: &str, make: impl Fn(usize) -> String) -> String {
        if let Some(known) = self.known.get(text) {
            return known.clone();
        }
        // There are more numbers than placeholders in use, and a long text for those of few digits.
        let tries = 1..=self.used.len().saturating_add(1);
        let free = tries.map(make).find(|one| !self.used.contains(one) && one != text);
        let placeholder = free.unwrap_or_else(|| format!("scrubbed-{}", self.used.len()));
        self.known.insert(text.to_owned(), placeholder.clone());
        self.used.insert(placeholder.clone());
        placeholder
    }

    /// An address of the documentation and benchmark ranges (RFC 5737, RFC 2544). Masks and addresses
    /// that belong to nobody stay.
    fn address(&mut self, address: Ipv4Addr) -> Ipv4Addr {
        let first = address.octets().first().copied().unwrap_or_default();
        if address.is_loopback() || first == 0 || first >= 224 || self.used.contains(&address.to_string()) {
            return address;
        }
        if let Some(known) = self.addresses.get(&address) {
            return *known;
        }
        let count = u32::try_from(self.addresses.len()).unwrap_or(u32::MAX);
        let placeholder = match count {
            0..254 => Ipv4Addr::from(0xc000_0201_u32.saturating_add(count)),
            _ => Ipv4Addr::from(0xc612_0000_u32.saturating_add(count % 0x2_0000)),
        };
        self.addresses.insert(address, placeholder);
        self.used.insert(placeholder.to_string());
        placeholder
    }

    /// A locally administered address (IEEE 802, section 8.2.2).
    fn station(&mut self, station: [u8; 6]) -> [u8; 6] {
        if station == [0; 6] || station == [0xff; 6] || self.stations.values().any(|known| *known == station)
        {
            return station;
        }
        let next = u32::try_from(self.stations.len()).unwrap_or(u32::MAX).saturating_add(1);
        let [a, b, c, d] = next.to_be_bytes();
        *self.stations.entry(station).or_insert([2, 0, a, b, c, d])
    }
}

fn is_private(oid: &Oid) -> bool {
    PRIVATE.iter().any(|object| oid.as_slice().starts_with(object))
}

/// The text of a value that is one: no control characters but line ends and a closing NUL.
fn text_of(raw: &Raw) -> Option<&str> {
    let Raw::OctetString(bytes) = raw else { return None };
    let text = std::str::from_utf8(bytes).ok()?;
    let body = text.trim_end_matches('\0');
    (!body.chars().any(|c| c.is_control() && !"\r\n\t".contains(c))).then_some(text)
}

/// Replaces a run of numbers in an index, wherever it stands.
fn replace(arcs: &mut [u32], from: &[u8], to: &[u8]) {
    let mut at = 0_usize;
    while let Some(window) = arcs.get_mut(at..at.saturating_add(from.len())) {
        if window.iter().zip(from).all(|(arc, byte)| *arc == u32::from(*byte)) {
            for (arc, byte) in window.iter_mut().zip(to) {
                *arc = u32::from(*byte);
            }
        }
        at = at.saturating_add(1);
    }
}

/// `00:c0:b7:12:34:56`, `00-C0-B7-…` or `00c0.b712.3456`.
fn parse_station(token: &str) -> Option<([u8; 6], char)> {
    let separator = token.chars().find(|c| ":-.".contains(*c))?;
    let digits: String = token.split(separator).collect();
    let parts = token.split(separator).count();
    let is_station = digits.len() == 12 && matches!((separator, parts), (':' | '-', 6) | ('.', 3));
    if !is_station || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let number = u64::from_str_radix(&digits, 16).ok()?;
    let [_, _, station @ ..] = number.to_be_bytes();
    Some((station, separator))
}

fn write_station(station: [u8; 6], separator: char) -> String {
    let width = if separator == '.' { 2 } else { 1 };
    let groups =
        station.chunks(width).map(|group| group.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    groups.collect::<Vec<_>>().join(&separator.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(texts: &[(&str, &[u8])]) -> BTreeMap<Oid, Raw> {
        let rows = texts
            .iter()
            .map(|(oid, text)| (oid.parse().unwrap(), Raw::OctetString(Bytes::copy_from_slice(text))));
        rows.collect()
    }

    fn scrub(texts: &[(&str, &[u8])]) -> Vec<String> {
        let rows = rows(texts);
        let mut scrubber = Scrubber::new(&rows, vec!["s3cr3t-community".into(), "abc".into()]);
        let clean = rows.iter().map(|(oid, raw)| match scrubber.value(oid, raw) {
            Raw::OctetString(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            _ => unreachable!(),
        });
        clean.collect()
    }

    #[test]
    fn what_identifies_an_owner_is_replaced_by_something_of_its_form() {
        let clean = scrub(&[
            ("1.3.6.1.2.1.1.1.0", b"PDU web/6.4.0.6 s/n ZA1149005678 at 10.1.2.3, host rack12-pdu-a"),
            ("1.3.6.1.2.1.1.4.0", b"Jane Doe"),
            ("1.3.6.1.2.1.1.5.0", b"rack12-pdu-a"),
            ("1.3.6.1.4.1.9.1", b"mail jane.doe@acme.example to 00:c0:b7:65:43:21 or 00C0.B765.4321"),
            ("1.3.6.1.4.1.9.2", b"call Jane Doe: s3cr3t-community"),
            ("1.3.6.1.4.1.9.3", b"abc"),
            ("1.3.6.1.4.1.9.4", b"fe80::2c0:b7ff:fe65:4321 up 12:34:56"),
            ("1.3.6.1.4.1.9.5", b"AP8959EU3 v3.9.2 alphabet"),
        ]);
        let all = clean.join("\n");
        for private in
            ["Jane", "rack12", "ZA1149005678", "10.1.2.3", "acme", "c0:b7", "c0b7", "s3cr3t", "fe80"]
        {
            assert!(
                !all.to_lowercase().contains(&private.to_lowercase()),
                "{private} is still there:\n{all}"
            );
        }
        assert!(clean[0].starts_with("PDU web/6.4.0.6 s/n XX"), "{}", clean[0]);
        assert!(clean[0].contains("192.0.2.1,"), "{}", clean[0]);
        assert!(clean[0].ends_with(&clean[2]), "the name is the same everywhere:\n{all}");
        assert_eq!(clean[3], "mail user1@example.com to 02:00:00:00:00:01 or 0200.0000.0001");
        assert_eq!(clean[5], "xxx");
        assert_eq!(clean[6], "2001:db8::1 up 12:34:56");
        assert_eq!(clean[7], "AP8959EU3 v3.9.2 alphabet");
    }

    #[test]
    fn addresses_are_the_same_in_values_and_in_indexes() {
        let mut rows = rows(&[("1.3.6.1.2.1.2.2.1.6.1", &[0, 0xc0, 0xb7, 1, 2, 3])]);
        rows.insert("1.3.6.1.4.1.9.10.10.20.30.40".parse().unwrap(), Raw::IpAddress([10, 20, 30, 40]));
        rows.insert("1.3.6.1.4.1.9.11.255.255.255.0".parse().unwrap(), Raw::IpAddress([255, 255, 255, 0]));
        rows.insert("1.3.6.1.4.1.9.12.0.192.183.1.2.3".parse().unwrap(), Raw::Integer(1));
        let mut scrubber = Scrubber::new(&rows, Vec::new());
        let clean: Vec<_> =
            rows.iter().map(|(oid, raw)| (scrubber.oid(oid).to_string(), scrubber.value(oid, raw))).collect();
        let station = Bytes::from_static(&[2, 0, 0, 0, 0, 1]);
        assert_eq!(clean[0], ("1.3.6.1.2.1.2.2.1.6.1".into(), Raw::OctetString(station)));
        assert_eq!(clean[1], ("1.3.6.1.4.1.9.10.192.0.2.1".into(), Raw::IpAddress([192, 0, 2, 1])));
        assert_eq!(clean[2], ("1.3.6.1.4.1.9.11.255.255.255.0".into(), Raw::IpAddress([255, 255, 255, 0])));
        assert_eq!(clean[3], ("1.3.6.1.4.1.9.12.2.0.0.0.0.1".into(), Raw::Integer(1)));
    }

    #[test]
    fn placeholders_stay_apart_and_never_run_out() {
        let texts: Vec<_> =
            (0..50).map(|n| (format!("1.3.6.1.2.1.31.1.1.1.18.{n}"), format!("C{n}"))).collect();
        let texts: Vec<_> = texts.iter().map(|(oid, text)| (oid.as_str(), text.as_bytes())).collect();
        let clean = scrub(&texts);
        assert_eq!(clean.iter().collect::<BTreeSet<_>>().len(), 50, "{clean:?}");
    }
}
