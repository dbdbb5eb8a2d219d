//! Agents that misbehave, byte by byte: what comes from the network neither stops nor misleads a poll.

use std::time::Duration;

use model::Reason;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use super::support::{columns, descr, session_with, target, user, v2c};
use crate::driver::snmp::diagnose::Finding;
use crate::driver::snmp::error::{UsmReport, WireError};
use crate::driver::snmp::session::Session;
use crate::target::AuthProtocol::Sha256;
use crate::target::Credentials;

/// An agent that answers each request with datagrams of a test's making. Ends with the value.
struct Rogue {
    port: u16,
    task: JoinHandle<()>,
}

impl Rogue {
    async fn start(mut answer: impl FnMut(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            let mut buffer = [0; 2048];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                for datagram in answer(&buffer[..length]) {
                    socket.send_to(&datagram, from).await.unwrap();
                }
            }
        });
        Self { port, task }
    }

    async fn session(&self, credentials: Credentials) -> Session {
        // Silence is part of these tests: a short timeout keeps them so.
        session_with(target("127.0.0.1", self.port, credentials, Duration::from_millis(300))).await
    }
}

impl Drop for Rogue {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A BER element (X.690): contents of less than 64 KiB.
fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    match contents.len() {
        length @ 0..=127 => bytes.push(length as u8),
        length => bytes.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    bytes.extend_from_slice(contents);
    bytes
}

/// The request id of a v2c request with the community `public`: where RFC 3416 and BER put it.
fn request_id(request: &[u8]) -> [u8; 4] {
    let pdu = request.windows(6).position(|window| window == b"public").unwrap() + 6;
    let id = &request[pdu + 2..];
    assert_eq!(id[0], 2, "an INTEGER");
    let mut bytes = [0; 4];
    let length = usize::from(id[1]);
    bytes[4 - length..].copy_from_slice(&id[2..2 + length]);
    bytes
}

/// A v2c Response (RFC 3416, section 3).
fn response(id: [u8; 4], bindings: &[Vec<u8>]) -> Vec<u8> {
    let mut pdu = element(2, &id);
    pdu.extend([2, 1, 0, 2, 1, 0]);
    pdu.extend(element(0x30, &bindings.concat()));
    let mut message = vec![2, 1, 1];
    message.extend(element(4, b"public"));
    message.extend(element(0xa2, &pdu));
    element(0x30, &message)
}

/// A binding of sysDescr.0.
fn sys_descr(value: &[u8]) -> Vec<u8> {
    let mut binding = element(6, &[0x2b, 6, 1, 2, 1, 1, 1, 0]);
    binding.extend(element(4, value));
    element(0x30, &binding)
}

#[tokio::test]
async fn garbage_is_a_protocol_error_and_never_a_panic() {
    // An INTEGER without contents (X.690, section 8.3.1) in an answer that is well-formed otherwise.
    let broken = Rogue::start(|request| {
        let mut binding = element(6, &[0x2b, 6, 1, 2, 1, 1, 1, 0]);
        binding.extend(element(2, &[]));
        vec![response(request_id(request), &[element(0x30, &binding)])]
    })
    .await;
    let error = descr(&mut broken.session(v2c()).await).await.unwrap_err();
    assert_eq!(error.reason(), Reason::Protocol, "{error}");

    let cut = Rogue::start(|request| {
        let good = response(request_id(request), &[sys_descr(b"x")]);
        vec![good[..good.len() - 3].to_vec()]
    })
    .await;
    let error = descr(&mut cut.session(v2c()).await).await.unwrap_err();
    assert_eq!(error.reason(), Reason::Timeout, "{error}");

    let noise =
        Rogue::start(|_| vec![vec![0xff; 1400], vec![], vec![0x30], b"GET / HTTP/1.1\r\n".to_vec()]).await;
    let mut session = noise.session(v2c()).await;
    let error = descr(&mut session).await.unwrap_err();
    assert_eq!(error.reason(), Reason::Timeout, "{error}");
    assert_eq!(session.diagnose().await, Finding::Garbage);
}

#[tokio::test]
async fn broken_bytes_anywhere_are_survived() {
    let mut position = 0_usize;
    let rogue = Rogue::start(move |request| {
        let mut bytes = response(request_id(request), &[sys_descr(b"text")]);
        let length = bytes.len();
        bytes[position % length] ^= 0x80;
        position += 1;
        vec![bytes]
    })
    .await;
    let target = target("127.0.0.1", rogue.port, v2c(), Duration::from_millis(50));
    let mut session = session_with(target).await;
    let mut errors = 0;
    for _ in 0..45 {
        errors += usize::from(descr(&mut session).await.is_err());
    }
    assert!(errors > 20, "most broken messages are no answers: {errors}");
}

#[tokio::test]
async fn an_answer_to_another_request_is_not_taken() {
    let rogue = Rogue::start(|request| {
        let id = request_id(request);
        let other = [id[0], id[1], id[2], id[3] ^ 1];
        let wrong = response(other, &[sys_descr(b"the answer to another request")]);
        vec![wrong, response(id, &[sys_descr(b"right")])]
    })
    .await;
    assert_eq!(descr(&mut rogue.session(v2c()).await).await.as_deref(), Ok("right"));
}

#[tokio::test]
async fn a_late_answer_does_not_take_the_place_of_the_next() {
    let mut late: Option<Vec<u8>> = None;
    let mut number = 0;
    let rogue = Rogue::start(move |request| {
        number += 1;
        let answer = response(request_id(request), &[sys_descr(format!("answer {number}").as_bytes())]);
        match late.take() {
            // The first three, an exchange with its retransmissions, are answered only now.
            Some(late) if number == 4 => vec![late, answer],
            _ if number < 4 => {
                late = Some(answer);
                Vec::new()
            }
            _ => vec![answer],
        }
    })
    .await;
    let mut session = rogue.session(v2c()).await;
    assert!(matches!(descr(&mut session).await, Err(WireError::Timeout { .. })));
    assert_eq!(descr(&mut session).await.as_deref(), Ok("answer 4"));
    assert_eq!(descr(&mut session).await.as_deref(), Ok("answer 5"));
}

#[tokio::test]
async fn a_walk_that_never_moves_ends() {
    let rogue = Rogue::start(|request| vec![response(request_id(request), &[sys_descr(b"again")])]).await;
    let mut session = rogue.session(v2c()).await;
    let (objects, faults) = columns(&mut session, vec![super::agent::oid("1.3.6.1.2.1.1.1")]).await;
    assert_eq!(objects.len(), 1);
    assert_eq!(faults.len(), 1);
    assert!(faults[0].contains("repeats itself"), "{faults:?}");
}

#[tokio::test]
async fn an_empty_answer_is_no_answer() {
    let rogue = Rogue::start(|request| vec![response(request_id(request), &[])]).await;
    let mut session = rogue.session(v2c()).await;
    let (objects, faults) = columns(&mut session, vec![super::agent::oid("1.3.6.1.2.1.1.1")]).await;
    assert!(objects.is_empty());
    assert_eq!(faults.len(), 1, "{faults:?}");
}

#[tokio::test]
async fn an_empty_counter_is_not_zero() {
    let rogue = Rogue::start(|request| {
        let mut binding = element(6, &[0x2b, 6, 1, 2, 1, 1, 1, 1]);
        binding.extend(element(0x46, &[]));
        vec![response(request_id(request), &[element(0x30, &binding)])]
    })
    .await;
    let mut session = rogue.session(v2c()).await;
    let (objects, faults) = columns(&mut session, vec![super::agent::oid("1.3.6.1.2.1.1.1")]).await;
    assert!(objects.is_empty(), "{objects:?}");
    assert!(faults.iter().any(|fault| fault.contains("no value of SNMP")), "{faults:?}");
}

/// An SNMPv3 report of a `usmStats` counter (RFC 3414, section 5), without authentication.
fn report(message_id: &[u8], user: &[u8], counter: u8) -> Vec<u8> {
    const ENGINE: &[u8] = &[0x80, 0, 0x1f, 0x88, 4, b'r', b'o', b'g'];
    let header = [element(2, message_id), vec![2, 2, 5, 0xc0, 4, 1, 0, 2, 1, 3]].concat();
    let security = [element(4, ENGINE), vec![2, 1, 1, 2, 1, 1], element(4, user), vec![4, 0, 4, 0]].concat();
    let name = [0x2b, 6, 1, 6, 3, 15, 1, 1, counter, 0];
    let binding = element(0x30, &[element(6, &name), vec![0x41, 1, 1]].concat());
    let pdu = [vec![2, 1, 0, 2, 1, 0, 2, 1, 0], element(0x30, &binding)].concat();
    let scoped = [element(4, ENGINE), vec![4, 0], element(0xa8, &pdu)].concat();
    let message = [
        vec![2, 1, 3],
        element(0x30, &header),
        element(4, &element(0x30, &security)),
        element(0x30, &scoped),
    ];
    element(0x30, &message.concat())
}

/// The message id of an SNMPv3 request: the first INTEGER of its header.
fn message_id(request: &[u8]) -> Vec<u8> {
    let header = request.windows(4).position(|window| window[..3] == [2, 1, 3] && window[3] == 0x30).unwrap();
    let id = &request[header + 5..];
    assert_eq!(id[0], 2, "an INTEGER");
    id[2..2 + usize::from(id[1])].to_vec()
}

#[tokio::test]
async fn an_agent_that_reports_for_ever_is_asked_a_few_times_only() {
    for (counter, expected) in
        [(2, UsmReport::TimeWindow), (4, UsmReport::UnknownEngine), (5, UsmReport::WrongDigest)]
    {
        let (count, mut counted) = tokio::sync::mpsc::unbounded_channel();
        let rogue = Rogue::start(move |request| {
            count.send(()).unwrap();
            let is_discovery = !request.windows(7).any(|window| window == b"monitor");
            let answer = if is_discovery {
                report(&message_id(request), b"", 4)
            } else {
                report(&message_id(request), b"monitor", counter)
            };
            vec![answer]
        })
        .await;
        let mut session = rogue.session(user("monitor", Some((Sha256, "auctoritas")), None)).await;
        let error = descr(&mut session).await.unwrap_err();
        assert!(
            matches!(error, WireError::Report { report, .. } if report == expected),
            "{counter}: {error}"
        );
        let mut requests = 0;
        while counted.try_recv().is_ok() {
            requests += 1;
        }
        assert!(requests <= 5, "{requests} requests for counter {counter}");
    }
}
