//! Misbehaviour that real devices show: each costs the field or the resource, and nothing beside it.

use model::{Reason, Rejection};
use serde_json::{Value, json};

use super::{Watched, device, poll, readings, state};
use crate::driver::redfish::collect::collect;
use crate::driver::redfish::normalise::testing::{self, lines, value};
use crate::driver::redfish::tests::NOW;

/// A rack server with one `Power` and one `Thermal`.
fn server(power: Value, thermal: Value) -> Value {
    json!({
        "Chassis/1": {"Id": "1", "Name": "Box", "ChassisType": "RackMount",
            "Power": {"@odata.id": "/redfish/v1/Chassis/1/Power"},
            "Thermal": {"@odata.id": "/redfish/v1/Chassis/1/Thermal"}},
        "Chassis/1/Power": power,
        "Chassis/1/Thermal": thermal,
    })
}

#[tokio::test]
async fn power_control_as_an_object_and_thresholds_in_words() {
    let found = readings(server(
        json!({"PowerControl": {"Name": "Chassis", "PowerConsumedWatts": "324"},
            "Voltages": [{"Name": "P12V", "MemberId": "P12V", "ReadingVolts": 11.89, "UpperThresholdCritical": "N/A"}]}),
        json!({}),
    ))
    .await;
    assert_eq!(
        found,
        [
            "hw_host_power_watts{hw_id=Chassis/1,hw_name=Box} 324",
            "hw_voltage_volts{hw_id=Chassis/1/Power/Voltages/P12V,hw_name=P12V,hw_parent=Chassis/1} 11.89",
        ]
    );
}

#[tokio::test]
async fn repeated_member_ids_lose_no_reading() {
    let thermal = json!({"Temperatures": [
        {"Name": "CPU1", "MemberId": "0", "ReadingCelsius": 41},
        {"Name": "CPU2", "MemberId": "0", "ReadingCelsius": 42},
        {"Name": "CPU3", "MemberId": 0, "ReadingCelsius": 43},
    ]});
    assert_eq!(
        readings(server(json!({}), thermal)).await,
        [
            "hw_temperature_celsius{hw_id=Chassis/1/Thermal/Temperatures/0,hw_name=CPU1,hw_parent=Chassis/1} 41",
            "hw_temperature_celsius{hw_id=Chassis/1/Thermal/Temperatures/0.1,hw_name=CPU2,hw_parent=Chassis/1} 42",
            "hw_temperature_celsius{hw_id=Chassis/1/Thermal/Temperatures/0.2,hw_name=CPU3,hw_parent=Chassis/1} 43",
        ]
    );
}

#[tokio::test]
async fn the_same_id_in_two_chassis_is_two_sensors() {
    let sensor = |name: &str, reading: f64| json!({"Id": "1", "Name": name, "Reading": reading, "ReadingUnits": "Cel"});
    let link = |path: &str| json!({"@odata.id": format!("/redfish/v1/{path}")});
    let found = readings(json!({
        "Chassis/1": {"Id": "1", "Name": "A", "Sensors": link("Chassis/1/Sensors")},
        "Chassis/1/Sensors/1": sensor("Temp", 20.0),
        "Chassis/2": {"Id": "1", "Name": "B", "Sensors": link("Chassis/2/Sensors")},
        "Chassis/2/Sensors/1": sensor("Temp", 30.0),
    }))
    .await;
    assert_eq!(
        found,
        [
            "hw_temperature_celsius{hw_id=Chassis/1/Sensors/1,hw_name=Temp,hw_parent=Chassis/1} 20",
            "hw_temperature_celsius{hw_id=Chassis/2/Sensors/1,hw_name=Temp,hw_parent=Chassis/2} 30",
        ]
    );
}

