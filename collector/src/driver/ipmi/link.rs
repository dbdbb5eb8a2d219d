//! One BMC: logged in when there is something to ask, one command in flight, logged in anew after a reset.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use model::{PollError, Reason, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::error::WireError;
use super::transport::{Port, PortError};
use super::wire::Next;
use super::wire::crypto::{KEY_LENGTH, Suite};
use super::wire::login::{Login, Nonce, Progress};
use super::wire::message::{Reply, Request};
use super::wire::packet::{self, Packet};
use super::wire::rakp::{Account, MAX_USER};
use super::wire::session::Session;
use super::wire::status::LoginError;
use super::{Entropy, Ipmi};
use crate::driver::breaker::Guard;
use crate::driver::budget::Gate;
use crate::target::{Credentials, IpmiLogin, Privilege, Target};

/// BMCs end a session after 60 seconds without use (section 6.12.15). One that would be idle for longer than
/// this is closed instead, which also frees its place in a small table.
const MAX_IDLE: Duration = Duration::from_secs(45);

/// Time for the command that ends a session.
const CLOSE_TIME: Duration = Duration::from_secs(2);

/// Time for the answer to a ping, which BMCs send at once. One ping for each login that is not answered.
const PING_TIME: Duration = Duration::from_secs(1);

/// Asks one thing of a BMC.
pub(crate) trait Ask {
    /// The data of the reply.
    ///
    /// # Errors
    /// There is no reply, or its completion code is not success.
    fn ask(&mut self, request: Request) -> impl Future<Output = Result<Vec<u8>, WireError>> + Send;
}

/// One BMC.
pub(crate) struct Link {
    common: Arc<Ipmi>,
    target: Arc<Target>,
    account: Account,
    guard: Guard,
    gate: Gate,
    open: Option<Open>,
    /// The suite that the device took last.
    suite: Option<Suite>,
    now: Timestamp,
    deadline: Instant,
    /// Why this poll asks no more.
    stopped: Option<WireError>,
    /// Whether this poll has logged in already.
    entered: bool,
}

/// A session and its way.
struct Open {
    session: Session,
    port: Port,
}

impl Open {
    /// Close Session (section 22.19).
    fn farewell(&self) -> Request {
        Request::new(0x06, 0x3c, &self.session.bmc().to_le_bytes())
    }
}

impl Link {
    /// For one target. Asks nothing yet.
    ///
    /// # Errors
    /// The credentials are not for IPMI.
    pub(crate) fn new(common: Arc<Ipmi>, target: Arc<Target>) -> Result<Self, PollError> {
        let account = account(&target)?;
        let identity = Zeroizing::new(identity(&account));
        let guard = common.breakers.guard(&target.device.name, &identity);
        let gate = Gate::new(target.budget);
        Ok(Self {
            common,
            target,
            account,
            guard,
            gate,
            open: None,
            suite: None,
            now: 0,
            deadline: Instant::now(),
            stopped: None,
            entered: false,
        })
    }

    /// A poll begins; it is over at `deadline`.
    pub(crate) fn begin(&mut self, now: Timestamp, deadline: Instant) {
        (self.now, self.deadline, self.stopped, self.entered) = (now, deadline, None, false);
    }

    /// A poll ends: a session that the BMC would forget before the next one is closed.
    pub(crate) async fn end(&mut self) {
        if self.target.interval > MAX_IDLE {
            self.close().await;
        }
    }

    /// Ends the session on the device.
    pub(crate) async fn close(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        open.session.ask(open.farewell(), Instant::now(), CLOSE_TIME.min(self.target.timeout));
        let entropy = self.common.entropy;
        let _ = tokio::time::timeout(CLOSE_TIME, exchange(&mut open, entropy, None)).await;
    }

    /// Ends a session in which there was no answer. Whether the BMC has kept it is not known: if so, one packet
    /// that nobody waits for frees its place.
    async fn abandon(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        open.session.ask(open.farewell(), Instant::now(), CLOSE_TIME);
        if let Some(Next::Send(packet)) = open.session.next(Instant::now(), self.common.entropy) {
            let _ = open.port.send(&packet);
        }
    }

