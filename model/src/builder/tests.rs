//! What a builder keeps, drops and counts.

use super::*;
use crate::metric;

fn builder() -> ReportBuilder {
    ReportBuilder::new(Arc::new(Device {
        name: "pdu-a".into(),
        site: "fra1".into(),
        rack: "r1".into(),
        device_type: "pdu".into(),
        description: device::Description::default(),
    }))
}

fn finish(builder: &mut ReportBuilder) -> PollReport {
    builder.finish(0, Duration::ZERO, None)
}

#[test]
fn a_series_is_written_once_and_shared_by_later_polls() {
    let mut builder = builder();
    let labels = Labels::component("t1", "Inlet");
    builder.record(metric::HW_TEMPERATURE, &labels, 21.5);
    let first = finish(&mut builder);
    builder.record(metric::HW_TEMPERATURE, &labels, 22.0);
    let second = finish(&mut builder);
    assert!(Arc::ptr_eq(&first.samples[0].series, &second.samples[0].series));
    assert_eq!(second.samples[0].value, 22.0);
}

#[test]
fn a_repeated_sample_is_the_same_series_and_gives_way_to_a_newer_one() {
    let mut builder = builder();
    let labels = Labels::component("t1", "Inlet");
    builder.record(metric::HW_TEMPERATURE, &labels, 21.5);
    let kept = builder.samples().to_vec();
    finish(&mut builder);
    builder.repeat(&kept[0]);
    assert_eq!(finish(&mut builder).samples, kept);
    builder.record(metric::HW_TEMPERATURE, &labels, 22.0);
    builder.repeat(&kept[0]);
    let report = finish(&mut builder);
    assert_eq!((report.samples.len(), report.samples[0].value), (1, 22.0));
    assert_eq!(report.rejections, [(Rejection::Duplicate, 1)]);
}

#[test]
fn what_cannot_be_true_is_dropped_and_counted() {
    let mut builder = builder();
    let labels = Labels::component("t1", "Inlet");
    builder.record(metric::HW_TEMPERATURE, &labels, f64::NAN);
    builder.record(metric::HW_TEMPERATURE, &labels, -1000.0);
    builder.record(metric::HW_TEMPERATURE, &labels, 21.5);
    builder.record(metric::HW_TEMPERATURE, &labels, 99.0);
    let report = finish(&mut builder);
    assert_eq!(report.samples.len(), 1);
    assert_eq!(report.samples[0].value, 21.5);
    assert_eq!(report.rejections, [(Rejection::Na, 1), (Rejection::Range, 1), (Rejection::Duplicate, 1)]);
}

#[test]
fn a_state_set_has_one_series_for_each_state() {
    let mut builder = builder();
    let labels = Labels::component("o1", "Outlet 1").with(Label::OobCircuitType, "outlet");
    builder.record_state(metric::OOB_CIRCUIT_STATE, &labels, "off");
    builder.record_state(metric::OOB_CIRCUIT_STATE, &Labels::component("o2", "Outlet 2"), "sideways");
    let report = finish(&mut builder);
    let values: Vec<_> = report.samples.iter().map(|sample| sample.value).collect();
    assert_eq!(values, [0.0, 1.0, 0.0, 0.0]);
    assert_eq!(report.rejections, [(Rejection::Parse, 1)]);
}

#[test]
fn a_component_of_which_nothing_can_be_said_has_not_vanished() {
    let mut builder = builder();
    let fan = |id| Labels::component(id, "Fan").with(Label::HwType, "fan");
    let present = |report: &PollReport| {
        let of = |sample: &&Sample| sample.series.metric == metric::OOB_COMPONENT_PRESENT;
        report.samples.iter().filter(of).map(|sample| sample.value).collect::<Vec<_>>()
    };
    builder.record_status(&fan("1"), Status::Ok);
    builder.record_status(&fan("2"), Status::Ok);
    finish(&mut builder);
    builder.excuse(&fan("1"));
    builder.excuse(&fan("never told"));
    assert_eq!(present(&finish(&mut builder)), [0.0], "the second one");
    builder.excuse(&fan("1"));
    builder.record_status(&fan("1"), Status::Ok);
    builder.record_status(&fan("2"), Status::Ok);
    assert_eq!(present(&finish(&mut builder)), [1.0, 1.0]);
    assert_eq!(present(&finish(&mut builder)), [0.0, 0.0], "an excuse holds for one poll");
}

