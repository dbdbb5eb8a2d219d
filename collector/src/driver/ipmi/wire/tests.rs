//! A whole exchange with a BMC that shares no code with this program, and what becomes of it when packets are
//! cut, changed or late.

use std::net::UdpSocket;
use std::time::Duration;

use mocks::ipmi::{Agent, Bmc, BmcOptions, Suite as MockSuite};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::Next;
use super::crypto::Suite;
use super::login::{Login, Nonce, Progress};
use super::message::Request;
use super::rakp::Account;
use super::session::Session;
use super::status::LoginError;
use crate::target::Privilege;

const PATIENCE: Duration = Duration::from_secs(8);

/// Bytes of a packet that nothing covers: RMCP's reserved byte and its sequence number.
const UNCOVERED: std::ops::Range<usize> = 1..3;

/// A BMC and a socket to it.
struct Peer {
    _agent: Agent,
    socket: UdpSocket,
}

impl Peer {
    fn start(suite: Suite) -> Self {
        let suites = vec![match suite {
            Suite::Sha1 => MockSuite::Sha1,
            Suite::Sha256 => MockSuite::Sha256,
        }];
        let options = BmcOptions { suites, ..BmcOptions::default() };
        let agent = Agent::bind("127.0.0.1:0".parse().unwrap(), Bmc::server().unwrap(), options).unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(agent.local_addr()).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { _agent: agent, socket }
    }

    fn ask(&self, packet: &[u8]) -> Vec<u8> {
        self.socket.send(packet).unwrap();
        let mut buffer = [0; 1500];
        let length = self.socket.recv(&mut buffer).unwrap();
        buffer[..length].to_vec()
    }
}

fn account() -> Account {
    let key = Zeroizing::new(b"monitor".to_vec());
    Account { user: b"monitor".to_vec(), key, group_key: None, privilege: Privilege::User }
}

/// The same login again and again, as far as the BMC answers the same.
fn login(account: &Account, suite: Suite) -> Login<'_> {
    let nonce = Nonce { console: 0x0102_0304, random: [0x5a; 16] };
    Login::new(account, nonce, Some(suite), Instant::now(), PATIENCE)
}

fn sent(login: &mut Login<'_>) -> Vec<u8> {
    let Ok(Next::Send(packet)) = login.next(Instant::now()) else { panic!("nothing to send") };
    packet
}

/// Sends what the login sends and gives it the next answer.
fn step(login: &mut Login<'_>, answer: &[u8]) -> Result<Option<Session>, LoginError> {
    sent(login);
    receive(login, answer)
}

fn receive(login: &mut Login<'_>, answer: &[u8]) -> Result<Option<Session>, LoginError> {
    Ok(match login.receive(answer, Instant::now())? {
        Progress::On => None,
        Progress::Done(session, _) => Some(*session),
    })
}

/// Asks Get Device ID in a session.
fn question(session: &mut Session) -> Vec<u8> {
    session.ask(Request::new(6, 1, &[]), Instant::now(), PATIENCE);
    let next = session.next(Instant::now(), || Some([7; 16]));
    let Some(Next::Send(packet)) = next else { panic!("nothing to send") };
    packet
}