#[tokio::test]
async fn an_absent_supply_that_feeds_is_live_and_one_at_zero_is_not_there() {
    let absent = json!({"State": "Absent"});
    let power = json!({"PowerSupplies": [
        {"Name": "PS1", "MemberId": "0", "Status": absent, "PowerOutputWatts": 250, "LineInputVoltage": 230},
        {"Name": "PS2", "MemberId": "1", "Status": absent, "PowerOutputWatts": 0, "FirmwareVersion": "0.00"},
    ]});
    assert_eq!(
        readings(server(power, json!({}))).await,
        [
            "hw_power_supply_usage_watts{hw_id=Chassis/1/Power/PowerSupplies/0,hw_name=PS1,hw_parent=Chassis/1} 250",
            "oob_circuit_voltage_volts{hw_id=Chassis/1/Power/PowerSupplies/0,hw_name=PS1,hw_parent=Chassis/1,oob_circuit_type=psu_input} 230",
        ]
    );
}

#[tokio::test]
async fn absent_and_disabled_sensors_are_no_zeros() {
    let thermal = json!({
        "Temperatures": [
            {"Name": "A", "MemberId": "0", "ReadingCelsius": 0, "Status": {"State": "Absent"}},
            {"Name": "B", "MemberId": "1", "ReadingCelsius": 0, "Status": {"State": "Disabled"}},
            {"Name": "C", "MemberId": "2", "ReadingCelsius": null, "Status": {"State": "Enabled"}},
            {"Name": "D", "MemberId": "3", "ReadingCelsius": [], "Status": {"State": "Enabled"}},
        ],
        "Fans": [{"Name": "F", "MemberId": "0", "Reading": 0, "ReadingUnits": "RPM", "Status": {"State": "UnavailableOffline"}}],
    });
    assert_eq!(readings(server(json!({}), thermal)).await, [""; 0]);
}

#[tokio::test]
async fn redfish_before_its_first_version_is_read() {
    let power = json!({"PowerConsumedWatts": 150, "PowerSupplies": []});
    let thermal = json!({
        "Temperatures": [{"Name": "01-Inlet Ambient", "CurrentReading": 21, "Units": "Celsius", "PhysicalContext": "Intake"}],
        "Fans": [{"FanName": "Fan 1", "CurrentReading": 35, "Units": "Percent"}, {"FanName": "Fan 2", "ReadingRPM": 4000}],
    });
    let found = readings(server(power, thermal)).await;
    assert_eq!(
        found,
        [
            "hw_fan_speed_ratio{hw_id=Chassis/1/Thermal/Fans/0,hw_name=Fan 1,hw_parent=Chassis/1} 0.35",
            "hw_fan_speed_rpm{hw_id=Chassis/1/Thermal/Fans/1,hw_name=Fan 2,hw_parent=Chassis/1} 4000",
            "hw_host_ambient_temperature_celsius{hw_id=Chassis/1/Thermal/Temperatures/0,hw_name=01-Inlet Ambient,hw_parent=Chassis/1} 21",
            "hw_host_power_watts{hw_id=Chassis/1,hw_name=Box} 150",
            "hw_temperature_celsius{hw_id=Chassis/1/Thermal/Temperatures/0,hw_name=01-Inlet Ambient,hw_parent=Chassis/1,hw_sensor_location=inlet} 21",
        ]
    );
}

#[tokio::test]
async fn watts_in_a_vendors_own_part_are_found() {
    let fujitsu = json!({"PowerControl": [{"Name": "System"}],
        "Oem": {"ts_fujitsu": {"ChassisPowerConsumption": {"CurrentPowerConsumptionW": 214}}}});
    assert_eq!(
        readings(server(fujitsu, json!({}))).await,
        ["hw_host_power_watts{hw_id=Chassis/1,hw_name=Box} 214"]
    );
    let huawei = json!({"PowerSupplies": [{"Name": "PSU1", "MemberId": "0", "LineInputVoltage": "N/A",
        "Oem": {"Huawei": {"PowerInputWatts": 96}}}]});
    let report = poll(device(server(huawei, json!({})))).await.expect("a report");
    let watts = report.samples.iter().find(|sample| sample.series.metric == model::metric::OOB_CIRCUIT_POWER);
    assert_eq!(watts.map(|sample| sample.value), Some(96.0));
    assert_eq!(report.rejections, [(Rejection::Na, 1)]);
}

