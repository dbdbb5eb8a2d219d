//! Tests against BMCs that share no code with this program, most of them on sockets.

mod asleep;
mod fru;
mod ipmitool;
mod logs;
mod mocked;
mod polls;
mod quirks;
mod records;
mod script;
mod sim;
mod simulator;
