//! Which of two firmware versions is the later one, as the vendors number them. Pure.
//!
//! There is no one order of versions: `2.10` follows `2.9`, `A12` follows `A09`, and nothing follows between
//! `A12` and `2.9`. Each scheme that is known by its vendor's documentation is a row of [`SCHEMES`]; two versions
//! are compared by the first scheme that both are written in, and cannot be compared where there is none, where they
//! name different families (`iLO 4`, `iLO 5`; the Cisco trains `E` and `M`), or where only a word of unknown
//! meaning tells them apart. Nothing is guessed from spelling.
//!
//! Sources: HPE (system ROM family, version and date; iLO), Dell (block numbers; `A00` to `Z99` on older BIOSes),
//! Supermicro (fixed-width fields; a letter for a respin of a BIOS), Cisco "White Paper: Cisco IOS and NX-OS Software
//! Reference Guide" (maintenance number, train, rebuild), Juniper "Junos OS installation package names" (release,
//! service release, spin), NVIDIA (fixed-width hexadecimal fields of VBIOSes).

use std::cmp::Ordering;
use std::sync::LazyLock;

use regex_lite::{Captures, Regex};

/// Longest version that is compared, in bytes: what a label holds.
const MAX_BYTES: usize = model::series::MAX_LABEL_BYTES;

/// The schemes, in the order in which they are tried. What a group means is told by the beginning of its name:
///
/// - `family`: what the version is one of. Other families cannot be compared; one side may leave it out.
/// - `variant`: as `family`, and nobody may leave it out.
/// - `dots`: numbers with dots between; missing ones at the end are zero.
/// - `fields`: hexadecimal numbers, as many on both sides.
/// - `number`, `letter`: one of either; missing is before all others.
/// - `later`: a number or date that tells apart what is otherwise equal, where both sides say it.
/// - `mark`: tells apart what is otherwise equal, and has no order.
const SCHEMES: [&str; 9] = [
    // Supermicro 01.73.06, NVIDIA 97.00.6C.00.03, Dell's power supplies 00.2A.2B: fixed width, so that it makes no
    // difference whether a field is decimal or hexadecimal
    r"^(?<fields>[0-9A-Fa-f]{2}(\.[0-9A-Fa-f]{2})*)$",
    // 7, 01300524
    r"^[Vv]?(?<number>[0-9]+)$",
    // Programmable logic: 0x30, 0x00 0x0b 0x03 0x04
    r"^(?<fields>0x[0-9A-Fa-f]+( 0x[0-9A-Fa-f]+)*)$",
    // Dell A12, Gigabyte F12
    r"^(?<variant>[A-Za-z])(?<number>[0-9]{1,4})$",
    // Cisco IOS 15.2(4)E7, 12.2(31)SGA8, 15.2(4)E5a
    concat!(
        r"^(?<dots>[0-9]+\.[0-9]+)\((?<number_maintenance>[0-9]+)(?<letter_maintenance>[a-z]?)\)",
        r"(?<variant>[A-Z]+)(?<number_rebuild>[0-9]*)(?<letter_rebuild>[a-z]?)$"
    ),
    // Cisco NX-OS 9.3(5), 7.0(3)I7(10)
    concat!(
        r"^(?<dots>[0-9]+\.[0-9]+)\((?<number_maintenance>[0-9]+)(?<letter_maintenance>[a-z]?)\)",
        r"((?<variant>[A-Z])(?<number_train>[0-9]+)\((?<number_rebuild>[0-9]+)(?<letter_rebuild>[a-z]?)\))?$"
    ),
    // Junos 21.4R3-S5.4, 22.1R1.10, 21.4R3-S5.4-EVO
    concat!(
        r"^(?<dots>[0-9]+\.[0-9]+)R(?<number_release>[0-9]+)(-S(?<number_service>[0-9]+))?",
        r"(\.(?<later_spin>[0-9]+))?(?<variant>-EVO)?$"
    ),
    // Supermicro "BIOS Date: 08/04/2023 Ver 1.4"
    r"^BIOS Date: (?<later_date>[0-9]{2}/[0-9]{2}/[0-9]{4}) Ver (?<dots>[0-9]+(\.[0-9]+)+)(?<letter>[a-z]?)$",
    // iLO 5 v2.78, 2.72 Sep 04 2022, U30 v2.54 (09/03/2021), 2.85.85.85, v6.4.0, 1.0b, 3.6.20.5-47538,
    // 11.2.0 Build 44, 3.50 0x800016DC, 42S-2.83, GB200Nvl-24.12-8, ex235a.bios-1.3.6, 00.02.0182.0000_n02
    concat!(
        r"^((?<mark_build>[0-9]{2}[A-Z])-|(?<family>[A-Za-z][A-Za-z0-9_. ]*)[ -])?([Vv]|[Vv]er\.? |[Vv]ersion )?",
        r"(?<dots>[0-9]+(\.[0-9]+)+)(?<letter>[a-z]?)",
        r"((-|_n| [Bb]uild )(?<later_build>[0-9]+))?( (?<mark_hex>0x[0-9A-Fa-f]+))?",
        r"( \(?(?<later_date>[0-9]{2}/[0-9]{2}/[0-9]{4}|[A-Z][a-z]{2} [0-9]{2} [0-9]{4})\)?)?$"
    ),
];

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// What devices say where they have no version, in lower case.
const NO_VERSIONS: [&str; 14] = [
    "",
    "-",
    "-*",
    "--",
    "?",
    "n/a",
    "na",
    "none",
    "null",
    "unknown",
    "undefined",
    "not present",
    "not available",
    "version not available",
];

