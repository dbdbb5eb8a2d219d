//! One BMC: logged in when there is something to ask, one command in flight, logged in anew after a reset.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use model::{PollError, Reason, Timestamp};
use secrecy::ExposeSecret;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::error::WireError;
use super::transport::Port;
use super::wire::Next;
use super::wire::crypto::{KEY_LENGTH, Suite};
use super::wire::login::{Account, Login, MAX_USER, Nonce, Progress};
use super::wire::message::{Reply, Request};
use super::wire::session::Session;
use super::wire::status::LoginError;
use super::{Entropy, Ipmi};
use crate::driver::breaker::Guard;
use crate::driver::budget::Gate;
use crate::target::{Credentials, Target};

/// BMCs end a session after 60 seconds without use (section 6.12.15). One that would be idle for longer than
/// this is closed instead, which also frees its place in a small table.
const MAX_IDLE: Duration = Duration::from_secs(45);

/// Time for the command that ends a session.
const CLOSE_TIME: Duration = Duration::from_secs(2);

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
    /// Whether the BMC has answered in it in this poll.
    answered: bool,
}

impl Link {
    /// For one target. Asks nothing yet.
    ///
    /// # Errors
    /// The credentials are not for IPMI.
    pub(crate) fn new(common: Arc<Ipmi>, target: Arc<Target>) -> Result<Self, PollError> {
        let account = account(&target)?;
        let identity = [&account.user[..], &[0], &account.key].concat();
        let guard = common.breakers.guard(&target.device.name, &Zeroizing::new(identity));
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
        if let Some(open) = &mut self.open {
            open.answered = false;
        }
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
        let request = Request::new(0x06, 0x3c, &open.session.bmc().to_le_bytes());
        open.session.ask(request, Instant::now(), CLOSE_TIME.min(self.target.timeout));
        let entropy = self.common.entropy;
        let _ = tokio::time::timeout(CLOSE_TIME, exchange(&mut open, entropy)).await;
    }

    async fn once(&mut self, request: Request) -> Result<Reply, WireError> {
        if self.open.is_none() {
            self.open = Some(self.enter().await?);
        }
        let _permit = self.gate.acquire().await;
        let timeout = self.target.timeout;
        let Some(open) = &mut self.open else { return Err(WireError::Timeout { timeout }) };
        open.session.ask(request, Instant::now(), timeout);
        let reply = exchange(open, self.common.entropy).await?;
        let reply = reply.ok_or(WireError::Timeout { timeout })?;
        open.answered = true;
        Ok(reply)
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
        let address = || self.target.address.to_string();
        let no_socket = || WireError::Unreachable {
            address: address(),
            detail: "this host has no IPv6: give the target an IPv4 address".into(),
        };
        let mut port = self.common.transport.port(peer, nonce.console).ok_or_else(no_socket)?;
        let _permit = self.gate.acquire().await;
        let login = Login::new(&self.account, nonce, self.suite, Instant::now(), self.target.timeout);
        match log_in(login, &mut port).await {
            Ok((session, suite)) => {
                self.guard.succeeded().await;
                self.suite = Some(suite);
                Ok(Open { session, port, answered: true })
            }
            Err(error) => {
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
        let mut found = tokio::net::lookup_host((address.host.as_str(), address.port))
            .await
            .map_err(|error| failed(error.to_string()))?;
        found.next().ok_or_else(|| failed("it has no address".into()))
    }
}

impl Ask for Link {
    /// A session that was good in an earlier poll and is silent now is replaced once: the BMC may have been reset.
    async fn ask(&mut self, request: Request) -> Result<Vec<u8>, WireError> {
        if let Some(error) = &self.stopped {
            return Err(error.clone());
        }
        let deadline = self.deadline;
        let attempt = async {
            let stale = self.open.as_ref().is_some_and(|open| !open.answered);
            match self.once(request.clone()).await {
                Err(WireError::Timeout { .. }) if stale && !self.entered => {
                    tracing::debug!(
                        target_name = self.target.device.name,
                        "session is gone, logging in anew"
                    );
                    self.open = None;
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
                // Whether the BMC has kept the session is not known.
                self.open = None;
                self.stopped = Some(error.clone());
                Err(error)
            }
        }
    }
}

fn account(target: &Target) -> Result<Account, PollError> {
    let Some(Credentials::Password { user, password }) = &target.credentials else {
        return Err(PollError::new(Reason::Config, "IPMI takes credentials with user and password"));
    };
    let key = Zeroizing::new(password.expose_secret().as_bytes().to_vec());
    if user.len() > MAX_USER || key.len() > KEY_LENGTH {
        let detail =
            format!("IPMI takes names of at most {MAX_USER} and passwords of at most {KEY_LENGTH} bytes");
        return Err(PollError::new(Reason::Config, detail));
    }
    Ok(Account { user: user.as_bytes().to_vec(), key })
}

async fn log_in(mut login: Login<'_>, port: &mut Port) -> Result<(Session, Suite), WireError> {
    loop {
        match login.next(Instant::now())? {
            Next::Send(packet) => port.send(&packet).await?,
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

/// The reply to what the session was asked; nothing if none came.
async fn exchange(open: &mut Open, entropy: Entropy) -> Result<Option<Reply>, WireError> {
    loop {
        match open.session.next(Instant::now(), &random(entropy)?) {
            Next::Send(packet) => open.port.send(&packet).await?,
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