#[tokio::test]
async fn a_shelf_without_systems_vendor_and_links_between_its_sensors() {
    let link = |path: &str| json!({"@odata.id": format!("/redfish/v1/Chassis/shelf/{path}")});
    let sensor = |path: &str, name: &str, units: &str, reading: f64| {
        let path = format!("/redfish/v1/Chassis/shelf/Sensors/{path}");
        json!({"@odata.id": path, "Name": name, "Reading": reading, "ReadingUnits": units, "Status": {"State": "Enabled"}})
    };
    let found = readings(json!({
        "Chassis/shelf": {"Id": "shelf", "Name": "shelf", "PowerState": "On", "Manufacturer": "LITE-ON",
            "PowerSubsystem": link("PowerSubsystem"), "Sensors": link("Sensors")},
        "Chassis/shelf/PowerSubsystem": {"PowerSupplies": link("PowerSubsystem/PowerSupplies")},
        "Chassis/shelf/PowerSubsystem/PowerSupplies/0": {"Id": "0", "Name": "Power Supply 0", "CapacityWatts": "5500",
            "PowerState": true, "Sensors": [link("Sensors/pin"), link("Sensors/vout")], "FirmwareVersion": "0x1 / 0x1"},
        "Chassis/shelf/Sensors": {"Members": [
            sensor("pin", "p0 pin", "W", 759.0), sensor("vout", "p0 vout", "V", 49.85)]},
    }))
    .await;
    let supply =
        "hw_id=Chassis/shelf/PowerSubsystem/PowerSupplies/0,hw_name=Power Supply 0,hw_parent=Chassis/shelf";
    let vout = "hw_id=Chassis/shelf/Sensors/vout,hw_name=p0 vout,hw_parent=Chassis/shelf/PowerSubsystem/PowerSupplies/0";
    assert_eq!(
        found,
        [
            format!("hw_power_supply_limit_watts{{{supply},hw_limit_type=max}} 5500"),
            format!("hw_voltage_volts{{{vout}}} 49.85"),
            format!("oob_circuit_power_watts{{{supply},oob_circuit_type=psu_input}} 759"),
            "oob_firmware_info{hw_id=Chassis/shelf/PowerSubsystem/PowerSupplies/0,hw_name=Power Supply 0,component=power_supply,version=0x1 / 0x1} 1".to_owned(),
        ]
    );
}

#[tokio::test]
async fn lists_for_strings_padding_and_factory_texts() {
    let report = poll(device(json!({
        "Systems/1": {"Id": "1", "Name": ["Sys "], "Manufacturer": ["HPE  "], "Model": "ProLiant \u{0}", "UUID": "",
            "SerialNumber": "To be filled by O.E.M.", "PowerState": "On", "BiosVersion": " U30 v2 "},
    })))
    .await
    .expect("a report");
    let label = |metric, label| {
        let sample = report.samples.iter().find(|sample| sample.series.metric == metric);
        sample.map(|sample| value(sample, label)).unwrap_or_default()
    };
    assert_eq!(label(model::metric::OOB_DEVICE_INFO, "vendor"), "HPE");
    assert_eq!(label(model::metric::OOB_DEVICE_INFO, "model"), "ProLiant");
    assert_eq!(label(model::metric::OOB_DEVICE_INFO, "serial"), "");
    assert_eq!(label(model::metric::OOB_FIRMWARE_INFO, "version"), "U30 v2");
}

#[tokio::test]
async fn the_misspelt_storage_link_leads_to_drives() {
    let link = |path: &str| json!({"@odata.id": format!("/redfish/v1/Systems/1/{path}")});
    let found = readings(json!({
        "Systems/1": {"Id": "1", "Storages": link("Storages")},
        "Systems/1/Storages/R": {"Id": "R", "Name": "RAID", "Drives": [link("Drives/0"), link("Drives/gone")]},
        "Systems/1/Drives/0": {"Id": "0", "Name": "SSD", "MediaType": "SSD", "PredictedMediaLifeLeftPercent": 97},
    }))
    .await;
    assert_eq!(
        found,
        [
            "hw_physical_disk_endurance_utilization_ratio{hw_id=Systems/1/Drives/0,hw_name=SSD,hw_parent=Systems/1/Storages/R,hw_physical_disk_state=remaining} 0.97"
        ]
    );
}

