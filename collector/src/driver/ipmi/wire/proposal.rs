//! Which cipher suite is proposed to a BMC, and which after it: 17 and 3, and never less. Pure.

use super::crypto::Suite;
use super::status::LoginError;

/// Most times that a cipher suite is proposed: a packet with the better one may have been lost.
const MAX_PROPOSALS: u8 = 3;

/// The suite of a login, and what was tried before.
#[derive(Debug)]
pub(crate) struct Proposal {
    suite: Suite,
    /// The suite that the device has refused, and why.
    refused: Option<(Suite, LoginError)>,
    /// How often a suite was proposed.
    count: u8,
    /// Whether the device has answered anything.
    heard: bool,
}

impl Proposal {
    /// Begins with `suite` if it is known that the device takes it, with 17 otherwise.
    pub(crate) fn new(suite: Option<Suite>) -> Self {
        Self { suite: suite.unwrap_or(Suite::Sha256), refused: None, count: 0, heard: false }
    }

    pub(crate) const fn suite(&self) -> Suite {
        self.suite
    }

    /// The device has answered something.
    pub(crate) const fn heard(&mut self) {
        self.heard = true;
    }

    pub(crate) const fn is_heard(&self) -> bool {
        self.heard
    }

    /// The suite goes out to the device.
    pub(crate) const fn propose(&mut self) {
        self.count = self.count.saturating_add(1);
    }

    /// A device that has answered nothing yet is down rather than picky: it gets one proposal of each suite.
    pub(crate) fn has_alternative(&self) -> bool {
        let most = if self.heard { MAX_PROPOSALS } else { MAX_PROPOSALS - 1 };
        self.count < most && self.refused.is_none_or(|(suite, _)| suite != self.other())
    }

    /// Takes the other suite, where that makes sense.
    pub(crate) fn turn(&mut self) -> bool {
        let goes_on = self.has_alternative();
        if goes_on {
            self.suite = self.other();
        }
        goes_on
    }

    /// The device refuses the suite, or says that it has no room for a session with it, which some do for a
    /// suite that they lack. Takes the other suite, where that makes sense.
    ///
    /// # Errors
    /// There is no other suite left.
    pub(crate) fn refuse(&mut self, error: LoginError) -> Result<(), LoginError> {
        self.heard = true;
        if !matches!(error, LoginError::Suites | LoginError::Full) {
            return Err(error);
        }
        let earlier = self.refused.replace((self.suite, error));
        if earlier.is_none() && self.turn() {
            return Ok(());
        }
        let is_full = earlier.is_some_and(|(_, earlier)| earlier == LoginError::Full);
        Err(if is_full { LoginError::Full } else { error })
    }

    const fn other(&self) -> Suite {
        match self.suite {
            Suite::Sha256 => Suite::Sha1,
            Suite::Sha1 => Suite::Sha256,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_suites_are_proposed_and_a_full_table_is_told_from_a_refused_suite() {
        for (first, second, expected) in [
            (LoginError::Suites, LoginError::Suites, LoginError::Suites),
            (LoginError::Full, LoginError::Suites, LoginError::Full),
            (LoginError::Suites, LoginError::Full, LoginError::Full),
            (LoginError::Full, LoginError::Full, LoginError::Full),
        ] {
            let mut proposal = Proposal::new(None);
            proposal.propose();
            assert_eq!((proposal.suite(), proposal.refuse(first)), (Suite::Sha256, Ok(())));
            proposal.propose();
            assert_eq!((proposal.suite(), proposal.refuse(second)), (Suite::Sha1, Err(expected)));
        }
    }

    #[test]
    fn a_silent_device_gets_one_proposal_of_each_suite_and_a_picky_one_the_better_again() {
        let mut proposal = Proposal::new(None);
        proposal.propose();
        assert!(proposal.turn());
        proposal.propose();
        assert_eq!((proposal.suite(), proposal.turn()), (Suite::Sha1, false));
        proposal.heard();
        assert_eq!((proposal.turn(), proposal.suite()), (true, Suite::Sha256));
        proposal.propose();
        assert!(!proposal.turn());
    }
}
