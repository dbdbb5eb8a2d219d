//! An SNMP agent that serves recordings: v1, v2c and v3 over UDP, with values that live and faults that
//! are switched while it runs.
//!
//! ```no_run
//! # async fn f() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use mocks::snmp::{Agent, AgentOptions, Fault, Recording};
//!
//! let recording = Recording::parse(&std::fs::read("rack-pdu.snmprec")?)?;
//! let agent = Agent::bind("127.0.0.1:0".parse()?, Arc::new(recording), AgentOptions::default())?;
//! println!("listening on {}", agent.local_addr());
//! agent.set_faults(vec![Fault::Silent.times(3)]);
//! # Ok(()) }
//! ```
//!
//! The way of one datagram: `agent` (socket, clock) → `device` (community or `engine`, faults) → `respond`
//! (the `recording`, made to live by `live`) → `codec`. All but `agent` is pure.

mod agent;
mod ber;
mod codec;
mod device;
mod engine;
mod faults;
mod fleet;
mod keys;
mod live;
mod oid;
mod overrides;
mod recording;
mod respond;
mod user;
mod value;

pub mod cli;

pub use agent::Agent;
pub use device::{AgentOptions, DEFAULT_MAX_RESPONSE, Stats};
pub use faults::{Endless, ErrorStatus, Fault, FaultRule};
pub use fleet::{Fleet, FleetError, Layout};
pub use keys::{AuthProtocol, PrivProtocol};
pub(crate) use live::mix;
pub use live::{LiveError, Moment, Reach, Rule};
pub use oid::{Oid, OidError};
pub use overrides::Override;
pub use recording::{LineProblem, Recording, RecordingError, Row};
pub use user::{SecurityLevel, User, UserError};
pub use value::Value;