#[tokio::test]
async fn a_failing_drive_is_a_predicted_failure_and_a_disk_has_no_endurance() {
    let report = poll(device(json!({
        "Systems/1": {"Storage": {"@odata.id": "/redfish/v1/Systems/1/Storage"}},
        "Systems/1/Storage/1": {"Id": "1", "Drives": [{"@odata.id": "/redfish/v1/D/0"}]},
        "D/0": {"Id": "0", "Name": "HDD", "MediaType": "HDD", "PredictedMediaLifeLeftPercent": 0, "FailurePredicted": true,
            "Status": {"Health": "OK", "State": "Enabled"}},
    })))
    .await
    .expect("a report");
    let state =
        report.samples.iter().find(|it| it.value == 1.0 && it.series.metric == model::metric::HW_STATUS);
    assert_eq!(state.map(|sample| value(sample, "hw_state")), Some("predicted_failure".to_owned()));
    let endurance = model::metric::HW_PHYSICAL_DISK_ENDURANCE_UTILIZATION;
    assert!(report.samples.iter().all(|sample| sample.series.metric != endurance));
}

#[tokio::test]
async fn rubbish_in_the_place_of_collections_costs_itself() {
    let mut tree = device(server(json!({"PowerControl": [{"PowerConsumedWatts": 90}]}), json!([1, 2])));
    for (path, doc) in [
        ("Systems", json!({"Members": null})),
        (
            "Managers",
            json!({"Members": [null, 5, "x", {"@odata.id": "/redfish/v1/gone"}, {"@odata.id": "/redfish/v1/Managers"}]}),
        ),
        ("UpdateService", json!([])),
    ] {
        tree.documents.insert(format!("/redfish/v1/{path}"), doc.into());
    }
    let mut root = (*tree.documents["/redfish/v1"]).clone();
    for top in ["Systems", "Managers", "UpdateService"] {
        root[top] = json!({"@odata.id": format!("/redfish/v1/{top}")});
    }
    tree.documents.insert("/redfish/v1".into(), root.into());
    let report = poll(tree).await.expect("a report");
    let watts = report.samples.iter().find(|sample| sample.series.metric == model::metric::HW_HOST_POWER);
    assert_eq!(watts.map(|sample| sample.value), Some(90.0));
    assert_eq!(report.fault_counts, [(Reason::Parse, 5), (Reason::Missing, 1)]);
}

#[tokio::test]
async fn a_fragment_that_brings_its_whole_document_is_cut_out_of_it() {
    let found = readings(json!({
        "Chassis/1": {"Id": "1", "Name": "Box", "Power": {"@odata.id": "/redfish/v1/Chassis/1/All#/Power"}},
        "Chassis/1/All": {"Power": {"PowerControl": [{"PowerConsumedWatts": 77}]}, "PowerControl": [{"PowerConsumedWatts": 5}]},
    }))
    .await;
    assert_eq!(found, ["hw_host_power_watts{hw_id=Chassis/1,hw_name=Box} 77"]);
}

#[tokio::test]
async fn a_clock_of_the_year_zero_is_no_clock() {
    let manager = |clock: &str| json!({"Managers/1": {"Id": "1", "DateTime": clock, "LastResetTime": "2023-11-14T22:12:20+00:00"}});
    assert_eq!(readings(manager("0000-00-00T00:00:00Z")).await, [""; 0]);
    let (mut source, mut report) = (device(manager("2023-11-14T16:13:50-0600")), testing::report());
    collect(&mut source, &mut state(), NOW, &mut report).await.expect("a root");
    let found = lines(&report);
    assert!(found.contains(&"oob_clock_offset_seconds{} 30".to_owned()), "{found:?}");
    assert!(found.contains(&"oob_device_uptime_seconds{component=bmc} 90".to_owned()), "{found:?}");
}

#[tokio::test]
async fn a_refused_resource_costs_itself() {
    let mut source = Watched::new(device(server(
        json!({"PowerControl": [{"PowerConsumedWatts": 90}]}),
        json!({"Temperatures": [{"Name": "T", "MemberId": "0", "ReadingCelsius": 30}]}),
    )));
    source.fail("Chassis/1/Power", 403, Reason::Refused);
    let mut report = testing::report();
    collect(&mut source, &mut state(), NOW, &mut report).await.expect("a root");
    assert_eq!(report.faults().iter().map(|fault| fault.reason).collect::<Vec<_>>(), [Reason::Refused]);
    assert!(lines(&report).iter().any(|line| line.starts_with("hw_temperature_celsius")));
}

