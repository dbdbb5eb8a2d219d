//! The SNMP agent, asked by net-snmp's command-line tools (Debian package `snmp`) and by plain datagrams.

mod captures;
mod faults;
mod netsnmp;
mod program;
mod protocol;
mod recordings;

mod security;
