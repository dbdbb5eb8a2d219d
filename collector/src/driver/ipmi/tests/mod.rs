//! Tests against BMCs that share no code with this program, most of them on sockets.

mod ipmitool;
mod logs;
mod mocked;
mod polls;
mod records;
mod script;
mod sim;
mod simulator;
