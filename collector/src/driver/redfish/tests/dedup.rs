//! One physical sensor that stands in several documents is told once.

use serde_json::{Value, json};

use super::readings;

fn link(path: &str) -> Value {
    json!({"@odata.id": format!("/redfish/v1/Chassis/1/{path}")})
}

fn uri(sensor: &str) -> String {
    format!("/redfish/v1/Chassis/1/Sensors/{sensor}")
}

fn sensor(id: &str, name: &str, units: &str, reading: f64) -> Value {
    json!({"Id": id, "Name": name, "Reading": reading, "ReadingUnits": units})
}

#[tokio::test]
async fn a_temperature_in_thermal_sensors_and_metrics() {
    let found = readings(json!({
        "Chassis/1": {"Name": "Box", "Sensors": link("Sensors"), "Thermal": link("Thermal"), "ThermalSubsystem": link("ThermalSubsystem")},
        "Chassis/1/Sensors/CPU1": sensor("CPU1", "CPU #1 Temperature", "Cel", 41.0),
        "Chassis/1/Thermal": {"Temperatures": [
            {"Name": "CPU1 Temp", "MemberId": "0", "ReadingCelsius": 42},
            {"Name": "CPU2 Temp", "MemberId": "1", "ReadingCelsius": 43}]},
        "Chassis/1/ThermalSubsystem": {"ThermalMetrics": link("ThermalSubsystem/ThermalMetrics")},
        "Chassis/1/ThermalSubsystem/ThermalMetrics": {"TemperatureReadingsCelsius": [{"Reading": 41, "DataSourceUri": uri("CPU1")}]},
    }))
    .await;
    assert_eq!(
        found,
        [
            "hw_temperature_celsius{hw_id=Chassis/1/Sensors/CPU1,hw_name=CPU #1 Temperature,hw_parent=Chassis/1} 41",
            "hw_temperature_celsius{hw_id=Chassis/1/Thermal/Temperatures/1,hw_name=CPU2 Temp,hw_parent=Chassis/1} 43",
        ]
    );
}

#[tokio::test]
async fn metrics_alone_are_told() {
    let found = readings(json!({
        "Chassis/1": {"Name": "Box", "ThermalSubsystem": link("ThermalSubsystem")},
        "Chassis/1/ThermalSubsystem": {"ThermalMetrics": link("ThermalSubsystem/ThermalMetrics")},
        "Chassis/1/ThermalSubsystem/ThermalMetrics": {
            "TemperatureReadingsCelsius": [{"Reading": 41, "DeviceName": "CPU", "DataSourceUri": uri("CPU1")}],
            "TemperatureSummaryCelsius": {"Internal": {"Reading": 41, "DataSourceUri": uri("CPU1")},
                "Intake": {"Reading": 22, "DataSourceUri": uri("Inlet")}}},
    }))
    .await;
    assert_eq!(
        found,
        [
            "hw_host_ambient_temperature_celsius{hw_id=Chassis/1/Sensors/Inlet,hw_name=Intake,hw_parent=Chassis/1} 22",
            "hw_temperature_celsius{hw_id=Chassis/1/Sensors/CPU1,hw_name=CPU,hw_parent=Chassis/1} 41",
            "hw_temperature_celsius{hw_id=Chassis/1/Sensors/Inlet,hw_name=Intake,hw_parent=Chassis/1,hw_sensor_location=inlet} 22",
        ]
    );
}