    async fn once(&mut self, request: Request) -> Result<Reply, WireError> {
        if self.open.is_none() {
            let open = self.enter().await?;
            self.open = Some(open);
            self.rise().await?;
        }
        self.exchange(request).await
    }

    /// Asks for more than the privilege level User, which a session begins with (section 22.18).
    async fn rise(&mut self) -> Result<(), WireError> {
        if self.account.privilege == Privilege::User {
            return Ok(());
        }
        let reply = self.exchange(Request::new(0x06, 0x3b, &[self.account.level()])).await?;
        if reply.code == 0 { Ok(()) } else { Err(LoginError::Privilege.into()) }
    }

    async fn exchange(&mut self, request: Request) -> Result<Reply, WireError> {
        let _permit = self.gate.acquire().await;
        let timeout = self.target.timeout;
        let Some(open) = &mut self.open else { return Err(WireError::Timeout { timeout }) };
        open.session.ask(request, Instant::now(), timeout);
        let reply = exchange(open, self.common.entropy, Some(&self.gate)).await?;
        reply.ok_or(WireError::Timeout { timeout })
    }

    /// Logs in, unless the breaker is open.
    async fn enter(&mut self) -> Result<Open, WireError> {
        self.guard.permit(self.now).map_err(|open| WireError::Guarded { failures: open.failures })?;
        self.entered = true;
        let peer = self.resolve().await?;
        let entropy = self.common.entropy;
        let ([a, b, c, d, ..], random) = (random(entropy)?, random(entropy)?);
        // Zero means no session.
        let nonce = Nonce { console: u32::from_le_bytes([a, b, c, d]).max(1), random };
        let port = self.common.transport.port(peer, nonce.console);
        let mut port = port.map_err(|error| self.unreachable(error))?;
        let _permit = self.gate.acquire().await;
        let login = Login::new(&self.account, nonce, self.suite, Instant::now(), self.target.timeout);
        match log_in(login, &mut port).await {
            Ok((session, suite)) => {
                self.guard.succeeded().await;
                self.suite = Some(suite);
                Ok(Open { session, port })
            }
            Err(error) => {
                let answers = error.is_silence() && ping(&mut port, nonce).await;
                let error = if answers { LoginError::Mute.into() } else { error };
                self.suite = None;
                if error.is_refused_login() {
                    self.guard.failed(self.now).await;
                }
                Err(error.at(&self.target.address))
            }
        }
    }

    async fn resolve(&self) -> Result<SocketAddr, WireError> {
        let address = &self.target.address;
        let failed = |detail: String| WireError::Dns { host: address.host.clone(), detail };
        let found = tokio::net::lookup_host((address.host.as_str(), address.port))
            .await
            .map_err(|error| failed(error.to_string()))?;
        let found: Vec<SocketAddr> = found.collect();
        let reached = found.iter().find(|peer| self.common.transport.reaches(peer)).or(found.first());
        reached.copied().ok_or_else(|| failed("it has no address".into()))
    }

    fn unreachable(&self, error: PortError) -> WireError {
        WireError::Unreachable { address: self.target.address.to_string(), detail: error.to_string() }
    }
}

impl Ask for Link {
    /// A session of an earlier poll that falls silent is replaced once: the BMC may have been reset.
    async fn ask(&mut self, request: Request) -> Result<Vec<u8>, WireError> {
        if let Some(error) = &self.stopped {
            return Err(error.clone());
        }
        let deadline = self.deadline;
        let attempt = async {
            match self.once(request.clone()).await {
                Err(WireError::Timeout { .. }) if !self.entered => {
                    tracing::debug!(
                        target_name = self.target.device.name,
                        "session is gone, logging in anew"
                    );
                    self.abandon().await;
                    self.once(request).await
                }
                result => result,
            }
        };
        let result = tokio::time::timeout_at(deadline, attempt).await.unwrap_or(Err(WireError::Deadline));
        match result {
            Ok(reply) if reply.code == 0 => Ok(reply.data),
            Ok(reply) => Err(WireError::Completion { code: reply.code, command: reply.command }),
            Err(error) => {
                self.abandon().await;
                self.stopped = Some(error.clone());
                Err(error)
            }
        }
    }
}

