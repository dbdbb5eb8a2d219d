//! A BMC that speaks IPMI 2.0 over RMCP+ with cipher suites 3 and 17, with values that live and faults that
//! are switched while it runs.
//!
//! ```no_run
//! # async fn f() -> Result<(), Box<dyn std::error::Error>> {
//! use mocks::ipmi::{Agent, Bmc, BmcOptions, Fault};
//!
//! let agent = Agent::bind("127.0.0.1:0".parse()?, Bmc::server()?, BmcOptions::default())?;
//! println!("listening on {}", agent.local_addr());
//! agent.set_faults(vec![Fault::SessionTableFull.times(3)]);
//! # Ok(()) }
//! ```
//!
//! The way of one datagram: `agent` (socket, clock) → `device` (faults) → `packet` (octets) → `session` (log in,
//! `keys`) → `commands` (the `bmc`'s sensors, records and logs, made to live by `live`). All but `agent` is pure.
//! It only reads: no command changes the machine, clears a log or writes a record.

mod agent;
mod bmc;
mod commands;
mod device;
mod faults;
mod fleet;
mod fru;
mod keys;
mod live;
mod options;
mod packet;
mod sdr;
mod sensor;
mod session;

pub mod cli;

pub use agent::Agent;
pub use bmc::{Bmc, BmcError, Event};
pub use device::Stats;
pub use faults::{Fault, FaultRule};
pub use fleet::Fleet;
pub use keys::{Suite, SuiteError};
pub use options::{BmcOptions, Privilege, User, UserError};
