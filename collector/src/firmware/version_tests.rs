//! Pairs of versions whose order the vendors' release notes tell, and pairs that have none.

use super::*;
use proptest::prelude::*;

/// The first came before the second.
const ORDERED: &[(&str, &str, &str)] = &[
    // Machines that hold both: what an update replaced, or a running image beside its golden one.
    ("4.40.29.00", "6.00.30.00", "iDRAC9 of an R750: previous and installed"),
    ("1.2.4", "1.8.2", "BIOS of an R750: previous and installed"),
    ("18.5.17", "19.5.12", "Intel X520 in a Dell: current and installed, before a restart"),
    ("BIOS Date: 05/04/2023 Ver 1.3", "BIOS Date: 08/04/2023 Ver 1.4", "Supermicro X13: golden and running"),
    // Dell: versions that release notes of iDRAC8 and iDRAC9 name one after the other.
    ("2.32.31.30", "2.40.40.40", "iDRAC8"),
    ("2.83.83.83", "2.85.85.85", "iDRAC8"),
    ("6.10.80.00", "7.00.00.00", "iDRAC9"),
    ("A09", "A12", "Dell BIOS of older generations"),
    // HPE: resource maps of iLO 5 by version; SPP manifests.
    ("iLO 5 v2.72", "iLO 5 v2.78", "over SNMP"),
    ("2.72 Sep 04 2022", "2.78", "over Redfish"),
    ("P89 v2.76 (10/21/2019)", "P89 v2.80 (10/16/2020)", "system ROM: its date is part of the version"),
    // Supermicro: release notes of X11 and H12 boards.
    ("01.00.32", "01.00.35", "BMC of AS-4124GS"),
    ("01.73.06", "01.73.12", "BMC of X11"),
    ("3.4", "3.4a", "a respin follows its base"),
    ("3.4a", "3.5", "BIOS of X11"),
    // Cisco: "Release Notes for the ME 4900, 12.2(46)SG" lists the earlier releases, newest first.
    ("12.2(44)SG", "12.2(44)SG1", "a rebuild follows its base"),
    ("12.2(44)SG1", "12.2(46)SG", ""),
    ("12.2(31)SGA", "12.2(31)SGA1", ""),
    ("12.2(31)SGA7", "12.2(31)SGA8", ""),
    // Juniper: advisories list the affected releases before the fixed one.
    ("21.4R1", "21.4R2", ""),
    ("21.4R3", "21.4R3-S1", "a service release follows the release that it serves"),
    ("21.4R3-S5", "21.4R3-S10", "numbers, not text"),
    ("21.4R3-S4-EVO", "21.4R3-S5-EVO", "Junos Evolved"),
    ("21.4R3-S5.4", "22.1R1.10", ""),
    ("21.4R3.15", "21.4R3-S1.5", "the spin of R3 says nothing against its service releases"),
    // Raritan: user guides of May 2015 and January 2019.
    ("3.1.0", "3.5.0", "PX3"),
];

/// The vendors' forms with numbers that anybody can order.
const IN_FORM: &[(&str, &str)] = &[
    ("1.8.2", "1.10.2"),
    ("7.00.00.00", "7.00.00.171"),
    ("00.1B.53", "00.2A.2B"),
    ("97.00.6C.00.03", "97.00.72.00.00"),
    ("96.00.61.00.01", "96.00.9F.00.04"),
    ("iLO 4 v2.9", "iLO 4 v2.82"),
    ("15.2(4)E7", "15.2(4)E10"),
    ("15.2(4)E10", "15.2(7)E"),
    ("9.3(5)", "9.3(10)"),
    ("7.0(3)I7(9)", "7.0(3)I7(10)"),
    ("17.03.04", "17.03.04a"),
    ("GB200Nvl-24.10-10", "GB200Nvl-24.12-8"),
    ("00.02.0134.0000_n00", "00.02.0182.0000_n02"),
    ("3.6.20.5-47538", "3.6.20.5-47600"),
    ("v6.3.3", "v6.4.0"),
    ("42S-2.83", "44T-2.94"),
    ("6.01 0x800034A3", "7.10 0x80006456"),
    ("0x2F", "0x30"),
    ("9", "10"),
    ("11.2.0 Build 44", "11.2.0 Build 45"),
    ("ex235a.bios-1.3.6", "ex235a.bios-1.4.0"),
];

