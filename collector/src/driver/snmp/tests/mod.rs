//! Tests of the wire: the walking logic against an agent in memory, and the whole against agents on
//! sockets: net-snmp's `snmpd`, snmpsim, this
//! project's mock, and rogues.

mod agent;
mod mocked;
mod peers;
mod polls;
mod rogue;
mod snmpd;
mod snmpsim;
mod support;
mod walking;
