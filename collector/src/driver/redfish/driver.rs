//! The Redfish driver: a client of one device, and the walk that reads it.
//!
//! Joins `client` and `collect`, and knows neither wire nor meaning.

use std::sync::Arc;
use std::time::Duration;

use model::{Labels, PollError, Reason, ReportBuilder, Timestamp, metric};
use secrecy::ExposeSecret;
use tokio::time::Instant;

use super::client::Client;
use super::collect::collect;
use super::quirks::Quirks;
use super::source::SourceError;
use super::state::State;
use crate::driver::Driver;
use crate::driver::breaker::Breakers;
use crate::target::{Credentials, Target};

/// Most time that is kept back of a poll's deadline, so that the poll ends by itself with what it has
/// read, before it is ended from outside.
const MAX_RESERVE: Duration = Duration::from_secs(1);

/// What the Redfish drivers of a process share.
pub struct Redfish {
    /// Keep accounts from being locked.
    pub breakers: Arc<Breakers>,
    /// Wall time.
    pub clock: fn() -> Timestamp,
}

/// Polls one device over Redfish.
pub struct RedfishDriver {
    target: Arc<Target>,
    client: Client,
    state: State,
    clock: fn() -> Timestamp,
}

impl RedfishDriver {
    /// A driver for one target. Asks the device nothing yet.
    ///
    /// # Errors
    /// The target's TLS settings or credentials are not for Redfish.
    pub fn new(common: &Redfish, target: Arc<Target>) -> Result<Self, PollError> {
        let credentials = match &target.credentials {
            None => String::new(),
            Some(Credentials::Password { user, password }) => format!("{user}\0{}", password.expose_secret()),
            Some(_) => {
                let detail =
                    "Redfish takes credentials with user and password, not those of SNMP or of IPMI alone";
                return Err(PollError::new(Reason::Config, detail));
            }
        };
        let guard = common.breakers.guard(&target.device.name, credentials.as_bytes());
        let client = Client::new(&target, guard, Quirks::builtin())
            .map_err(|error| PollError::new(Reason::Config, error.to_string()))?;
        let state = State::new(target.inventory_interval);
        Ok(Self { target, client, state, clock: common.clock })
    }

    /// A client for other purposes than polls, with `time` to its end: for recordings.
    pub async fn into_client(mut self, time: Duration) -> Result<Client, PollError> {
        self.client.begin((self.clock)(), Instant::now() + time).await;
        self.client.enter().await.map_err(poll_error)?;
        Ok(self.client)
    }

    fn record_certificate(&self, report: &mut ReportBuilder) {
        let not_after = self.client.certificate().and_then(|certificate| certificate.not_after);
        if let Some(at) = not_after {
            report.record(metric::OOB_DEVICE_CERTIFICATE_EXPIRY_TIMESTAMP, &Labels::new(), at as f64 / 1e3);
        }
    }
}

impl Driver for RedfishDriver {
    async fn poll(&mut self, report: &mut ReportBuilder) -> Result<(), PollError> {
        let now = (self.clock)();
        let reserve = (self.target.deadline / 20).min(MAX_RESERVE);
        let deadline = Instant::now() + self.target.deadline.saturating_sub(reserve);
        self.client.begin(now, deadline).await;
        let entered = self.client.enter().await;
        self.record_certificate(report);
        entered.map_err(poll_error)?;
        collect(&mut self.client, &mut self.state, now, report).await
    }

    async fn close(&mut self) {
        self.client.close().await;
    }
}

fn poll_error(error: SourceError) -> PollError {
    PollError::new(error.reason, error.to_string())
}