/// No vendor says which came first.
const WITHOUT_ORDER: &[(&str, &str)] = &[
    ("2.85.85.85", "A12"),
    ("A12", "X12"),
    ("iLO 4 v2.82", "iLO 5 v2.10"),
    ("U30 v2.54 (09/03/2021)", "U32 v2.62 (03/08/2022)"),
    ("15.2(4)E7", "15.2(4)M7"),
    ("15.2(4)E7", "15.3(3)M"),
    ("15.2(4)E7", "16.12.4"),
    ("9.3(5)", "7.0(3)I7(10)"),
    ("21.4R3-S5.4", "21.4R3-S5.4-EVO"),
    ("21.4R3", "21.4X53-D10"),
    ("HPG0", "HPG1"),
    ("E2MU110", "E2MU200"),
    ("1.0", "1.0-rc1"),
    ("HGX-22.10-1-rc34", "HGX-22.10-1"),
    ("4.27.2F", "4.28.3M"),
    ("v2.2(release):4.9.0-25-g0ce57e322", "v2.2(release):4.9.0-26-gaaaaaaaaa"),
    ("1.1C", "1.20"),
    ("97.00.6C.00", "97.00.6C.00.03"),
    ("ex235a.bios-1.3.6", "ex425.bios-1.7.2"),
    ("3.50 0x800016DC", "3.50 0x80001CF1"),
    ("42S-2.83", "44T-2.83"),
    ("ff", "C27"),
    ("N/A", "1.0"),
];

#[test]
fn every_scheme_is_a_regular_expression() {
    assert_eq!(FORMS.len(), SCHEMES.len());
}

#[test]
fn the_order_is_that_of_the_release_notes() {
    let forms = IN_FORM.iter().map(|(earlier, later)| (*earlier, *later, "form"));
    for (earlier, later, of) in ORDERED.iter().copied().chain(forms) {
        assert_eq!(compare(earlier, later), Some(Ordering::Less), "{of}: {earlier} then {later}");
        assert_eq!(compare(later, earlier), Some(Ordering::Greater), "{of}: {later} after {earlier}");
    }
}

#[test]
fn what_has_no_order_is_not_given_one() {
    for (one, two) in WITHOUT_ORDER {
        assert_eq!(compare(one, two), None, "{one} and {two}");
        assert_eq!(compare(two, one), None, "{two} and {one}");
    }
}

#[test]
fn the_same_version_may_be_said_in_several_ways() {
    for (one, two) in [
        ("2.72", "2.72 Sep 04 2022"),
        ("2.72", "iLO 5 v2.72"),
        ("U30 v2.54 (09/03/2021)", "u30  v2.54 (09/03/2021) "),
        ("v2.54", "U30 v2.54 (09/03/2021)"),
        ("6.00.30", "6.00.30.00"),
        ("24.12", "24.12-8"),
        ("GDC5602Q", "gdc5602q"),
        ("15.2(7)E", "15.2(7)E0"),
        ("21.4R3-S5", "21.4R3-S5.4"),
    ] {
        assert!(same(one, two), "{one} and {two}");
    }
    assert!(!same("2.72 Sep 04 2022", "2.72 Sep 05 2022"));
    assert!(!same("E2MU110", "E2MU200"));
}

#[test]
fn a_missing_part_tells_no_version() {
    for text in
        ["", " ", "N/A", "0.00", "00.00.0000", "Not Present", "version not available", "undefined", "-*"]
    {
        assert!(!is_told(text), "{text:?}");
    }
    for text in ["0.70", "ff", "A00", "0x11", "1.0"] {
        assert!(is_told(text), "{text:?}");
    }
}

proptest! {
    /// Whatever devices say: no panic, and the order is the same from both sides.
    #[test]
    fn any_two_texts_have_one_order(a in "(\\PC{0,40}|[0-9A-F.()vRS x-]{0,24})", b in "[0-9A-F.()vRS x-]{0,24}") {
        prop_assert_eq!(compare(&a, &b), compare(&b, &a).map(Ordering::reverse));
        prop_assert_eq!(compare(&a, &a), Some(Ordering::Equal));
    }
}