#[tokio::test]
async fn a_power_supply_in_subsystem_sensors_and_power() {
    let found = readings(json!({
        "Chassis/1": {"Name": "Box", "Sensors": link("Sensors"), "Power": link("Power"), "PowerSubsystem": link("PowerSubsystem"),
            "EnvironmentMetrics": link("EnvironmentMetrics")},
        "Chassis/1/Sensors/Vin": sensor("Vin", "PS1 Voltage 1", "V", 229.0),
        "Chassis/1/Sensors/Total": sensor("Total", "Sys Power", "Watts", 300.0),
        "Chassis/1/EnvironmentMetrics": {"PowerWatts": {"Reading": 301, "DataSourceUri": uri("Total")}},
        "Chassis/1/PowerSubsystem": {"PowerSupplies": link("PowerSubsystem/PowerSupplies")},
        "Chassis/1/PowerSubsystem/PowerSupplies/A": {"Id": "A", "Name": "Power Supply 1", "PowerCapacityWatts": 800,
            "Metrics": link("PowerSubsystem/PowerSupplies/A/Metrics")},
        "Chassis/1/PowerSubsystem/PowerSupplies/A/Metrics": {"InputVoltage": {"Reading": 230, "DataSourceUri": uri("Vin")}},
        "Chassis/1/Power": {
            "PowerControl": [{"Name": "Server", "MemberId": "0", "PowerConsumedWatts": 305, "PowerLimit": {"LimitInWatts": 500}},
                {"Name": "CPU", "MemberId": "1", "PowerConsumedWatts": 90, "PhysicalContext": "CPUSubsystem"}],
            "PowerSupplies": [{"Name": "PSU A", "MemberId": "0", "LineInputVoltage": 231, "PowerOutputWatts": 280}],
            "Voltages": [{"Name": "PS1 Voltage 1", "MemberId": "0", "ReadingVolts": 231}]},
    }))
    .await;
    let supply = "hw_id=Chassis/1/PowerSubsystem/PowerSupplies/A,hw_name=Power Supply 1,hw_parent=Chassis/1";
    assert_eq!(
        found,
        [
            "hw_host_power_watts{hw_id=Chassis/1,hw_name=Box} 301".to_owned(),
            format!("hw_power_supply_limit_watts{{{supply},hw_limit_type=max}} 800"),
            format!("hw_power_supply_usage_watts{{{supply}}} 280"),
            "hw_power_watts{hw_id=Chassis/1/Power/PowerControl/1,hw_name=CPU,hw_parent=Chassis/1,hw_type=cpu} 90".to_owned(),
            format!("oob_circuit_voltage_volts{{{supply},oob_circuit_type=psu_input}} 230"),
            "oob_host_power_limit_watts{hw_limit_type=high.critical} 500".to_owned(),
        ]
    );
}

#[tokio::test]
async fn a_fan_in_subsystem_sensors_and_thermal() {
    let found = readings(json!({
        "Chassis/1": {"Name": "Box", "Sensors": link("Sensors"), "Thermal": link("Thermal"), "ThermalSubsystem": link("ThermalSubsystem")},
        "Chassis/1/Sensors/80L0": {"Id": "80L0", "Name": "Fan 1 Tach", "Reading": 6431, "ReadingUnits": "RPM", "ReadingType": "AirFlow",
            "Thresholds": {"LowerCritical": {"Reading": 480}}},
        "Chassis/1/ThermalSubsystem": {"Fans": link("ThermalSubsystem/Fans")},
        "Chassis/1/ThermalSubsystem/Fans/F1": {"Id": "F1", "Name": "Fan One",
            "SpeedPercent": {"Reading": 6431, "SpeedRPM": 6431, "DataSourceUri": uri("80L0")}},
        "Chassis/1/Thermal": {"Fans": [{"Name": "Fan 1 Tach", "MemberId": "0", "Reading": 6500, "ReadingUnits": "RPM"}]},
    }))
    .await;
    assert_eq!(
        found,
        [
            "hw_fan_speed_limit_rpm{hw_id=Chassis/1/ThermalSubsystem/Fans/F1,hw_name=Fan One,hw_parent=Chassis/1,hw_limit_type=low.critical} 480",
            "hw_fan_speed_rpm{hw_id=Chassis/1/ThermalSubsystem/Fans/F1,hw_name=Fan One,hw_parent=Chassis/1} 6431",
        ]
    );
}