#[test]
fn components_are_excused_by_their_id_and_their_parent() {
    let mut builder = builder();
    let parts = [("Box/Fans/1", "Box"), ("Box/Fans/2", "Box"), ("Box/2/Fans/1", "Box/2"), ("Box", "")];
    for (id, parent) in parts {
        let labels = Labels::component(id, "Part").with(Label::HwParent, parent);
        builder.record_status(&labels, Status::Ok);
    }
    finish(&mut builder);
    builder.excuse_where(|id, parent| parent == "Box" && id != "Box/Fans/2");
    let report = finish(&mut builder);
    let mut told: Vec<_> = report.samples.iter().map(|sample| sample.series.own_text()).collect();
    told.sort_unstable();
    let expected = [
        r#"hw_id="Box",hw_name="Part""#,
        r#"hw_id="Box/2/Fans/1",hw_name="Part",hw_parent="Box/2""#,
        r#"hw_id="Box/Fans/2",hw_name="Part",hw_parent="Box""#,
    ];
    assert_eq!(told, expected);
    assert_eq!(finish(&mut builder).samples.len(), parts.len(), "an excuse holds for one poll");
}

#[test]
fn components_that_got_other_names_are_forgotten() {
    let mut builder = builder();
    let fan = |id| Labels::component(id, "Fan").with(Label::HwType, "fan");
    for id in ["Thermal/Fans/0", "Thermal/Fans2/0"] {
        builder.record_status(&fan(id), Status::Ok);
    }
    finish(&mut builder);
    builder.rename_below("Thermal/Fans".into());
    let report = finish(&mut builder);
    let told: Vec<_> = report.samples.iter().map(|sample| (sample.series.own_text(), sample.value)).collect();
    assert_eq!(told, [(r#"hw_id="Thermal/Fans2/0",hw_name="Fan",hw_type="fan""#, 0.0)]);
}

#[test]
fn samples_are_ordered_by_metric() {
    let mut builder = builder();
    builder.record(metric::HW_TEMPERATURE, &Labels::component("t1", "Inlet"), 20.0);
    builder.record(metric::HW_HOST_POWER, &Labels::new(), 100.0);
    builder.record(metric::HW_TEMPERATURE, &Labels::component("t2", "Outlet"), 30.0);
    let report = finish(&mut builder);
    assert!(report.samples.is_sorted_by_key(|sample| sample.series.metric));
}

#[test]
fn the_device_tells_who_it_is_and_the_operator_has_the_last_word() {
    let description =
        device::Description { asset_tag: "A-17".into(), room: "R2".into(), ..Default::default() };
    let device = Device { description, ..(**builder().device()).clone() };
    let mut builder = ReportBuilder::new(Arc::new(device));
    builder.identify(&Identity { vendor: "APC", asset_tag: "unset", ..Identity::default() });
    builder.identify(&Identity { vendor: "Schneider", model: "AP8959", ..Identity::default() });
    let report = finish(&mut builder);
    assert_eq!(
        report.samples[0].series.own_text(),
        r#"vendor="APC",model="AP8959",asset_tag="A-17",room="R2""#
    );
    assert!(finish(&mut builder).samples.is_empty());
}

#[test]
fn a_known_component_that_vanishes_is_reported_while_the_device_answers_in_full() {
    let present = |report: &PollReport| {
        let found = report.samples.iter().find(|s| s.series.metric == metric::OOB_COMPONENT_PRESENT);
        found.map(|sample| sample.value)
    };
    let mut builder = builder();
    let psu = Labels::component("psu2", "PSU 2").with(Label::HwType, "power_supply");
    builder.record_status(&psu, Status::Ok);
    assert_eq!(present(&finish(&mut builder)), Some(1.0));
    assert_eq!(present(&finish(&mut builder)), Some(0.0));
    builder.fault(Reason::Timeout, "Power", "no answer");
    assert_eq!(present(&finish(&mut builder)), None);
    let error = PollError::new(Reason::Timeout, "no answer");
    assert_eq!(present(&builder.finish(0, Duration::ZERO, Some(error))), None);
    assert_eq!(present(&finish(&mut builder)), Some(0.0));
    builder.record_status(&psu, Status::Ok);
    assert_eq!(present(&finish(&mut builder)), Some(1.0));
}

#[test]
fn a_device_that_renames_its_sensors_does_not_grow() {
    let mut builder = builder();
    for poll in 0..100 {
        builder.record(metric::HW_TEMPERATURE, &Labels::component(&format!("t{poll}"), ""), 20.0);
        finish(&mut builder);
    }
    assert!(builder.known.len() <= 10, "{} series are kept", builder.known.len());
}

#[test]
fn faults_are_bounded_and_all_counted() {
    let mut builder = builder();
    for _ in 0..1000 {
        builder.fault(Reason::Timeout, "ifTable", "no answer");
    }
    let report = finish(&mut builder);
    assert_eq!(report.faults.len(), MAX_FAULTS);
    assert_eq!(report.fault_counts, [(Reason::Timeout, 1000)]);
}
