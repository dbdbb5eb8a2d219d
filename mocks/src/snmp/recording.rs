//! Recordings of devices: `.snmprec` text, one `OID|type|value` on a line.
//!
//! The type is a decimal ASN.1 tag; `x` after it says that the value is in hexadecimal, `e` that it has
//! backslash escapes. Lines may be in any order; a leading dot is allowed; of an object that occurs twice
//! the first counts. Lines beginning with `#` are remarks, except `#live OID RULE`, which lets the values
//! under OID vary (see [`super::live`]). A recording never changes and is shared by the agents that serve it.

use super::live::{LiveError, Rule};
use super::oid::{Oid, OidError};
use super::value::Value;

/// What one device says, in the order of a walk.
#[derive(Debug, Default)]
pub struct Recording {
    rows: Vec<Row>,
    rules: Vec<Rule>,
}

/// One object of a recording.
#[derive(Debug)]
pub struct Row {
    /// The object's name.
    pub oid: Oid,
    /// Its value as recorded.
    pub value: Value,
    rule: Option<u16>,
}

/// A line that cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct RecordingError {
    /// The line's number, from 1.
    pub line: usize,
    /// What is wrong with it.
    #[source]
    pub problem: LineProblem,
}

/// What is wrong with a line of a recording.
#[derive(Debug, thiserror::Error)]
pub enum LineProblem {
    /// Not three fields.
    #[error("expected OID|type|value")]
    Fields,
    /// The first field is no object identifier.
    #[error(transparent)]
    Oid(#[from] OidError),
    /// The second field is no type that SNMP has.
    #[error("unknown type '{0}': expected 2, 4, 5, 6, 64 to 68 or 70, then nothing, x or e")]
    Type(String),
    /// The value is none of its type.
    #[error("'{value}' is no value of type {tag}")]
    Value {
        /// The type field.
        tag: String,
        /// The value field.
        value: String,
    },
    /// A `#live` line that is not understood.
    #[error(transparent)]
    Live(#[from] LiveError),
    /// A `#live` line whose prefix matches no row it could vary.
    #[error("no row under {0} has a type that this rule can vary")]
    LiveWithoutRow(Oid),
    /// More `#live` lines than a recording holds.
    #[error("too many #live lines")]
    TooManyRules,
}

/// A `#live` line: its number, where it applies, and what it does.
struct LiveLine {
    line: usize,
    under: Oid,
    rule: Rule,
}

impl Recording {
    /// Parses `.snmprec` text; fails on the first line that cannot be served.
    pub fn parse(text: &[u8]) -> Result<Self, RecordingError> {
        let mut rows = Vec::new();
        let mut live = Vec::new();
        for (line, content) in (1..).zip(text.split(|octet| *octet == b'\n')) {
            let content = content.strip_suffix(b"\r").unwrap_or(content);
            let at_line = |problem| RecordingError { line, problem };
            if let Some(words) = content.strip_prefix(b"#live") {
                let (under, rule) = parse_live(words).map_err(at_line)?;
                live.push(LiveLine { line, under, rule });
            } else if !content.is_empty() && !content.starts_with(b"#") {
                rows.push(parse_row(content).map_err(at_line)?);
            }
        }
        rows.sort_by(|a, b| a.oid.cmp(&b.oid));
        rows.dedup_by(|later, earlier| later.oid == earlier.oid);
        rows.shrink_to_fit();
        let mut recording = Self { rows, rules: Vec::new() };
        for line in live {
            let number = line.line;
            recording.add_rule(line).map_err(|problem| RecordingError { line: number, problem })?;
        }
        Ok(recording)
    }

    fn add_rule(&mut self, live: LiveLine) -> Result<(), LineProblem> {
        let index = u16::try_from(self.rules.len()).map_err(|_| LineProblem::TooManyRules)?;
        let start = self.rows.partition_point(|row| row.oid < live.under);
        let mut found = false;
        for row in self.rows.iter_mut().skip(start).take_while(|row| row.oid.is_under(&live.under)) {
            if live.rule.can_vary(&row.value) {
                row.rule = Some(index);
                found = true;
            }
        }
        if !found {
            return Err(LineProblem::LiveWithoutRow(live.under));
        }
        self.rules.push(live.rule);
        Ok(())
    }

    /// The recording without its pulses: what happens now and then in it happens no more.
    #[must_use]
    pub fn calm(mut self) -> Self {
        for row in &mut self.rows {
            let rule = row.rule.and_then(|rule| self.rules.get(usize::from(rule)));
            if matches!(rule, Some(Rule::Pulse { .. })) {
                row.rule = None;
            }
        }
        self
    }

    /// The rows, in the order of a walk.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The row named exactly `oid`.
    pub fn get(&self, oid: &Oid) -> Option<&Row> {
        let index = self.rows.binary_search_by(|row| row.oid.cmp(oid)).ok()?;
        self.rows.get(index)
    }

    /// The rows behind `oid`, in the order of a walk.
    pub fn after(&self, oid: &Oid) -> &[Row] {
        let start = self.rows.partition_point(|row| row.oid <= *oid);
        self.rows.get(start..).unwrap_or_default()
    }

    /// Whether any row lies under `prefix`.
    pub fn has_under(&self, prefix: &Oid) -> bool {
        let start = self.rows.partition_point(|row| row.oid < *prefix);
        self.rows.get(start).is_some_and(|row| row.oid.is_under(prefix))
    }

    /// The rule by which `row`, one of this recording's, varies.
    pub fn rule(&self, row: &Row) -> Option<&Rule> {
        self.rules.get(usize::from(row.rule?))
    }
}

fn parse_live(words: &[u8]) -> Result<(Oid, Rule), LineProblem> {
    let text = String::from_utf8_lossy(words);
    let mut words = text.split_whitespace();
    let under = words.next().unwrap_or_default().parse::<Oid>()?;
    Ok((under, Rule::parse(&words.collect::<Vec<_>>())?))
}

impl Value {
    /// Reads a value as a recording writes it.
    ///
    /// # Errors
    /// The type is none, or the value none of that type.
    pub fn recorded(tag: &str, field: &[u8]) -> Result<Self, LineProblem> {
        parse_value(tag, field)
    }
}

fn parse_row(line: &[u8]) -> Result<Row, LineProblem> {
    let mut fields = line.splitn(3, |octet| *octet == b'|');
    let (Some(oid), Some(tag), Some(value)) = (fields.next(), fields.next(), fields.next()) else {
        return Err(LineProblem::Fields);
    };
    let oid = String::from_utf8_lossy(oid).parse()?;
    let tag = String::from_utf8_lossy(tag);
    Ok(Row { oid, value: Value::recorded(&tag, value)?, rule: None })
}

fn parse_value(tag: &str, field: &[u8]) -> Result<Value, LineProblem> {
    let bad = || LineProblem::Value {
        tag: tag.to_owned(),
        value: String::from_utf8_lossy(field).chars().take(64).collect(),
    };
    let (number, octets) = match (tag.strip_suffix('x'), tag.strip_suffix('e')) {
        (Some(number), _) => (number, unhex(field).ok_or_else(bad)?),
        (_, Some(number)) => (number, unescape(field).ok_or_else(bad)?),
        _ => (tag, field.to_vec()),
    };
    let text = || std::str::from_utf8(&octets).map(str::trim).map_err(|_| bad());
    Ok(match number {
        "2" => Value::Integer(text()?.parse().map_err(|_| bad())?),
        "4" => Value::OctetString(octets.into()),
        "5" => Value::Null,
        "6" => Value::ObjectIdentifier(text()?.parse().map_err(|_| bad())?),
        "64" => Value::IpAddress(address(&octets).ok_or_else(bad)?),
        "65" => Value::Counter32(unsigned32(text()?).ok_or_else(bad)?),
        "66" => Value::Gauge32(unsigned32(text()?).ok_or_else(bad)?),
        "67" => Value::TimeTicks(unsigned32(text()?).ok_or_else(bad)?),
        "68" => Value::Opaque(octets.into()),
        "70" => Value::Counter64(text()?.parse().map_err(|_| bad())?),
        _ => return Err(LineProblem::Type(tag.to_owned())),
    })
}

/// Some walks show an unsigned number as the signed one of the same octets.
fn unsigned32(text: &str) -> Option<u32> {
    text.parse().ok().or_else(|| text.parse::<i32>().ok().map(i32::cast_unsigned))
}

/// Four octets, or their dotted form.
fn address(octets: &[u8]) -> Option<[u8; 4]> {
    let text = std::str::from_utf8(octets).ok().and_then(|text| text.parse::<std::net::Ipv4Addr>().ok());
    text.map(|address| address.octets()).or_else(|| octets.try_into().ok())
}

fn unhex(field: &[u8]) -> Option<Vec<u8>> {
    let digits = field.iter().filter(|octet| !octet.is_ascii_whitespace());
    let digits: Option<Vec<u8>> = digits.map(|octet| hex_digit(*octet)).collect();
    let digits = digits?;
    digits.chunks(2).map(|pair| if let [high, low] = pair { Some(high << 4 | low) } else { None }).collect()
}

fn hex_digit(octet: u8) -> Option<u8> {
    char::from(octet).to_digit(16).and_then(|digit| digit.try_into().ok())
}

fn unescape(field: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(field.len());
    let mut octets = field.iter().copied();
    while let Some(octet) = octets.next() {
        out.push(match octet {
            b'\\' => match octets.next()? {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'x' => hex_digit(octets.next()?)? << 4 | hex_digit(octets.next()?)?,
                other => other,
            },
            plain => plain,
        });
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(line: &str) -> Value {
        parse_row(line.as_bytes()).unwrap().value
    }

    fn problem(text: &str) -> String {
        Recording::parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn every_type() {
        assert_eq!(value("1.3.1|2|-4"), Value::Integer(-4));
        assert_eq!(value("1.3.1|4|a|b "), Value::OctetString(b"a|b ".as_slice().into()));
        assert_eq!(value("1.3.1|4x|00fF 0a"), Value::OctetString([0, 255, 10].into()));
        assert_eq!(value(r"1.3.1|4e|a\n\x41\\"), Value::OctetString(b"a\nA\\".as_slice().into()));
        assert_eq!(value("1.3.1|5|"), Value::Null);
        assert_eq!(value(".1.3.1|6|.1.3.6"), Value::ObjectIdentifier("1.3.6".parse().unwrap()));
        assert_eq!(value("1.3.1|64|10.0.0.2"), Value::IpAddress([10, 0, 0, 2]));
        assert_eq!(value("1.3.1|64x|0a000002"), Value::IpAddress([10, 0, 0, 2]));
        assert_eq!(value("1.3.1|65|4294967295"), Value::Counter32(u32::MAX));
        assert_eq!(value("1.3.1|66|-1"), Value::Gauge32(u32::MAX));
        assert_eq!(value("1.3.1|67|12"), Value::TimeTicks(12));
        assert_eq!(value("1.3.1|68x|9f78"), Value::Opaque([0x9f, 0x78].into()));
        assert_eq!(value("1.3.1|70|18446744073709551615"), Value::Counter64(u64::MAX));
    }

    #[test]
    fn order_and_duplicates() {
        let recording = Recording::parse(b"1.3.10|2|1\r\n\n# remark\n1.3.2|2|2\n1.3.2|2|3\n").unwrap();
        let names: Vec<String> = recording.rows().iter().map(|row| row.oid.to_string()).collect();
        assert_eq!(names, ["1.3.2", "1.3.10"]);
        assert_eq!(recording.rows()[0].value, Value::Integer(2));
        assert_eq!(recording.after(&"1.3.2".parse().unwrap()).len(), 1);
        assert!(
            recording.has_under(&"1.3".parse().unwrap()) && !recording.has_under(&"1.3.3".parse().unwrap())
        );
    }

    #[test]
    fn calm_is_without_pulses() {
        let text = b"1.3.1|2|7\n1.3.2|2|8\n#live 1.3.1 pulse 9 every 10s for 5s\n#live 1.3.2 drift 1\n";
        let recording = Recording::parse(text).unwrap().calm();
        let rules: Vec<_> = recording.rows().iter().map(|row| recording.rule(row).is_some()).collect();
        assert_eq!(rules, [false, true]);
    }

    #[test]
    fn mistakes_name_their_line() {
        assert_eq!(problem("1.3.1|2|1\n1.3.2|2"), "line 2: expected OID|type|value");
        assert_eq!(problem("1.3.1|2|x"), "line 1: 'x' is no value of type 2");
        assert_eq!(problem("1.3.1|4x|abc"), "line 1: 'abc' is no value of type 4x");
        assert_eq!(problem("1.3.1|65|4294967296"), "line 1: '4294967296' is no value of type 65");
        assert!(problem("1.3.1|4:sql|1").starts_with("line 1: unknown type '4:sql'"));
        assert!(problem("1.3.a|2|1").starts_with("line 1: an arc"));
        assert_eq!(
            problem("1.3.1.1|4|text\n#live 1.3.1 drift 5%"),
            "line 2: no row under 1.3.1 has a type that this rule can vary"
        );
    }
}
