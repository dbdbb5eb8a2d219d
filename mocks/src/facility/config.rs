//! The configuration of lightsout for a facility, as an operator would write it.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Access, COMMUNITY, Device, FACILITY, PASSWORD, POLE, USER};

/// Writes `lightsout.yml` and the secrets that it names into a folder, and gives its path. Each device is polled
/// once in `interval`; the web endpoints are to be at `listen`; what the pole brings is forwarded to `uplink`, if any.
///
/// # Errors
/// A file cannot be written.
pub fn write_config(
    folder: &Path,
    devices: &[Device],
    listen: SocketAddr,
    interval: Duration,
    uplink: Option<SocketAddr>,
) -> io::Result<PathBuf> {
    std::fs::write(folder.join("community"), COMMUNITY)?;
    std::fs::write(folder.join("password"), PASSWORD)?;
    let path = folder.join("lightsout.yml");
    std::fs::write(&path, config(devices, listen, interval, uplink))?;
    Ok(path)
}

fn config(devices: &[Device], listen: SocketAddr, interval: Duration, uplink: Option<SocketAddr>) -> String {
    let mut text = format!(
        "site: {{name: {FACILITY}, kind: dc, region: demo}}\nweb: {{listen: \"{listen}\"}}\n\
         defaults: {{interval: {}ms, timeout: 1s, inventory_interval: 30s}}\n\
         credentials:\n  \
           snmp: {{type: snmp_v2c, community_file: community}}\n  \
           bmc: {{type: password, user: {USER}, password_file: password}}\n\
         targets:\n",
        interval.as_millis(),
    );
    for Device { name, site, rack, kind, address, access } in devices {
        let _ = write!(text, "  - {{name: {name}, address: \"{address}\", site: {site}, device_type: {kind}");
        if !rack.is_empty() {
            let _ = write!(text, ", rack: {rack}");
        }
        let _ = match access {
            Access::Snmp => writeln!(text, ", protocol: snmp, credentials: snmp}}"),
            Access::Redfish { fingerprint } => writeln!(
                text,
                ", protocol: redfish, credentials: bmc, tls: {{pinned_sha256: \"{fingerprint}\"}}, \
                 budget: {{requests_in_flight: 4, requests_per_second: 200}}}}"
            ),
            Access::Ipmi => writeln!(
                text,
                ", protocol: ipmi, credentials: bmc, \
                 budget: {{requests_in_flight: 1, requests_per_second: 1000}}}}"
            ),
        };
    }
    if let Some(uplink) = uplink {
        // A machine that shows a demonstration may have no NTP.
        let _ = write!(
            text,
            "buffer: {{dir: buffer, clock_floor: 2026-01-01}}\n\
             destinations:\n  \
               - {{name: central, type: remote_write, url: \"http://{uplink}/api/v1/write\", order: live_first,\n     \
                  keep: [{{labels: {{site: {POLE}}}}}, {{metric: oob_collector_*}}]}}\n"
        );
    }
    text
}