#[tokio::test]
async fn a_line_voltage_among_the_voltages_is_the_supplys() {
    let found = readings(json!({
        "Chassis/1": {"Name": "Box", "Power": link("Power")},
        "Chassis/1/Power": {
            "PowerSupplies": [{"@odata.id": "/redfish/v1/Chassis/1/Power#/PowerSupplies/0", "Name": "PS1", "MemberId": "0", "LineInputVoltage": 230}],
            "Voltages": [
                {"Name": "PS1 Voltage", "MemberId": "0", "ReadingVolts": 229, "PhysicalContext": "PowerSupply",
                    "RelatedItem": [{"@odata.id": "/redfish/v1/Chassis/1/Power#/PowerSupplies/0"}]},
                {"Name": "PS1 12V", "MemberId": "1", "ReadingVolts": 12.1, "PhysicalContext": "PowerSupply",
                    "RelatedItem": [{"@odata.id": "/redfish/v1/Chassis/1/Power#/PowerSupplies/0"}]}]},
    }))
    .await;
    assert_eq!(
        found,
        [
            "hw_voltage_volts{hw_id=Chassis/1/Power/Voltages/1,hw_name=PS1 12V,hw_parent=Chassis/1,hw_sensor_location=power_supply} 12.1",
            "oob_circuit_voltage_volts{hw_id=Chassis/1/Power/PowerSupplies/0,hw_name=PS1,hw_parent=Chassis/1,oob_circuit_type=psu_input} 230",
        ]
    );
}

#[tokio::test]
async fn an_outlet_names_one_sensor_as_total_and_as_phase() {
    let excerpt =
        |reading: f64| json!({"Reading": reading, "DataSourceUri": "/redfish/v1/Chassis/1/Sensors/A1"});
    let found = readings(json!({
        "PowerEquipment": {"RackPDUs": {"@odata.id": "/redfish/v1/PowerEquipment/RackPDUs"}},
        "PowerEquipment/RackPDUs/1": {"Id": "1", "Name": "PDU", "Outlets": {"@odata.id": "/redfish/v1/PowerEquipment/RackPDUs/1/Outlets"}},
        "PowerEquipment/RackPDUs/1/Outlets/A1": {"Id": "A1", "Name": "Outlet A1", "PowerState": "On", "RatedCurrentAmps": 16,
            "CurrentAmps": excerpt(1.5), "PolyPhaseCurrentAmps": {"Line1": excerpt(1.5)},
            "PolyPhaseVoltage": {"Line1ToNeutral": {"Reading": 230}, "Line1ToLine2": {"Reading": 400}},
            "PowerWatts": {"Reading": 340, "ApparentVA": 345, "PowerFactor": 0.98}, "EnergykWh": {"Reading": 2}},
        "Chassis/1": {"Name": "PDU", "Sensors": link("Sensors")},
        "Chassis/1/Sensors/A1": sensor("A1", "Outlet A1 current", "A", 1.5),
    }))
    .await;
    let outlet = "hw_id=PowerEquipment/RackPDUs/1/Outlets/A1,hw_name=Outlet A1,hw_parent=PowerEquipment/RackPDUs/1,oob_circuit_type=outlet";
    assert_eq!(
        found,
        [
            format!("oob_circuit_apparent_power_VA{{{outlet}}} 345"),
            format!("oob_circuit_current_amperes{{{outlet}}} 1.5"),
            format!("oob_circuit_current_limit_amperes{{{outlet},hw_limit_type=max}} 16"),
            format!("oob_circuit_energy_joules_total{{{outlet}}} 7200000"),
            format!("oob_circuit_power_factor_ratio{{{outlet}}} 0.98"),
            format!("oob_circuit_power_watts{{{outlet}}} 340"),
            format!("oob_circuit_state{{{outlet},state=on}} 1"),
            format!("oob_circuit_voltage_volts{{{outlet},oob_circuit_phase=L1-L2}} 400"),
            format!("oob_circuit_voltage_volts{{{outlet},oob_circuit_phase=L1}} 230"),
        ]
    );
}

#[tokio::test]
async fn a_bmc_that_calls_every_sensor_an_intake_names_none() {
    let intake = |id: &str, name: &str, reading: f64| json!({"Id": id, "Name": name, "Reading": reading, "ReadingUnits": "Cel", "PhysicalContext": "Intake"});
    let ambient = |found: Vec<String>| found.into_iter().filter(|line| line.contains("ambient")).count();
    let chassis = json!({"Name": "Box", "Sensors": link("Sensors")});
    let one = json!({"Chassis/1": chassis, "Chassis/1/Sensors/a": intake("a", "Front", 22.0)});
    let two = json!({"Chassis/1": chassis, "Chassis/1/Sensors/a": intake("a", "CPU0_TEMP", 40.0),
        "Chassis/1/Sensors/b": intake("b", "CPU1_TEMP", 44.0)});
    assert_eq!(ambient(readings(one).await), 1);
    assert_eq!(ambient(readings(two).await), 0);
}
