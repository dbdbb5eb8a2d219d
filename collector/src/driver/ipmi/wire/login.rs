//! Getting a session: Get Channel Authentication Capabilities, Open Session, RAKP 1 to 4
//! (sections 13.14 to 13.24, 22.13).
//!
//! The BMC has to prove that it knows the password before this console does (RAKP 2 before RAKP 3), so a
//! wrong password is noticed here. What is not for this step of this login is dropped.

use std::time::Duration;

use tokio::time::Instant;
use zeroize::Zeroizing;

use super::Next;
use super::crypto::{KEY_LENGTH, Keys, Suite, same};
use super::message::{Reply, Request};
use super::packet::{self, Packet};
use super::retry::{Retry, Turn};
use super::session::Session;
use super::status::LoginError;
use crate::driver::ipmi::bytes::Reader;

/// Privilege level User: enough for every reading.
const USER: u8 = 0x02;

/// In RAKP 1: the account is found by the name alone, not by name and privilege.
const NAME_ONLY: u8 = 0x10;

/// Most characters of a user's name (section 13.20).
pub(crate) const MAX_USER: usize = 16;

/// Part of the patience that a question gets which has an alternative: the greeting, which some BMCs ignore,
/// and a cipher suite, since some stay silent on one that they lack.
const SHORT_SHARE: u32 = 4;

/// Most times that a cipher suite is proposed: a packet with the better one may have been lost.
const MAX_PROPOSALS: u8 = 3;

/// Who logs in.
pub(crate) struct Account {
    pub(crate) user: Vec<u8>,
    /// The password.
    pub(crate) key: Zeroizing<Vec<u8>>,
}

/// Random numbers of one login. Never used twice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nonce {
    /// This console's id of the session.
    pub(crate) console: u32,
    /// R_m of RAKP 1.
    pub(crate) random: [u8; 16],
}

/// A login under way.
pub(crate) struct Login<'a> {
    account: &'a Account,
    nonce: Nonce,
    suite: Suite,
    /// The suite that the device has refused, and why.
    refused: Option<(Suite, LoginError)>,
    proposals: u8,
    /// Whether the device has answered.
    heard: bool,
    tag: u8,
    step: Step,
    retry: Retry,
    patience: Duration,
    /// What is sent, and sent again.
    packet: Vec<u8>,
}

enum Step {
    Capabilities,
    Open,
    Rakp2 { bmc: u32 },
    Rakp4 { bmc: u32, keys: Keys, expected: Vec<u8> },
}

/// How a received packet moved the login.
pub(crate) enum Progress {
    /// Not at all, or one step: ask what is next.
    On,
    /// It is done.
    Done(Box<Session>, Suite),
}

impl<'a> Login<'a> {
    /// Begins with `suite` if it is known that the device takes it, with 17 otherwise.
    pub(crate) fn new(
        account: &'a Account,
        nonce: Nonce,
        suite: Option<Suite>,
        now: Instant,
        patience: Duration,
    ) -> Self {
        let mut login = Self {
            account,
            nonce,
            suite: suite.unwrap_or(Suite::Sha256),
            refused: None,
            proposals: 0,
            heard: false,
            tag: 0,
            step: Step::Capabilities,
            retry: Retry::new(now, patience / SHORT_SHARE),
            patience,
            packet: packet::legacy(&capabilities().encode(0)),
        };
        if suite.is_some() {
            login.open(now);
        }
        login
    }

    /// What to do now.
    ///
    /// # Errors
    /// The device does not answer.
    pub(crate) fn next(&mut self, now: Instant) -> Result<Next, LoginError> {
        match self.retry.turn(now) {
            Turn::Send => return Ok(Next::Send(self.packet.clone())),
            Turn::Wait(until) => return Ok(Next::Wait(until)),
            Turn::Over => {}
        }
        let goes_on = match self.step {
            Step::Capabilities => {
                self.open(now);
                true
            }
            Step::Open => self.propose_other(now),
            Step::Rakp2 { .. } | Step::Rakp4 { .. } => false,
        };
        if goes_on { self.next(now) } else { Err(LoginError::Silence) }
    }