/// The answers to Open Session, RAKP 1, RAKP 3 and Get Device ID.
fn record(suite: Suite) -> [Vec<u8>; 4] {
    let (peer, account) = (Peer::start(suite), account());
    let mut login = login(&account, suite);
    let (mut answers, mut session) = (Vec::new(), None);
    while session.is_none() {
        let answer = peer.ask(&sent(&mut login));
        session = receive(&mut login, &answer).unwrap();
        answers.push(answer);
    }
    answers.push(peer.ask(&question(&mut session.unwrap())));
    answers.try_into().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_packet_of_the_login_is_as_if_it_had_not_come() {
    for suite in [Suite::Sha256, Suite::Sha1] {
        let answers = record(suite);
        let account = account();
        for cut in 0..3 {
            for length in 0..answers[cut].len() {
                let mut login = login(&account, suite);
                let mut session = None;
                for (index, answer) in answers[..3].iter().enumerate() {
                    let request = sent(&mut login);
                    if index == cut {
                        let outcome = receive(&mut login, &answer[..length]);
                        assert!(matches!(outcome, Ok(None)), "{suite:?}: {length} bytes of answer {cut}");
                    }
                    assert!(session.is_none() && request.len() > 20);
                    session = receive(&mut login, answer).unwrap();
                }
                assert!(session.is_some(), "{suite:?}: {length} bytes of answer {cut}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_or_changed_packet_of_a_session_is_dropped() {
    for suite in [Suite::Sha256, Suite::Sha1] {
        let answers = record(suite);
        let account = account();
        let mut login = login(&account, suite);
        let mut session = None;
        for answer in &answers[..3] {
            session = step(&mut login, answer).unwrap();
        }
        let mut session = session.unwrap();
        question(&mut session);
        let sealed = &answers[3];
        for length in 0..sealed.len() {
            assert_eq!(session.receive(&sealed[..length]), None, "{suite:?}: {length} bytes");
        }
        for at in (0..sealed.len()).filter(|at| !UNCOVERED.contains(at)) {
            for change in [0x01, 0x80, 0xff] {
                let mut forged = sealed.clone();
                forged[at] ^= change;
                assert_eq!(session.receive(&forged), None, "{suite:?}: byte {at} changed by {change:#x}");
            }
        }
        // Device id, revision and firmware 2.14, as the mock's file says.
        assert_eq!(session.receive(sealed).unwrap().data[..4], [32, 1, 2, 0x14]);
        assert_eq!(session.receive(sealed), None, "a second time");
    }
}

/// What is not covered by a code changes nothing; all else ends the login or is dropped.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_packet_of_the_login_gets_no_other_session() {
    for suite in [Suite::Sha256, Suite::Sha1] {
        let answers = record(suite);
        let account = account();
        let (mut refused, mut untouched) = (0, 0);
        for (changed, at) in (0..3).flat_map(|index| (0..answers[index].len()).map(move |at| (index, at))) {
            let mut forged = answers.clone();
            forged[changed][at] ^= 0x41;
            let mut login = login(&account, suite);
            let outcome = (|| {
                let mut session = None;
                for answer in &forged[..3] {
                    let Ok(Next::Send(_)) = login.next(Instant::now()) else { return Ok(None) };
                    session = receive(&mut login, answer)?;
                }
                Ok::<_, LoginError>(session)
            })();
            match outcome {
                Ok(Some(mut session)) => {
                    question(&mut session);
                    assert!(
                        session.receive(&forged[3]).is_some(),
                        "{suite:?}: byte {at} of answer {changed}"
                    );
                    untouched += 1;
                }
                Ok(None) | Err(_) => refused += 1,
            }
        }
        // RMCP's two bytes, session id and sequence of a packet outside of a session, reserved bytes.
        assert!(refused > 100 && untouched < 70, "{suite:?}: {refused} refused, {untouched} of no effect");
    }
}

/// A BMC that draws a new random number for each RAKP 1 and answers the first one late: to believe that answer
/// would look like a wrong password.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_to_the_challenge_is_no_wrong_password() {
    let (peer, account) = (Peer::start(Suite::Sha256), account());
    let mut login = login(&account, Suite::Sha256);
    let opened = peer.ask(&sent(&mut login));
    receive(&mut login, &opened).unwrap();
    let late = peer.ask(&sent(&mut login));
    let Ok(Next::Send(again)) = login.next(Instant::now() + PATIENCE / 2) else {
        panic!("no second sending")
    };
    let answer = peer.ask(&again);
    assert_ne!(late, answer);
    assert!(receive(&mut login, &late).unwrap().is_none());
    assert!(receive(&mut login, &answer).unwrap().is_none());
    let established = peer.ask(&sent(&mut login));
    assert!(receive(&mut login, &established).unwrap().is_some());
}
