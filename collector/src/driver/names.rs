//! What the names of sensors say: one rule for Redfish and IPMI, so that a sensor which a BMC shows in several
//! places or over both protocols is known to be one. Pure.

/// Which side of a converter a reading belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    Input,
    Output,
    Unsaid,
}

/// Words that only say what is measured.
const NOISE: &[&str] = &[
    "temp",
    "temperature",
    "voltage",
    "volt",
    "power",
    "pwr",
    "current",
    "reading",
    "sensor",
    "tach",
    "speed",
    "rpm",
    "subsystem",
    "control",
    "energy",
];

/// A name as it is compared: letters and digits in lower case, without the words that only say what is
/// measured; and the side it names.
pub(crate) fn name_key(name: &str) -> (String, Side) {
    let lower = name.to_lowercase().replace("sub-system", "");
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let mut side = Side::Unsaid;
    let mut key = String::new();
    for word in &words {
        match *word {
            "input" | "in" | "vin" | "iin" | "pin" | "freqin" => side = Side::Input,
            "output" | "out" | "vout" | "iout" | "pout" => side = Side::Output,
            "mem" => key.push_str("memory"),
            word if NOISE.contains(&word) => {}
            word => key.push_str(word),
        }
    }
    if key.is_empty() { (words.concat(), side) } else { (key, side) }
}

/// Whether a power or energy sensor is that of the whole device, by the names that vendors give it.
pub(crate) fn is_whole_device(name: &str) -> bool {
    const NAMES: &[&str] = &["total", "system", "sys", "chassis", "totalsystem", "server", "node"];
    let (key, side) = name_key(name);
    side != Side::Output && (NAMES.contains(&key.as_str()) || key.contains("consumption"))
}

/// How well a temperature fits as the inlet temperature of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ambient {
    /// Its place alone.
    Context,
    /// The name alone, one of those that vendors use.
    Name,
    /// Both.
    Both,
    /// The device's own summary (`TemperatureSummaryCelsius.Intake`).
    Summary,
}

/// How well a temperature of this name and `hw.sensor_location` fits; `None` if it does not.
pub(crate) fn ambient(name: &str, location: &str) -> Option<Ambient> {
    const NAMES: &[&str] = &["inlet", "systemboardinlet", "ambient", "inletambient", "systeminlet"];
    let (key, _) = name_key(name);
    let placed = location == "inlet";
    let named = ["inlet", "ambient", "intake"].iter().any(|word| key.contains(word));
    if placed && named {
        Some(Ambient::Both)
    } else if NAMES.contains(&key.as_str()) {
        Some(Ambient::Name)
    } else {
        placed.then_some(Ambient::Context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_sensor_in_two_places_compare_equal() {
        for (modern, old) in [
            ("CPU #1 Temperature", "CPU1 Temp"),
            ("12V_HSS ECB", "12V_HSS ECB Temperature"),
            ("CPU Power", "CPU Sub-system Power"),
            ("Mem Power", "Memory Sub-system Power"),
        ] {
            assert_eq!(name_key(modern), name_key(old));
        }
        assert_ne!(name_key("PSU1 Input Voltage"), name_key("PSU1 Output Voltage"));
        assert_ne!(name_key("Fan 1A Tach"), name_key("Fan 1B Tach"));
        assert_eq!(name_key("Temp").0, "temp");
    }

    #[test]
    fn the_inlet_is_told_by_place_and_name() {
        assert_eq!(ambient("Inlet Temp", "inlet"), Some(Ambient::Both));
        assert_eq!(ambient("Ambient Temp", "front_panel"), Some(Ambient::Name));
        assert_eq!(ambient("Exhaust Temp", "inlet"), Some(Ambient::Context));
        assert_eq!(ambient("CPU1 Temp", "cpu"), None);
        assert!(is_whole_device("Pwr Consumption") && is_whole_device("Sys Power"));
        assert!(!is_whole_device("PS1 Input Power"));
    }
}