/// Whether a device tells a version at all. Missing parts say `N/A`, or zeros only.
pub fn is_told(version: &str) -> bool {
    let text = version.trim();
    let zeros = !text.is_empty() && text.chars().all(|c| matches!(c, '0' | '.' | ' ' | '-' | 'x'));
    !zeros && !NO_VERSIONS.contains(&text.to_ascii_lowercase().as_str())
}

/// Whether `version` is before, at or after `other`; nothing where they cannot be compared.
pub fn compare(version: &str, other: &str) -> Option<Ordering> {
    let (version, other) = (normal(version), normal(other));
    if version.eq_ignore_ascii_case(&other) {
        return Some(Ordering::Equal);
    }
    if version.len() > MAX_BYTES || other.len() > MAX_BYTES {
        return None;
    }
    FORMS.iter().find_map(|form| compare_as(form, &version, &other)).flatten()
}

/// Whether both say the same version, also where one says more of it (`2.72` and `2.72 Sep 04 2022`).
pub fn same(version: &str, other: &str) -> bool {
    compare(version, other) == Some(Ordering::Equal)
}

/// Whether versions like this one can be compared at all.
pub fn has_order(version: &str) -> bool {
    let version = normal(version);
    version.len() <= MAX_BYTES && FORMS.iter().any(|form| form.is_match(&version))
}

static FORMS: LazyLock<Vec<Regex>> =
    LazyLock::new(|| SCHEMES.iter().filter_map(|scheme| Regex::new(scheme).ok()).collect());

/// With single blanks and none at the ends.
fn normal(version: &str) -> String {
    version.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// As one scheme says; the outer nothing means that the scheme does not fit the two.
fn compare_as(form: &Regex, version: &str, other: &str) -> Option<Option<Ordering>> {
    let (one, two) = (form.captures(version)?, form.captures(other)?);
    let mut verdict = Ordering::Equal;
    let mut groups: Vec<(Role, &str)> =
        form.capture_names().flatten().filter_map(|name| Some((Role::of(name)?, name))).collect();
    groups.sort_by_key(|(role, _)| *role);
    for (role, name) in groups {
        let (a, b) = (text(&one, name), text(&two, name));
        if role == Role::Fields && a.split(['.', ' ']).count() != b.split(['.', ' ']).count() {
            return None;
        }
        match role.compare(a, b) {
            Some(order) => verdict = verdict.then(order),
            // What has no order matters only where nothing else has decided.
            None if role == Role::Mark && verdict.is_ne() => {}
            None => return Some(None),
        }
    }
    Some(Some(verdict))
}

fn text<'a>(captures: &Captures<'a>, name: &str) -> &'a str {
    captures.name(name).map_or("", |found| found.as_str())
}

/// What a group of a scheme means, in the order in which groups are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Family,
    Variant,
    Dots,
    Fields,
    Part,
    Later,
    Mark,
}

impl Role {
    fn of(group: &str) -> Option<Self> {
        Some(match group.split('_').next()? {
            "family" => Self::Family,
            "variant" => Self::Variant,
            "dots" => Self::Dots,
            "fields" => Self::Fields,
            "number" | "letter" => Self::Part,
            "later" => Self::Later,
            "mark" => Self::Mark,
            _ => return None,
        })
    }

    fn compare(self, a: &str, b: &str) -> Option<Ordering> {
        let unsaid = a.is_empty() || b.is_empty();
        match self {
            Self::Family | Self::Later | Self::Mark if unsaid => Some(Ordering::Equal),
            Self::Family | Self::Variant | Self::Mark => a.eq_ignore_ascii_case(b).then_some(Ordering::Equal),
            Self::Dots | Self::Fields => Some(by_parts(a, b)),
            Self::Part => Some(by_number(a, b)),
            Self::Later if a.contains(['/', ' ']) || b.contains(['/', ' ']) => Some(date(a)?.cmp(&date(b)?)),
            Self::Later => Some(by_number(a, b)),
        }
    }
}

/// Part by part; parts that are missing at the end are zero.
fn by_parts(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split(['.', ' ']), b.split(['.', ' ']));
    loop {
        let (x, y) = (a.next(), b.next());
        if x.is_none() && y.is_none() {
            return Ordering::Equal;
        }
        let order = by_number(x.unwrap_or(""), y.unwrap_or(""));
        if order.is_ne() {
            return order;
        }
    }
}

/// As numbers of any length, decimal or hexadecimal, or as single letters; nothing is zero.
fn by_number(a: &str, b: &str) -> Ordering {
    let digits = |text: &str| {
        let text = text.trim_start_matches("0x").trim_start_matches('0');
        (text.len(), text.to_ascii_lowercase())
    };
    digits(a).cmp(&digits(b))
}

/// Year, month and day of `09/03/2021` or `Sep 03 2021`.
fn date(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.split(['/', ' ']);
    let month = parts.next()?;
    let month = match MONTHS.iter().zip(1..).find(|(name, _)| **name == month) {
        Some((_, number)) => number,
        None => month.parse().ok()?,
    };
    let day = parts.next()?.parse().ok()?;
    Some((parts.next()?.parse().ok()?, month, day))
}

#[cfg(test)]
#[path = "version_tests.rs"]
mod tests;
