//! Prints how much resident memory one series takes: one million through [`model::ReportBuilder`], held as a
//! collector holds them (builders, which know the series, and the latest reports).

#![allow(clippy::print_stdout, reason = "prints its result")]

#[path = "../benches/fleet/mod.rs"]
mod fleet;

const SERIES: usize = 1_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let before = resident_bytes()?;
    let fleet = fleet::build(SERIES);
    let after = resident_bytes()?;
    let series: usize = fleet.iter().map(|(_, report)| report.samples.len()).sum();
    let grown = after.saturating_sub(before);
    println!(
        "{series} series of {} devices: {} MiB, {} bytes a series",
        fleet.len(),
        grown >> 20,
        grown / series
    );
    Ok(())
}

/// `VmRSS` of this process, proc_pid_status(5).
fn resident_bytes() -> Result<usize, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kibibytes: usize = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes * 1024)
}
