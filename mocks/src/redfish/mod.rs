//! A Redfish server that serves a tree of documents, alive or broken.
//!
//! Follows DSP0266 (Redfish Specification) for what a client may expect: sessions and Basic
//! authentication ("Security details"), ETags, error bodies, `$expand`, `$select`, `$top`, `$skip` and paged
//! collections. Departs from it where real BMCs do, and only when told to: by [`Options`] for a
//! device's lasting habits, by [`Fault`]s for what goes wrong at run time.
//!
//! It never writes to its tree: POST, PATCH, PUT and DELETE are refused, but for sessions.
//!
//! | module | what it holds |
//! |---|---|
//! | [`tree`] | documents and where they come from |
//! | [`live`] | readings that move with time |
//! | [`overrides`] | what is otherwise while an incident lasts |
//! | [`faults`] | the list of things that can go wrong, and when |
//! | `mangle` | how a fault changes an answer |
//! | `door` | accounts, sessions, lock-out |
//! | `query` | query parameters and pages |
//! | [`options`] | a device's lasting habits |
//! | `tls` | the self-signed certificate |
//! | [`server`] | the server, started and stopped |
//! | `route`, `reply` | from request to answer |

pub mod cli;
mod door;
pub mod faults;
pub mod live;
mod mangle;
pub mod options;
pub mod overrides;
mod pattern;
mod query;
mod reply;
mod route;
pub mod server;
mod tls;
pub mod tree;

pub use faults::{Fault, Kind};
pub use options::{Account, Certificate, Options, QuerySupport, SessionPlace};
pub use overrides::{Change, Override};
pub use server::{Server, StartError, Stats};
pub use tree::{Tree, TreeError};
