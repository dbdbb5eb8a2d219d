//! One device: its address, its credentials, its budget, and what its engine is known to be.
//!
//! Resolves the name again after failures. Recovers by itself from a replaced device (another engine
//! id) and from a restarted one (RFC 3414, section 2.2), once per poll. Keeps one request in flight:
//! agents answer one after the other anyway, and many have a receive buffer for few.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_snmp::{Auth, Client, ClientBuilder, Oid as WireOid, Retry, VarBind, Version};

use super::error::{UsmReport, WireError};
use super::tap::Tap;
use super::transport::Snmp;
use super::value::straighten;
use super::wire::{Answer, Ask, Bound, Wire};
use super::{credentials, diagnose};
use crate::driver::budget::Gate;
use crate::profile::source::Oid;
use crate::target::{Address, Target};

/// How often a request is sent again when no answer comes: a datagram that is lost once in a hundred
/// times then costs one request in a million. Each waits for the target's timeout.
const RETRIES: u32 = 2;

/// Shortest time that is waited for an answer, whatever the configuration says.
const MIN_TIMEOUT: Duration = Duration::from_millis(50);

/// Longest time that is waited for an answer, so that deadlines stay representable.
const MAX_TIMEOUT: Duration = Duration::from_secs(300);

/// A device that is asked over and over.
pub(super) struct Session {
    snmp: Arc<Snmp>,
    address: Address,
    auth: Auth,
    timeout: Duration,
    gate: Arc<Gate>,
    link: Option<Link>,
    /// Grows when another engine was discovered behind the address.
    generation: u64,
    /// Whether this poll has discovered the engine again already.
    renewed: bool,
    /// Whether the device reports wrong times without authentication, against RFC 3414, section 3.2.
    trusts_time_reports: bool,
}

/// What a session needs the device to agree with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Security {
    /// SNMPv1 or v2c.
    Community,
    /// SNMPv3 without privacy.
    Plain,
    /// SNMPv3 with privacy.
    Private,
}

/// A peer that may be asked.
struct Link {
    client: Client<Tap>,
    tap: Tap,
    /// Whether it has answered: only then can its engine have changed since.
    proven: bool,
}

impl Session {
    /// For one target. Asks nothing yet.
    ///
    /// # Errors
    /// The credentials cannot be used.
    pub(super) fn new(snmp: Arc<Snmp>, target: &Target) -> Result<Self, WireError> {
        let auth = credentials::auth(target.credentials.as_ref(), &snmp.keys)?;
        Ok(Self {
            snmp,
            address: target.address.clone(),
            auth,
            timeout: target.timeout.clamp(MIN_TIMEOUT, MAX_TIMEOUT),
            gate: Arc::new(Gate::new(target.budget)),
            link: None,
            generation: 0,
            renewed: false,
            trusts_time_reports: false,
        })
    }

    /// A new poll begins.
    pub(super) fn begin(&mut self) {
        self.renewed = false;
    }

    /// Forgets the address, so that the name is resolved again.
    pub(super) fn forget_address(&mut self) {
        self.link = None;
    }

    /// Which engine, by count, answers.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// How it is spoken with.
    pub(super) fn security(&self) -> Security {
        match &self.auth {
            Auth::Usm(usm) if usm.priv_protocol().is_some() => Security::Private,
            Auth::Usm(_) => Security::Plain,
            _ => Security::Community,
        }
    }

    /// Where it answers, in words.
    pub(super) fn address(&self) -> String {
        self.address.to_string()
    }

    /// What is behind an address that doesn't answer.
    pub(super) async fn diagnose(&self) -> diagnose::Finding {
        match &self.link {
            Some(link) => {
                let _permit = self.gate.acquire().await;
                diagnose::look(link.client.peer_addr(), self.timeout).await
            }
            None => diagnose::Finding::Silent,
        }
    }

    async fn resolve(&self) -> Result<SocketAddr, WireError> {
        let Address { host, port } = &self.address;
        let dns = |detail: String| WireError::Dns { host: host.clone(), detail };
        let found = tokio::net::lookup_host((host.as_str(), *port)).await;
        let addresses: Vec<_> = found.map_err(|error| dns(error.to_string()))?.collect();
        let usable = addresses.iter().find(|address| self.snmp.reaches(**address)).or(addresses.first());
        usable.copied().ok_or_else(|| dns("it has no address".into()))
    }

    async fn connect(&mut self) -> Result<(), WireError> {
        if self.link.is_none() {
            let peer = self.resolve().await?;
            self.link = Some(self.link_to(peer)?);
        }
        Ok(())
    }