fn account(target: &Target) -> Result<Account, PollError> {
    let (user, password, group_key, privilege) = match &target.credentials {
        Some(Credentials::Password { user, password }) => (user, password, None, Privilege::User),
        Some(Credentials::Ipmi(IpmiLogin { user, password, group_key, privilege })) => {
            (user, password, group_key.as_ref(), *privilege)
        }
        _ => return Err(PollError::new(Reason::Config, "IPMI takes credentials with user and password")),
    };
    let bytes = |secret: &SecretString| Zeroizing::new(secret.expose_secret().as_bytes().to_vec());
    let (user, key, group_key) = (user.as_bytes().to_vec(), bytes(password), group_key.map(bytes));
    let too_long = |key: &Zeroizing<Vec<u8>>| key.len() > KEY_LENGTH;
    if user.len() > MAX_USER || too_long(&key) || group_key.as_ref().is_some_and(too_long) {
        let detail = format!(
            "IPMI takes names of at most {MAX_USER} bytes, and passwords and keys of at most {KEY_LENGTH} bytes"
        );
        return Err(PollError::new(Reason::Config, detail));
    }
    Ok(Account { user, key, group_key, privilege })
}

/// What a login is known by: when it changes, a login that was refused is tried again.
fn identity(account: &Account) -> Vec<u8> {
    let group_key = account.group_key.as_ref().map_or(&[][..], |key| key);
    [&account.user[..], &[0], &account.key, &[0], group_key].concat()
}

/// Whether anything answers at the port's address.
async fn ping(port: &mut Port, nonce: Nonce) -> bool {
    let [tag, ..] = nonce.random;
    // 255 asks for no answer.
    let tag = tag.min(0xfe);
    if port.send(&packet::ping(tag)).is_err() {
        return false;
    }
    let answer = async {
        while let Some(bytes) = port.receive().await {
            if Packet::parse(&bytes) == Some(Packet::Pong(tag)) {
                return true;
            }
        }
        false
    };
    tokio::time::timeout(PING_TIME, answer).await == Ok(true)
}

async fn log_in(mut login: Login<'_>, port: &mut Port) -> Result<(Session, Suite), WireError> {
    loop {
        match login.next(Instant::now())? {
            Next::Send(packet) => port.send(&packet)?,
            Next::Silence => return Err(LoginError::Silence.into()),
            Next::Wait(until) => {
                let Ok(packet) = tokio::time::timeout_at(until, port.receive()).await else { continue };
                let packet = packet.ok_or(WireError::Deadline)?;
                if let Progress::Done(session, suite) = login.receive(&packet, Instant::now())? {
                    return Ok((*session, suite));
                }
            }
        }
    }
}

/// The reply to what the session was asked; nothing if none came. Where there is a gate, the time to the next
/// request passes first: the answer is there by then, and two wake-ups become one.
async fn exchange(
    open: &mut Open,
    entropy: Entropy,
    gate: Option<&Gate>,
) -> Result<Option<Reply>, WireError> {
    loop {
        match open.session.next(Instant::now(), entropy).ok_or(WireError::Entropy)? {
            Next::Send(packet) => {
                open.port.send(&packet)?;
                let Some(gate) = gate else { continue };
                gate.settle().await;
                while let Some(packet) = open.port.take() {
                    if let Some(reply) = open.session.receive(&packet) {
                        return Ok(Some(reply));
                    }
                }
            }
            Next::Silence => return Ok(None),
            Next::Wait(until) => {
                let Ok(packet) = tokio::time::timeout_at(until, open.port.receive()).await else { continue };
                let packet = packet.ok_or(WireError::Deadline)?;
                if let Some(reply) = open.session.receive(&packet) {
                    return Ok(Some(reply));
                }
            }
        }
    }
}

fn random(entropy: Entropy) -> Result<[u8; 16], WireError> {
    entropy().ok_or(WireError::Entropy)
}

#[cfg(test)]
mod tests;
