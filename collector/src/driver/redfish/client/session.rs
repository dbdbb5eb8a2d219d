//! Logging in: one session for each device (DSP0266 section 13.3.4), reused from poll to poll, deleted at the end.
//!
//! Basic authentication is used only where a device has no sessions at all. A full session table is
//! waited out instead: on many BMCs each Basic request takes a place in that table for itself. At most
//! one login is under way, it is asked for at the breaker, and with Basic at most one request is in
//! flight, so that a wrong password is tried once and not once for each resource.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use model::{Reason, Timestamp};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;

use super::body;
use super::wire::{Answer, Request, Wire};
use super::words::{self, Trouble};
use crate::driver::breaker::{Guard, Open};

/// DSP0266: where sessions are, unless the service root says otherwise.
pub(super) const SESSIONS: &str = "/redfish/v1/SessionService/Sessions";

/// Where iDRAC 7 and 8 have them while they refuse the standard place.
const EARLY_SESSIONS: &str = "/redfish/v1/Sessions";

/// Time for the request that ends a session, at shutdown.
const CLOSE_TIME: Duration = Duration::from_secs(3);

/// Paths remembered that answer 401 to a session that is good elsewhere.
const MAX_FORBIDDEN: usize = 64;

const X_AUTH_TOKEN: HeaderName = HeaderName::from_static("x-auth-token");

/// The time of the poll that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Poll {
    /// Wall clock at its beginning.
    pub(super) now: Timestamp,
    /// When it has to be over.
    pub(super) deadline: Instant,
}

enum Standing {
    /// Not logged in.
    Out,
    Session {
        token: HeaderValue,
        /// What to delete in the end, where the device has said it.
        path: Option<String>,
    },
    /// The device has no sessions.
    Basic { proved: bool },
}

struct State {
    standing: Standing,
    sessions: String,
    /// Why there is no further attempt in this poll.
    denied: Option<Trouble>,
    /// Whether a session was renewed in this poll.
    renewed: bool,
    /// Paths that answer 401 whatever the session: no reason to renew it.
    forbidden: HashSet<String>,
}

/// User and password of a device.
pub(super) struct Account {
    /// User.
    pub(super) user: String,
    /// Password.
    pub(super) password: SecretString,
}

/// What one device is logged in with.
pub(super) struct Login {
    wire: Arc<Wire>,
    account: Option<Account>,
    guard: Guard,
    state: Arc<Mutex<State>>,
}

impl Login {
    /// Not logged in yet. Without an account requests go out as they are.
    pub(super) fn new(wire: Arc<Wire>, account: Option<Account>, guard: Guard) -> Arc<Self> {
        let state = State {
            standing: Standing::Out,
            sessions: SESSIONS.into(),
            denied: None,
            renewed: false,
            forbidden: HashSet::new(),
        };
        Arc::new(Self { wire, account, guard, state: Arc::new(Mutex::new(state)) })
    }

    /// A new poll begins: what was denied in the last may be tried again.
    pub(super) async fn begin(&self) {
        let mut state = self.state.lock().await;
        state.denied = None;
        state.renewed = false;
    }

    /// What the device says of itself: where its sessions are, or that they are better not used.
    pub(super) async fn arrange(&self, sessions: Option<&str>, basic: bool) {
        let mut state = self.state.lock().await;
        if let Some(sessions) = sessions {
            state.sessions = sessions.trim_end_matches('/').to_owned();
        }
        if basic && matches!(state.standing, Standing::Out) {
            state.standing = Standing::Basic { proved: false };
        }
    }

    /// A GET with what is needed to be let in. A session that ran out is renewed once in a poll.
    ///
    /// # Errors
    /// No answer, or no login.
    pub(super) async fn get(
        self: &Arc<Self>,
        path: &str,
        headers: HeaderMap,
        poll: Poll,
        patient: bool,
    ) -> Result<Answer, Trouble> {
        let request = |headers| Request { headers, ..Request::get(path) };
        if self.account.is_none() {
            return self.wire.exchange(request(headers), poll.deadline, patient).await;
        }
        let mut state = self.enter(poll).await?;
        if let Standing::Basic { .. } = state.standing {
            return self.get_basic(&mut state, request(headers), poll, patient).await;
        }
        let Standing::Session { token, .. } = &state.standing else { return Err(no_login()) };
        let token = token.clone();
        drop(state);
        let answer =
            self.wire.exchange(request(with_token(&headers, &token)), poll.deadline, patient).await?;
        if !has_run_out(&answer) || !self.leave(path, &token, poll).await {
            return Ok(answer);
        }
        let renewed = match &self.enter(poll).await?.standing {
            Standing::Session { token, .. } => token.clone(),
            _ => return Ok(answer),
        };
        let answer =
            self.wire.exchange(request(with_token(&headers, &renewed)), poll.deadline, patient).await?;
        if has_run_out(&answer) {
            let mut state = self.state.lock().await;
            if state.forbidden.len() < MAX_FORBIDDEN {
                state.forbidden.insert(path.to_owned());
            }
        }
        Ok(answer)
    }