#[tokio::test]
async fn a_null_vendor_is_told_by_its_own_part() {
    let mut documents = server(json!({}), json!({}));
    documents[""] =
        json!({"Vendor": null, "Oem": {"Dell": {}}, "Chassis": {"@odata.id": "/redfish/v1/Chassis"}});
    let (mut source, mut report) = (device(documents), testing::report());
    collect(&mut source, &mut state(), NOW, &mut report).await.expect("a root");
    let info = testing::device_info(&mut report);
    assert_eq!(info.as_deref(), Some(r#"vendor="Dell",protocol="redfish""#));
}

#[tokio::test]
async fn lists_in_the_place_of_links() {
    let found = readings(json!({
        "Chassis/1": {"Name": "Box", "PowerSubsystem": [{"@odata.id": "/redfish/v1/Chassis/1/PowerSubsystem"}], "Sensors": []},
        "Chassis/1/PowerSubsystem": {"PowerSupplies": [{"@odata.id": "/redfish/v1/P/0"}, {"Id": "1", "Name": "PSU 1", "PowerCapacityWatts": 750}]},
        "P/0": {"Id": "0", "Name": "PSU 0", "PowerCapacityWatts": 800},
    }))
    .await;
    assert_eq!(
        found,
        [
            "hw_power_supply_limit_watts{hw_id=Chassis/1/PSU 1,hw_name=PSU 1,hw_parent=Chassis/1,hw_limit_type=max} 750",
            "hw_power_supply_limit_watts{hw_id=P/0,hw_name=PSU 0,hw_parent=Chassis/1,hw_limit_type=max} 800",
        ]
    );
}

#[tokio::test]
async fn the_order_of_chassis_changes_nothing() {
    let link =
        |chassis: &str, key: &str| json!({"@odata.id": format!("/redfish/v1/Chassis/{chassis}/{key}")});
    let control = json!({"PowerControl": [{"Name": "C", "MemberId": "0", "PowerConsumedWatts": 120}]});
    let mut tree = device(json!({
        "Chassis/S": {"Id": "S", "Name": "Shelf", "ChassisType": "StorageEnclosure", "Model": "MD", "Power": link("S", "Power")},
        "Chassis/S/Power": control,
        "Chassis/B": {"Id": "B", "Name": "Box", "ChassisType": "RackMount", "Model": "R760", "Power": link("B", "Power")},
        "Chassis/B/Power": control,
    }));
    let mut told = Vec::new();
    for order in [["S", "B"], ["B", "S"]] {
        let members = order.map(|it| json!({"@odata.id": format!("/redfish/v1/Chassis/{it}")}));
        tree.documents.insert("/redfish/v1/Chassis".into(), json!({"Members": members}).into());
        let mut report = testing::report();
        collect(&mut tree, &mut state(), NOW, &mut report).await.expect("a root");
        let lines = lines(&report);
        told.push((lines, testing::device_info(&mut report)));
    }
    assert_eq!(told[0], told[1]);
    let (told, info) = &told[0];
    assert!(told.contains(&"hw_host_power_watts{hw_id=Chassis/B,hw_name=Box} 120".to_owned()), "{told:?}");
    assert_eq!(info.as_deref(), Some(r#"model="R760",protocol="redfish""#));
}

#[tokio::test]
async fn only_the_service_root_fails_a_poll() {
    let mut source = Watched::new(device(server(json!({}), json!({}))));
    source.fail("", 503, Reason::Busy);
    let error = collect(&mut source, &mut state(), NOW, &mut testing::report()).await.expect_err("no root");
    assert_eq!(error.reason, Reason::Busy);
    for root in [json!([]), json!({"hello": "world"}), json!("<html>")] {
        let mut tree = device(server(json!({}), json!({})));
        tree.documents.insert("/redfish/v1".into(), root.into());
        let error = collect(&mut tree, &mut state(), NOW, &mut testing::report()).await.expect_err("no root");
        assert_eq!(error.reason, Reason::Protocol);
    }
}