    /// A fresh client, which knows no engine. No cache is shared: devices that were cloned with one
    /// engine id would spoil each other's notion of time.
    fn link_to(&self, peer: SocketAddr) -> Result<Link, WireError> {
        let tap = self.snmp.tap(peer)?;
        let retry = Retry::fixed(RETRIES, Duration::ZERO).unwrap_or_else(|_| Retry::none());
        let client = ClientBuilder::new(self.auth.clone())
            .request_timeout(self.timeout)
            .retry(retry)
            .max_oids_per_request(usize::MAX)
            .des_salt_state(self.snmp.des.clone())
            .allow_unauthenticated_v3_time_correction(self.trusts_time_reports)
            .build_with_transport(tap.clone())
            .map_err(|error| WireError::new(&error, &self.address.to_string(), None))?;
        Ok(Link { client, tap, proven: false })
    }

    /// Whether discovering the engine again may bring an answer after this error.
    fn may_renew(&self, error: &WireError) -> bool {
        let proven = self.link.as_ref().is_some_and(|link| link.proven);
        self.security() != Security::Community
            && !self.renewed
            && match error {
                WireError::Report { report, .. } => report.is_about_engine(),
                WireError::Timeout { .. } => proven,
                _ => false,
            }
    }

    /// Forgets the engine; the next request discovers it.
    fn renew(&mut self, error: &WireError) -> Result<(), WireError> {
        self.renewed = true;
        if matches!(error, WireError::Report { report: UsmReport::TimeWindow, .. }) {
            self.trusts_time_reports = true;
        }
        let peer = self.link.as_ref().map(|link| link.client.peer_addr());
        if let Some(peer) = peer {
            self.link = Some(self.link_to(peer)?);
        }
        Ok(())
    }

    async fn send(&mut self, ask: Ask<'_>) -> Result<Answer, WireError> {
        let Some(link) = &mut self.link else {
            return Err(WireError::Closed);
        };
        let answer = request(&link.client, ask).await;
        let report = link.tap.take_report();
        match answer {
            Ok(answer) => {
                link.proven = true;
                Ok(answer)
            }
            Err(error) => {
                let error = WireError::new(&error, &self.address.to_string(), report);
                // An error status is an answer too.
                link.proven |= matches!(error, WireError::Status { .. });
                Err(error)
            }
        }
    }

    async fn send_after_renewal(&mut self, ask: Ask<'_>, error: WireError) -> Result<Answer, WireError> {
        tracing::debug!(address = %self.address, %error, "discovering the SNMPv3 engine again");
        self.renew(&error)?;
        let answer = self.send(ask).await;
        if answer.is_ok() {
            self.generation = self.generation.wrapping_add(1);
            tracing::info!(
                address = %self.address,
                cause = %error,
                "discovered the SNMPv3 engine again: the device was replaced, reset or restarted"
            );
        }
        answer
    }
}

impl Wire for Session {
    async fn ask(&mut self, ask: Ask<'_>) -> Result<Answer, WireError> {
        self.connect().await?;
        let gate = Arc::clone(&self.gate);
        let _permit = gate.acquire().await;
        match self.send(ask).await {
            Err(error) if self.may_renew(&error) => self.send_after_renewal(ask, error).await,
            answer => answer,
        }
    }

    fn has_bulk(&self) -> bool {
        self.auth.version() != Version::V1
    }
}

async fn request(client: &Client<Tap>, ask: Ask<'_>) -> async_snmp::Result<Answer> {
    let wire = |oids: &[Oid]| -> Vec<WireOid> {
        oids.iter().map(|oid| WireOid::from_slice(oid.as_slice())).collect()
    };
    let (covered, mut bound, anomalies) = match ask {
        Ask::Bulk(oids, repetitions) => {
            let answer = client.get_bulk_with_metadata(&wire(oids), 0, repetitions).await?;
            (oids.len(), answer.varbinds, answer.metadata.decode_anomalies)
        }
        Ask::Get(oids) | Ask::Next(oids) => {
            let wire = wire(oids);
            let mut chunks = match ask {
                Ask::Get(_) => client.get_many_chunks(&wire)?,
                _ => client.get_next_many_chunks(&wire)?,
            };
            // Only the first part: where the device had to be asked in parts, the caller learns from it.
            match chunks.next().await {
                Some(Ok(chunk)) => {
                    let covered = chunk.request_range.len();
                    (covered, chunk.response.varbinds, chunk.response.metadata.decode_anomalies)
                }
                Some(Err(error)) => return Err(error.source),
                None => (oids.len(), Vec::new(), Vec::new()),
            }
        }
    };
    straighten(bound.iter_mut().map(|bound: &mut VarBind| &mut bound.value), &anomalies);
    let bound =
        bound.into_iter().map(|VarBind { oid, value, .. }| Bound { oid: Oid::new(oid.arcs()), value });
    Ok(Answer { bound: bound.collect(), covered })
}
