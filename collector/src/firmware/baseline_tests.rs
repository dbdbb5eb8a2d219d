//! What a baseline says of versions, and when it lets them change. Its mistakes are in `tests/firmware.rs`.

use super::*;

fn baseline(text: &str) -> Baseline {
    Baseline::parse("b.yml", text).unwrap_or_else(|problems| panic!("{}", problems.render()))
}

fn judge(wanted: &str, installed: &str) -> Compliance {
    let baseline = baseline(&format!("components: [{{{wanted}}}]"));
    baseline.find(&Subject::default()).unwrap().judge(installed)
}

#[test]
fn a_version_is_compliant_drifted_or_unknown() {
    use Compliance::*;
    for (wanted, installed, expected) in [
        ("exact: 2.10", "2.10", Compliant),
        ("exact: 2.10", "2.1", Drifted),
        ("exact: 2.72", "2.72 Sep 04 2022", Compliant),
        ("exact: HPG0", "HPG1", Drifted),
        ("exact: HPG0", "N/A", Unknown),
        ("one_of: [A11, A12]", "A12", Compliant),
        ("one_of: [A11, A12]", "2.0", Drifted),
        ("at_least: 2.9", "2.10", Compliant),
        ("at_least: 2.9", "2.8", Drifted),
        ("at_least: 2.9", "A12", Unknown),
        ("at_least: 2.9", "0.00", Unknown),
        ("at_most: 2.9", "2.9", Compliant),
        ("at_most: 2.9", "2.10", Drifted),
        ("at_least: 2.9, at_most: 2.20", "2.15", Compliant),
        ("at_least: 2.9, at_most: 2.20", "2.21", Drifted),
        ("at_least: 15.2(4)E7", "15.2(7)E", Compliant),
        ("at_least: 15.2(4)E7", "15.2(7)M", Unknown),
    ] {
        assert_eq!(judge(wanted, installed), expected, "{wanted} and {installed}");
    }
}

#[test]
fn the_first_entry_that_fits_counts() {
    let baseline = baseline(
        "components:
  - {vendor: Dell*, model: '*R750*', component: BIOS, exact: 1.8.2}
  - {vendor: Dell*, component: 'Installed-*__iDRAC*', at_least: 6.0}
  - {vendor: Dell*, one_of: [1.0, 1.1]}
",
    );
    let wanted = |vendor, model, component, id| {
        baseline.find(&Subject { vendor, model, component, id }).map(Entry::wanted)
    };
    assert_eq!(wanted("Dell Inc.", "PowerEdge R750", "BIOS", ""), Some("1.8.2"));
    assert_eq!(wanted("Dell Inc.", "PowerEdge R650", "BIOS", ""), Some("1.0 | 1.1"));
    let id = "UpdateService/FirmwareInventory/Installed-25227__iDRAC.Embedded.1-1";
    assert_eq!(wanted("Dell Inc.", "", "Integrated Dell Remote Access Controller", id), Some(">= 6.0"));
    assert_eq!(wanted("HPE", "DL380", "BIOS", ""), None);
}

#[test]
fn windows_are_those_of_all_and_those_of_the_entry() {
    let baseline = baseline(
        "windows: [{start: 2026-12-01T22:00:00Z, end: 2026-12-02T04:00:00Z}]
components:
  - {vendor: A, exact: 1, windows: [{days: [sat, sun], from: '22:00', to: '04:00'}]}
  - {vendor: B, exact: 1}
",
    );
    let count = |vendor| {
        let entry = baseline.find(&Subject { vendor, ..Subject::default() });
        baseline.windows(entry).count()
    };
    assert_eq!((count("A"), count("B"), count("C")), (3, 1, 1));
}