    /// Takes a packet.
    ///
    /// # Errors
    /// The device refuses, or the password is wrong.
    pub(crate) fn receive(&mut self, bytes: &[u8], now: Instant) -> Result<Progress, LoginError> {
        match (Packet::parse(bytes), &self.step) {
            (Some(Packet::Legacy(message)), Step::Capabilities) => self.greeted(message, now)?,
            (Some(Packet::Open(packet::OPEN_RESPONSE, payload)), Step::Open) => {
                if let Some(answer) = self.answer(payload) {
                    self.opened(answer, now)?;
                }
            }
            (Some(Packet::Open(packet::RAKP_2, payload)), Step::Rakp2 { bmc }) => {
                let bmc = *bmc;
                if let Some(answer) = self.answer(payload) {
                    self.proved(answer, bmc, now)?;
                }
            }
            (Some(Packet::Open(packet::RAKP_4, payload)), Step::Rakp4 { .. }) => {
                if let Some(answer) = self.answer(payload) {
                    return self.established(answer);
                }
            }
            _ => {}
        }
        Ok(Progress::On)
    }

    /// Status and rest of a payload, if it answers the last one.
    fn answer<'b>(&self, payload: &'b [u8]) -> Option<(u8, Reader<'b>)> {
        let mut reader = Reader::new(payload);
        let [tag, status, ..] = reader.array::<4>()?;
        // An early refusal may end before the session's id.
        let console = reader.u32();
        let mine = console.map_or(status != 0, |console| console == self.nonce.console);
        (tag == self.tag && mine).then_some((status, reader))
    }

    fn go(&mut self, step: Step, kind: u8, payload: &[u8], now: Instant) {
        self.step = step;
        self.packet = packet::open(kind, payload);
        self.retry = Retry::new(now, self.patience);
    }

    fn greeted(&mut self, message: &[u8], now: Instant) -> Result<(), LoginError> {
        let Some(reply) = Reply::decode(message) else { return Ok(()) };
        if !reply.sound || !reply.answers(&capabilities(), &[0]) {
            return Ok(());
        }
        // Byte 2, bit 7: there are extended capabilities; byte 4, bits 1 and 0: IPMI 2.0 and 1.5.
        let extended = reply.data.get(1).is_some_and(|byte| byte >> 7 == 1);
        let only_legacy = extended && reply.data.get(3).is_some_and(|byte| byte & 3 == 1);
        self.heard = true;
        if reply.code == 0 && only_legacy {
            return Err(LoginError::Legacy);
        }
        self.open(now);
        Ok(())
    }

    fn open(&mut self, now: Instant) {
        self.tag = self.tag.wrapping_add(1);
        let [authentication, integrity, confidentiality] = self.suite.algorithms();
        let mut payload = vec![self.tag, USER, 0, 0];
        payload.extend_from_slice(&self.nonce.console.to_le_bytes());
        payload.extend([0, 0, 0, 8, authentication, 0, 0, 0]);
        payload.extend([1, 0, 0, 8, integrity, 0, 0, 0]);
        payload.extend([2, 0, 0, 8, confidentiality, 0, 0, 0]);
        self.go(Step::Open, packet::OPEN_REQUEST, &payload, now);
        self.proposals = self.proposals.saturating_add(1);
        if self.has_alternative() {
            self.retry = Retry::new(now, self.patience / SHORT_SHARE);
        }
    }

    const fn other(&self) -> Suite {
        match self.suite {
            Suite::Sha256 => Suite::Sha1,
            Suite::Sha1 => Suite::Sha256,
        }
    }

    /// A device that has answered nothing yet is down rather than picky: it gets one proposal of each suite.
    fn has_alternative(&self) -> bool {
        let most = if self.heard { MAX_PROPOSALS } else { MAX_PROPOSALS - 1 };
        self.proposals < most && self.refused.is_none_or(|(suite, _)| suite != self.other())
    }

    fn propose_other(&mut self, now: Instant) -> bool {
        if !self.has_alternative() {
            return false;
        }
        self.suite = self.other();
        self.open(now);
        true
    }

    fn opened(&mut self, (status, mut reader): (u8, Reader<'_>), now: Instant) -> Result<(), LoginError> {
        if status != 0 {
            let error = LoginError::of_status(status);
            // Some devices call a suite that they lack a lack of resources.
            self.heard = true;
            if !matches!(error, LoginError::Suites | LoginError::Full) {
                return Err(error);
            }
            let earlier = self.refused.replace((self.suite, error));
            if earlier.is_none() && self.propose_other(now) {
                return Ok(());
            }
            let full = earlier.is_some_and(|(_, earlier)| earlier == LoginError::Full);
            return Err(if full { LoginError::Full } else { error });
        }
        let bmc = reader.u32().ok_or(LoginError::Malformed)?;
        let told: [u8; 24] = reader.array().ok_or(LoginError::Malformed)?;
        let (payloads, _) = told.as_chunks::<8>();
        let told: Vec<u8> = payloads.iter().map(|[_, _, _, _, algorithm, ..]| algorithm & 0x3f).collect();
        if told != self.suite.algorithms() {
            // Never less than what was asked for.
            return Err(LoginError::Suites);
        }
        self.tag = self.tag.wrapping_add(1);
        let user = &self.account.user;
        let mut payload = vec![self.tag, 0, 0, 0];
        payload.extend_from_slice(&bmc.to_le_bytes());
        payload.extend_from_slice(&self.nonce.random);
        payload.extend([USER | NAME_ONLY, 0, 0, length(user)]);
        payload.extend_from_slice(user);
        self.go(Step::Rakp2 { bmc }, packet::RAKP_1, &payload, now);
        Ok(())
    }

    /// RAKP 2: the BMC proves that it knows the password.
    fn proved(
        &mut self,
        (status, mut reader): (u8, Reader<'_>),
        bmc: u32,
        now: Instant,
    ) -> Result<(), LoginError> {
        if status != 0 {
            return Err(LoginError::of_status(status));
        }
        let random: [u8; 16] = reader.array().ok_or(LoginError::Malformed)?;
        let guid: [u8; 16] = reader.array().ok_or(LoginError::Malformed)?;
        let exchange = Exchange {
            suite: self.suite,
            account: self.account,
            console: self.nonce.console,
            bmc,
            ours: self.nonce.random,
            theirs: random,
            guid,
        };
        // Some BMCs leave the lookup bit out of what they compute with.
        let role = [USER | NAME_ONLY, USER]
            .into_iter()
            .find(|role| same(&exchange.rakp2(*role), reader.rest()))
            .ok_or(LoginError::Password)?;
        let sik = exchange.sik(role);
        let keys = Keys::derive(self.suite, &sik);
        let expected = exchange.rakp4(&sik);
        self.tag = self.tag.wrapping_add(1);
        let mut payload = vec![self.tag, 0, 0, 0];
        payload.extend_from_slice(&bmc.to_le_bytes());
        payload.extend_from_slice(&exchange.rakp3(role));
        self.go(Step::Rakp4 { bmc, keys, expected }, packet::RAKP_3, &payload, now);
        Ok(())
    }

    /// RAKP 4: the BMC proves that it has come to the same keys.
    fn established(&mut self, (status, reader): (u8, Reader<'_>)) -> Result<Progress, LoginError> {
        if status != 0 {
            return Err(LoginError::of_status(status));
        }
        match std::mem::replace(&mut self.step, Step::Capabilities) {
            Step::Rakp4 { bmc, keys, expected } if same(&expected, reader.rest()) => {
                let session = Session::new(keys, bmc, self.nonce.console);
                Ok(Progress::Done(Box::new(session), self.suite))
            }
            _ => Err(LoginError::Malformed),
        }
    }
}

/// Get Channel Authentication Capabilities: this channel, with RMCP+ data, for User.
fn capabilities() -> Request {
    Request::new(0x06, 0x38, &[0x8e, USER])
}

fn length(user: &[u8]) -> u8 {
    u8::try_from(user.len()).unwrap_or(u8::MAX)
}

/// Everything that both sides compute their codes from (section 13.31).
struct Exchange<'a> {
    suite: Suite,
    account: &'a Account,
    console: u32,
    bmc: u32,
    ours: [u8; 16],
    theirs: [u8; 16],
    guid: [u8; 16],
}

impl Exchange<'_> {
    fn name(&self, role: u8) -> Vec<u8> {
        [&[role, length(&self.account.user)], self.account.user.as_slice()].concat()
    }

    /// The password, filled up with zeros.
    fn key(&self) -> Zeroizing<Vec<u8>> {
        let mut key = self.account.key.clone();
        key.resize(KEY_LENGTH, 0);
        key
    }

    /// Key exchange authentication code of RAKP 2.
    fn rakp2(&self, role: u8) -> Vec<u8> {
        let (console, bmc) = (self.console.to_le_bytes(), self.bmc.to_le_bytes());
        let parts = [&console[..], &bmc, &self.ours, &self.theirs, &self.guid, &self.name(role)];
        self.suite.hmac(&self.key(), &parts).to_vec()
    }

    /// Key exchange authentication code of RAKP 3.
    fn rakp3(&self, role: u8) -> Vec<u8> {
        let parts = [&self.theirs[..], &self.console.to_le_bytes(), &self.name(role)];
        self.suite.hmac(&self.key(), &parts).to_vec()
    }

    /// Session integrity key. K_g is not set on the device: the password stands in for it.
    fn sik(&self, role: u8) -> Zeroizing<Vec<u8>> {
        self.suite.hmac(&self.key(), &[&self.ours, &self.theirs, &self.name(role)])
    }

    /// Integrity check value of RAKP 4.
    fn rakp4(&self, sik: &[u8]) -> Vec<u8> {
        self.suite.code(sik, &[&self.ours, &self.bmc.to_le_bytes(), &self.guid])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Made with Python's `hmac` from the formulas of section 13.31 and 13.32, for the user `ipmiusr` with
    /// the password `test` and counting bytes as random numbers and GUID.
    #[test]
    fn codes_and_keys_are_those_of_an_independent_computation() {
        let sha1 = [
            ("rakp2", "fb3623b1536420d23a96947ba4ca2ad70e054dd2"),
            ("rakp3", "fc0e45b25b628570ce1629c93669333a93e53755"),
            ("sik", "02afacf6a394a69e24e2e76650bd44c83fb92bf3"),
            ("rakp4", "b7f748bacb181437bb426d46"),
            ("k1", "1d46c4575cbc29546e8a99c3e6f3e537704bfc18"),
        ];
        let sha256 = [
            ("rakp2", "840b31309c4751660c02c445b7bd7a4515607c26109a1221987b52f23aa69e92"),
            ("rakp3", "a143fff7ad0680226bfd86e18defbd9580a9fc3cb7ab9f20f8155a3d059df35a"),
            ("sik", "15e6a869aeca1b8b413f85a382bbde3f419a7a293d5f89c84c5a035cd6017f3c"),
            ("rakp4", "70650f3bd5ad661d481608b9168ef415"),
            ("k1", "c22fa333b1a972e1b9f51ca2cf05baa88f3b57db7429363da70b48bce699090d"),
        ];
        let account = Account { user: b"ipmiusr".to_vec(), key: Zeroizing::new(b"test".to_vec()) };
        let counting = |start: u8| std::array::from_fn(|index| start + index as u8);
        for (suite, expected) in [(Suite::Sha1, sha1), (Suite::Sha256, sha256)] {
            let exchange = Exchange {
                suite,
                account: &account,
                console: 0xa1a2_a3a4,
                bmc: 0xb1b2_b3b4,
                ours: counting(0),
                theirs: counting(0x10),
                guid: counting(0xa0),
            };
            let sik = exchange.sik(0x12);
            let computed = [
                ("rakp2", hex(&exchange.rakp2(0x12))),
                ("rakp3", hex(&exchange.rakp3(0x12))),
                ("sik", hex(&sik)),
                ("rakp4", hex(&exchange.rakp4(&sik))),
                ("k1", hex(&Keys::derive(suite, &sik).integrity)),
            ];
            assert_eq!(computed, expected.map(|(name, text)| (name, text.to_owned())), "{suite:?}");
        }
    }
}
