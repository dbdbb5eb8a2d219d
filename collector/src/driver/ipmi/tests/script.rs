//! A BMC as a function of what it is asked: for what no simulator does.

use std::collections::HashMap;

use crate::driver::ipmi::error::WireError;
use crate::driver::ipmi::link::Ask;
use crate::driver::ipmi::wire::message::Request;

/// Answers with data or a completion code, and counts what it was asked.
pub(super) struct Script<F> {
    answer: F,
    /// How often, by network function and command.
    pub(super) asked: HashMap<(u8, u8), usize>,
}

impl<F: FnMut(&Request) -> Result<Vec<u8>, u8>> Script<F> {
    pub(super) fn new(answer: F) -> Self {
        Self { answer, asked: HashMap::new() }
    }

    pub(super) fn asked(&self, netfn: u8, command: u8) -> usize {
        self.asked.get(&(netfn, command)).copied().unwrap_or(0)
    }
}

impl<F: FnMut(&Request) -> Result<Vec<u8>, u8> + Send> Ask for Script<F> {
    async fn ask(&mut self, request: Request) -> Result<Vec<u8>, WireError> {
        *self.asked.entry((request.netfn, request.command)).or_default() += 1;
        let command = request.command;
        (self.answer)(&request).map_err(|code| WireError::Completion { code, command })
    }
}
