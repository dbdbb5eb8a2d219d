//! What can go wrong, where, and how often: data that a test, or a file, switches at run time.
//!
//! As JSON, a list of faults:
//!
//! ```json
//! [{"fault": {"latency": {"ms": 800}}},
//!  {"fault": "hang", "path": "/redfish/v1/Chassis/*", "method": "GET", "remaining": 2}]
//! ```
//!
//! All faults that match a request happen to it, in the list's order; the first that answers by itself
//! ends the matter. Unknown names are refused, so that a typing error does not pass for a healthy device.

use super::pattern::matches;
use serde::Deserialize;
use serde_json::Value;

/// One thing that goes wrong.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What happens.
    pub fault: Kind,
    /// Paths it happens to; `*` stands for any run of characters.
    #[serde(default = "everywhere")]
    pub path: String,
    /// HTTP method it happens to; all without.
    #[serde(default)]
    pub method: Option<String>,
    /// How many more times it happens; for ever without.
    #[serde(default)]
    pub remaining: Option<u64>,
}

fn everywhere() -> String {
    "*".to_owned()
}

/// What happens to a request or its answer. Each was seen on real BMCs, or is what a hostile one can do.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Kind {
    // Instead of an answer, or before it.
    /// The answer comes late.
    Latency {
        /// How late, in milliseconds.
        ms: u64,
    },
    /// The request is read, and nothing ever comes.
    Hang,
    /// A status with a Redfish error body.
    Status {
        /// HTTP status code, 100 to 999.
        code: u16,
        /// `Retry-After`, in seconds.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// 503 with `Retry-After`: the BMC starts.
    Booting {
        /// `Retry-After`, in seconds.
        retry_after: u64,
    },
    /// 401 for all that needs a login, logins included, until [`Server::reset`](super::Server::reset).
    UnauthorizedUntilReset,
    /// A login finds no free place in the session table; other requests go through.
    SessionTableFull,
    /// 307 to the same path at another origin.
    Redirect {
        /// The origin, such as `https://192.0.2.1`.
        origin: String,
    },

    // The body is another one.
    /// An HTML page with status 200.
    Html,
    /// No body at all.
    EmptyBody,
    /// `{}` with status 200, whatever was asked (a bogus session with Inspur).
    EmptyObject,
    /// A document that is valid JSON and never seems to end.
    HugeBody {
        /// Its size; it is made while it is sent.
        bytes: u64,
    },
    /// The same, gzip over it: a thousandth on the wire.
    GzipBomb {
        /// Its size after decompression.
        bytes: u64,
    },
    /// A document that does end never: spaces, one at a time.
    Endless {
        /// Milliseconds between two spaces.
        every_ms: u64,
    },

    // The bytes or headers of the right body are wrong.
    /// The JSON ends in the middle.
    BrokenJson,
    /// A raw carriage return inside a string (iLO, from LLDP).
    RawCr,
    /// Bytes inside a string that are no UTF-8.
    InvalidUtf8,
    /// Another `Content-Type`.
    WrongContentType {
        /// What it says.
        content_type: String,
    },
    /// `Content-Encoding: gzip` over what is no gzip.
    GzipGarbage,
    /// The body comes in small pieces.
    Drip {
        /// Size of a piece.
        chunk_bytes: usize,
        /// Milliseconds between two.
        every_ms: u64,
    },
    /// The connection closes after half the body.
    CloseMidBody,
    /// Where `$expand` was asked for, the body of a licence error stands before the valid one (iDRAC).
    ExpandUnsafe,

    // The JSON is well formed, its content is not what the schema says.
    /// A property is missing, at every depth (`Name` with Inspur).
    DropProperty {
        /// Its name.
        name: String,
    },
    /// `"Members": null` (HGX).
    NullMembers,
    /// `[]` for every null (HGX).
    EmptyArrayForNull,
    /// Every number is a string.
    StringsForNumbers,
    /// `Members@odata.nextLink` of a collection leads to itself.
    SelfNextLink,
    /// A property has another value, such as `"N/A"` for a number or an object for an array (CIMC).
    Set {
        /// JSON pointer; `*` as a segment stands for each element.
        pointer: String,
        /// The value.
        value: Value,
    },
}

impl Fault {
    /// A fault that happens to every request, for ever.
    pub fn new(fault: Kind) -> Self {
        Self { fault, path: everywhere(), method: None, remaining: None }
    }

    /// The fault, at these paths only.
    pub fn at(self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self }
    }

    /// The fault, for this method only.
    pub fn on(self, method: &str) -> Self {
        Self { method: Some(method.to_owned()), ..self }
    }

    /// The fault, this many times.
    pub fn times(self, remaining: u64) -> Self {
        Self { remaining: Some(remaining), ..self }
    }

    fn fits(&self, method: &str, path: &str) -> bool {
        self.method.as_deref().is_none_or(|own| own.eq_ignore_ascii_case(method)) && matches(&self.path, path)
    }
}

/// The faults that match a request, in order; those with a count come nearer to their end.
pub(super) fn take(faults: &mut Vec<Fault>, method: &str, path: &str) -> Vec<Kind> {
    let mut taken = Vec::new();
    for fault in faults.iter_mut().filter(|fault| fault.fits(method, path)) {
        if let Some(remaining) = &mut fault.remaining {
            let Some(left) = remaining.checked_sub(1) else {
                continue;
            };
            *remaining = left;
        }
        taken.push(fault.fault.clone());
    }
    faults.retain(|fault| fault.remaining != Some(0));
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_and_typing_errors_are_refused() {
        let text = r#"[{"fault": {"latency": {"ms": 800}}},
                       {"fault": "hang", "path": "/redfish/v1/Chassis/*", "method": "get", "remaining": 2}]"#;
        let faults: Vec<Fault> = serde_json::from_str(text).unwrap();
        let expected = [
            Fault::new(Kind::Latency { ms: 800 }),
            Fault::new(Kind::Hang).at("/redfish/v1/Chassis/*").on("get").times(2),
        ];
        assert_eq!(faults, expected);
        for wrong in [
            r#"{"fault": "hangs"}"#,
            r#"{"fault": "hang", "times": 2}"#,
            r#"{"fault": {"latency": {"s": 1}}}"#,
        ] {
            assert!(serde_json::from_str::<Fault>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_fault_happens_where_it_should_and_as_often() {
        let mut faults = vec![
            Fault::new(Kind::Hang).at("/a*").on("GET").times(2),
            Fault::new(Kind::Html),
            Fault::new(Kind::RawCr).times(0),
        ];
        assert_eq!(take(&mut faults, "POST", "/a"), [Kind::Html]);
        assert_eq!(take(&mut faults, "GET", "/b"), [Kind::Html]);
        for _ in 0..2 {
            assert_eq!(take(&mut faults, "GET", "/a/b"), [Kind::Hang, Kind::Html]);
        }
        assert_eq!(take(&mut faults, "GET", "/a/b"), [Kind::Html]);
        assert_eq!(faults.len(), 1);
    }
}
