//! A session that was established (section 13.28): one command at a time, each reply proved and matched.

use std::time::Duration;

use tokio::time::Instant;

use super::Next;
use super::crypto::{BLOCK, Keys};
use super::message::{Reply, Request, next_sequence};
use super::packet::{Packet, seal, unseal};
use super::retry::{Retry, Turn};

/// Replies may come in another order by this much (section 6.12.13 asks for 16 at least).
const WINDOW: u32 = 32;

/// A session with a BMC.
pub(crate) struct Session {
    keys: Keys,
    /// The BMC's id of the session.
    bmc: u32,
    /// This console's id of it.
    console: u32,
    /// Of the last packet that was sent.
    outbound: u32,
    inbound: Window,
    /// Of the last request.
    sequence: u8,
    pending: Option<Pending>,
}

struct Pending {
    request: Request,
    /// Under which it was sent: a reply to any of them will do.
    sequences: Vec<u8>,
    retry: Retry,
}

impl Session {
    pub(crate) fn new(keys: Keys, bmc: u32, console: u32) -> Self {
        Self { keys, bmc, console, outbound: 0, inbound: Window::default(), sequence: 0, pending: None }
    }

    /// The BMC's id of the session, by which it is closed.
    pub(crate) const fn bmc(&self) -> u32 {
        self.bmc
    }

    /// A command; what was not answered before is given up.
    pub(crate) fn ask(&mut self, request: Request, now: Instant, patience: Duration) {
        self.pending = Some(Pending { request, sequences: Vec::new(), retry: Retry::new(now, patience) });
    }

    /// What to do now. Every sending has numbers of its own. `random` is asked for an initialisation vector where
    /// there is something to send; `None` if it has none.
    pub(crate) fn next(
        &mut self,
        now: Instant,
        random: impl FnOnce() -> Option<[u8; BLOCK]>,
    ) -> Option<Next> {
        let Some(pending) = &mut self.pending else { return Some(Next::Silence) };
        Some(match pending.retry.turn(now) {
            Turn::Over => Next::Silence,
            Turn::Wait(until) => Next::Wait(until),
            Turn::Send => {
                self.sequence = next_sequence(self.sequence);
                pending.sequences.push(self.sequence);
                // Zero is for packets outside of a session.
                self.outbound = self.outbound.checked_add(1).unwrap_or(1);
                let message = pending.request.encode(self.sequence);
                let packet = seal(&self.keys, self.bmc, self.outbound, &random()?, &message);
                packet.map_or(Next::Silence, Next::Send)
            }
        })
    }

    /// Takes a packet. The reply, if it is the one that is waited for; anything else is dropped.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Option<Reply> {
        let Packet::Sealed(console, sealed) = Packet::parse(bytes)? else { return None };
        if console != self.console {
            return None;
        }
        let (sequence, message) = unseal(&self.keys, sealed)?;
        if !self.inbound.accept(sequence) {
            return None;
        }
        let reply = Reply::decode(&message)?;
        let pending = self.pending.as_ref()?;
        if !reply.answers(&pending.request, &pending.sequences) {
            return None;
        }
        self.pending = None;
        Some(reply)
    }
}

/// Which sequence numbers were seen. Only proved packets move it.
#[derive(Debug, Default)]
struct Window {
    highest: Option<u32>,
    /// Bit n: the number that lies n below the highest.
    seen: u32,
}

impl Window {
    /// Whether a number is new; it is then seen.
    fn accept(&mut self, sequence: u32) -> bool {
        let Some(highest) = self.highest else {
            (self.highest, self.seen) = (Some(sequence), 1);
            return true;
        };
        let ahead = sequence.wrapping_sub(highest);
        if ahead != 0 && ahead < u32::MAX / 2 {
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = Some(sequence);
            return true;
        }
        let behind = highest.wrapping_sub(sequence);
        if behind >= WINDOW || self.seen >> behind & 1 == 1 {
            return false;
        }
        self.seen |= 1 << behind;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::ipmi::wire::crypto::Suite;

    const PATIENCE: Duration = Duration::from_secs(5);

    fn session() -> Session {
        Session::new(Keys::derive(Suite::Sha256, &[1; 32]).unwrap(), 0xb, 0xc)
    }

    /// What a BMC with the same keys would answer.
    fn reply(sequence: u32, rq: u8, command: u8, data: &[u8]) -> Vec<u8> {
        let mut message = vec![0x81, 0x1c, 0, 0x20, rq << 2, command, 0];
        message.extend_from_slice(data);
        message.push(0);
        let keys = Keys::derive(Suite::Sha256, &[1; 32]).unwrap();
        seal(&keys, 0xc, sequence, &[9; 16], &message).unwrap()
    }

    fn next(session: &mut Session, now: Instant) -> Next {
        session.next(now, || Some([0; 16])).unwrap()
    }

    fn sent(session: &mut Session, now: Instant) {
        assert!(matches!(next(session, now), Next::Send(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn replies_that_are_late_replayed_or_of_another_command_are_dropped() {
        let (mut session, now) = (session(), Instant::now());
        session.ask(Request::new(6, 1, &[]), now, PATIENCE);
        sent(&mut session, now);
        assert_eq!(session.receive(&reply(1, 1, 2, &[])), None, "another command");
        assert_eq!(session.receive(&reply(2, 9, 1, &[])), None, "another request");
        let good = reply(3, 1, 1, &[5]);
        assert_eq!(session.receive(&good).unwrap().data, [5]);
        session.ask(Request::new(6, 1, &[]), now, PATIENCE);
        sent(&mut session, now);
        assert_eq!(session.receive(&good), None, "replayed");
        assert_eq!(session.receive(&reply(4, 1, 1, &[6])), None, "late reply to the first request");
        assert_eq!(session.receive(&reply(5, 2, 1, &[7])).unwrap().data, [7]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_retry_has_new_numbers_and_the_first_reply_still_counts() {
        let (mut session, now) = (session(), Instant::now());
        session.ask(Request::new(6, 1, &[]), now, PATIENCE);
        let Next::Send(first) = next(&mut session, now) else { panic!("nothing was sent") };
        let Next::Wait(until) = next(&mut session, now) else { panic!("no wait") };
        let Next::Send(second) = next(&mut session, until) else { panic!("no retry") };
        assert_ne!(first, second);
        assert_eq!(session.receive(&reply(1, 1, 1, &[5])).unwrap().data, [5]);
        assert_eq!(next(&mut session, until), Next::Silence);
    }

    #[test]
    fn the_window_takes_each_number_once() {
        let mut window = Window::default();
        let taken: Vec<bool> = [10, 12, 11, 11, 12, 50, 12, 19, 18, u32::MAX, 50]
            .into_iter()
            .map(|sequence| window.accept(sequence))
            .collect();
        let expected = [true, true, true, false, false, true, false, true, false, false, false];
        assert_eq!(taken, expected);
        let mut window = Window { highest: Some(u32::MAX), seen: 1 };
        assert!(window.accept(1) && window.accept(0) && !window.accept(u32::MAX));
    }
}