    /// Logs in and makes sure of it: where there are no sessions, by reading `path`.
    ///
    /// # Errors
    /// The device does not let us in, or is not asked any more.
    pub(super) async fn ensure(self: &Arc<Self>, path: &str, poll: Poll) -> Result<(), Trouble> {
        if self.account.is_none() {
            return Ok(());
        }
        let is_unproved = matches!(self.enter(poll).await?.standing, Standing::Basic { proved: false });
        if is_unproved {
            self.get(path, HeaderMap::new(), poll, false).await?;
        }
        Ok(())
    }

    /// Ends the session on the device, if there is one.
    pub(super) async fn close(&self) {
        let mut state = self.state.lock().await;
        if let Standing::Session { token, path } = std::mem::replace(&mut state.standing, Standing::Out) {
            self.delete(path, &token, Instant::now() + CLOSE_TIME).await;
        }
    }

    /// The state, logged in. A login goes on by itself if its poll is given up, so that the session
    /// it makes is known and used by the next.
    async fn enter(self: &Arc<Self>, poll: Poll) -> Result<OwnedMutexGuard<State>, Trouble> {
        let mut state = Arc::clone(&self.state).lock_owned().await;
        if let Some(denied) = &state.denied {
            return Err(denied.clone());
        }
        if !matches!(state.standing, Standing::Out) {
            return Ok(state);
        }
        let login = Arc::clone(self);
        let attempt = tokio::spawn(async move {
            let result = login.log_in(&mut state, poll).await;
            state.denied = result.err();
            state
        });
        let state = attempt.await.map_err(|_| no_login())?;
        match &state.denied {
            Some(denied) => Err(denied.clone()),
            None => Ok(state),
        }
    }

    async fn log_in(&self, state: &mut State, poll: Poll) -> Result<(), Trouble> {
        let (announced, early) = (state.sessions.clone(), EARLY_SESSIONS.to_owned());
        for (place, is_guess) in [(&announced, false), (&early, true)] {
            self.permit(poll)?;
            let answer = self.post_session(place, poll).await?;
            if let Some(standing) = self.judge(&answer, is_guess, poll).await? {
                state.standing = standing;
                state.sessions.clone_from(place);
                return Ok(());
            }
        }
        tracing::debug!("the device has no sessions: Basic authentication is used");
        state.standing = Standing::Basic { proved: false };
        Ok(())
    }

    async fn post_session(&self, place: &str, poll: Poll) -> Result<Answer, Trouble> {
        let account = self.account.as_ref().ok_or_else(no_login)?;
        let body = json!({"UserName": account.user, "Password": account.password.expose_secret()});
        let request = Request {
            method: Method::POST,
            body: Some(body.to_string().into_bytes()),
            ..Request::get(place)
        };
        self.wire.exchange(request, poll.deadline, false).await
    }

    /// What the answer to a login means; `None`: no sessions are to be had at this place.
    async fn judge(&self, answer: &Answer, is_guess: bool, poll: Poll) -> Result<Option<Standing>, Trouble> {
        let document = body::decode(&answer.body).ok();
        let is_full = |key| document.as_ref().is_some_and(|body| words::has_message(body, key));
        if is_full("SessionLimitExceeded") || is_full("CreateLimitReachedForResource") {
            return Err(full(answer.status));
        }
        match answer.status.as_u16() {
            200..=299 => match token(answer) {
                Some(token) => {
                    self.guard.succeeded().await;
                    Ok(Some(Standing::Session { token, path: session_path(answer, document.as_ref()) }))
                }
                None => {
                    // Neither a session nor a refusal. It counts as a wrong attempt until the
                    // credentials are known to be right.
                    self.guard.failed(poll.now).await;
                    Ok(Some(Standing::Basic { proved: false }))
                }
            },
            404 | 405 | 501 => Ok(None),
            401 if is_guess => {
                // The place may only be closed like any other path that is not there. It counts as a
                // wrong attempt until Basic has shown what is the case.
                self.guard.failed(poll.now).await;
                Ok(Some(Standing::Basic { proved: false }))
            }
            400 | 401 | 403 => {
                self.guard.failed(poll.now).await;
                Err(wrong(answer.status, document.as_ref()))
            }
            503 => Err(full(answer.status)),
            _ => Err(words::status(answer.status, document.as_ref())),
        }
    }

