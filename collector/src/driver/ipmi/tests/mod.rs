//! Tests on sockets, against BMCs that share no code with this program.

mod ipmitool;
mod polls;
mod sim;
mod simulator;
