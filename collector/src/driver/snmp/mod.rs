//! SNMP: v1, v2c and v3 over UDP, on one socket for all targets.
//!
//! `wire` talks to devices; `profile` (a sibling of `driver`) gives the meaning.