    /// One request after the other: `state` is locked meanwhile.
    async fn get_basic(
        &self,
        state: &mut State,
        mut request: Request<'_>,
        poll: Poll,
        patient: bool,
    ) -> Result<Answer, Trouble> {
        let account = self.account.as_ref().ok_or_else(no_login)?;
        self.permit(poll)?;
        request.headers.insert(AUTHORIZATION, basic(account)?);
        let answer = self.wire.exchange(request, poll.deadline, patient).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            self.guard.succeeded().await;
            state.standing = Standing::Basic { proved: true };
            return Ok(answer);
        }
        self.guard.failed(poll.now).await;
        let trouble = wrong(answer.status, body::decode(&answer.body).ok().as_ref());
        if let Standing::Basic { proved: false } = state.standing {
            state.denied = Some(trouble.clone());
        }
        state.standing = Standing::Basic { proved: false };
        Err(trouble)
    }

    fn permit(&self, poll: Poll) -> Result<(), Trouble> {
        self.guard.permit(poll.now).map_err(|Open { until, failures }| {
            let minutes = until.saturating_sub(poll.now).saturating_add(59_999) / 60_000;
            Trouble::new(
                Reason::Auth,
                format!(
                    "the device refused these credentials {failures} times; to keep the account from being locked the next attempt is in {minutes} min. Changed credentials are tried at once"
                ),
            )
        })
    }

    /// Gives up a session that seems to have run out. False: it is not worth a new one.
    async fn leave(&self, path: &str, token: &HeaderValue, poll: Poll) -> bool {
        let mut state = self.state.lock().await;
        let current = matches!(&state.standing, Standing::Session { token: known, .. } if known == token);
        if !current {
            return true; // renewed by another request meanwhile
        }
        if state.renewed || state.forbidden.contains(path) {
            return false;
        }
        state.renewed = true;
        if let Standing::Session { path, .. } = std::mem::replace(&mut state.standing, Standing::Out) {
            // Where it was something else than the session, the old one would be left over.
            self.delete(path, token, poll.deadline.min(Instant::now() + CLOSE_TIME)).await;
        }
        true
    }

    async fn delete(&self, path: Option<String>, token: &HeaderValue, deadline: Instant) {
        let Some(path) = path else { return };
        let headers = with_token(&HeaderMap::new(), token);
        let request = Request { method: Method::DELETE, headers, ..Request::get(&path) };
        match self.wire.exchange(request, deadline, false).await {
            Ok(answer) => tracing::debug!(status = answer.status.as_u16(), "session deleted"),
            Err(trouble) => tracing::debug!(detail = trouble.detail, "session not deleted"),
        }
    }
}

fn no_login() -> Trouble {
    Trouble::new(Reason::Auth, "not logged in")
}

fn full(status: StatusCode) -> Trouble {
    let detail = "no session to be had: the device is busy or all of its sessions are taken; end those that other tools have left open";
    Trouble { reason: Reason::Busy, status: Some(status.as_u16()), detail: detail.into() }
}

fn wrong(status: StatusCode, body: Option<&Value>) -> Trouble {
    let said = words::status(status, body).detail;
    let detail = format!("the device refuses user or password, or the account is locked or expired: {said}");
    Trouble { reason: Reason::Auth, status: Some(status.as_u16()), detail }
}

/// 401, or the empty object that Inspur sends instead.
fn has_run_out(answer: &Answer) -> bool {
    answer.status == StatusCode::UNAUTHORIZED
        || answer.status.is_success() && answer.body.trim_ascii() == b"{}"
}

fn token(answer: &Answer) -> Option<HeaderValue> {
    let mut token = answer.headers.get(X_AUTH_TOKEN).filter(|token| !token.is_empty())?.clone();
    token.set_sensitive(true);
    Some(token)
}

/// The session's path. Devices name themselves in many ways: only the path of an address counts.
fn session_path(answer: &Answer, body: Option<&Value>) -> Option<String> {
    let location = answer.header(LOCATION.as_str());
    let place = location.or_else(|| body?.get("@odata.id")?.as_str())?;
    if place.starts_with('/') {
        return Some(place.to_owned());
    }
    Url::parse(place).ok().map(|url| url.path().to_owned())
}

fn with_token(headers: &HeaderMap, token: &HeaderValue) -> HeaderMap {
    let mut headers = headers.clone();
    headers.insert(X_AUTH_TOKEN, token.clone());
    headers
}

fn basic(account: &Account) -> Result<HeaderValue, Trouble> {
    let pair = format!("{}:{}", account.user, account.password.expose_secret());
    let text = format!("Basic {}", BASE64_STANDARD.encode(pair));
    let mut value = HeaderValue::from_str(&text).map_err(|_| no_login())?;
    value.set_sensitive(true);
    Ok(value)
}
