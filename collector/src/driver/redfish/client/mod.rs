//! The wire of the Redfish driver: documents of one device, bounded in every way, with care for it.
//!
//! Follows DSP0266. Knows paths, sessions, pages and bytes; the meaning of a document is none of its
//! business. `wire` is one exchange, `session` the login, `documents` one document, `members` a
//! collection of them.

pub mod body;
pub mod certificate;
mod documents;
mod etag;
mod members;
mod session;
pub mod tls;
mod wire;
mod words;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use model::{Reason, Timestamp};
use serde_json::Value;
use tokio::time::Instant;

use self::certificate::Certificate;
use self::documents::{Documents, ROOT};
use self::members::Expansion;
use self::session::{Account, Login, Poll};
use self::tls::TlsError;
use self::wire::Wire;
use super::quirks::{Identity, Quirks};
use super::source::{Source, SourceError};
use crate::driver::breaker::Guard;
use crate::target::{Credentials, Target, Tls};

/// The documents of one device, over HTTP.
pub struct Client {
    documents: Arc<Documents>,
    quirks: Arc<Quirks>,
    /// The service root of this poll.
    root: Option<Result<Arc<Value>, SourceError>>,
    /// What the device is, once its manager was asked.
    identity: Option<Identity>,
    expansion: Expansion,
}

impl Client {
    /// A client for one target. Connects to nothing yet.
    ///
    /// # Errors
    /// The TLS settings of the target cannot be used.
    pub fn new(target: &Target, guard: Guard, quirks: Arc<Quirks>) -> Result<Self, TlsError> {
        if target.tls == Tls::Insecure {
            tracing::warn!(
                target = target.device.name,
                "the certificate of this device is not checked: insecure is set"
            );
        }
        let wire = Arc::new(Wire::new(target)?);
        let login = Login::new(Arc::clone(&wire), account(target), guard);
        let concurrency = usize::try_from(target.budget.concurrency).unwrap_or(1);
        Ok(Self {
            documents: Arc::new(Documents::new(wire, login, concurrency)),
            quirks,
            root: None,
            identity: None,
            expansion: Expansion::default(),
        })
    }

    /// A poll begins, at `now` by the wall clock; it has to be over by `deadline`.
    pub async fn begin(&mut self, now: Timestamp, deadline: Instant) {
        self.root = None;
        self.documents.begin(Poll { now, deadline }).await;
    }

    /// Reads the service root and logs in, so that a device that does not let us in is known as such
    /// before anything else is asked.
    ///
    /// # Errors
    /// There is no service root, or no login.
    pub async fn enter(&mut self) -> Result<(), SourceError> {
        let root = self.root().await?;
        let link = |name| root.get(name).and_then(|link| link.get("@odata.id")?.as_str());
        let closed = ["Systems", "Chassis", "Managers"].into_iter().find_map(link).unwrap_or(ROOT);
        self.documents.ensure_login(closed).await
    }

    /// The certificate that the device showed.
    pub fn certificate(&self) -> Option<Arc<Certificate>> {
        self.documents.certificate()
    }

    /// Ends the session on the device.
    pub async fn close(&self) {
        self.documents.close().await;
    }

    /// The service root, read once in a poll; with it comes what has to be known of the device.
    async fn root(&mut self) -> Result<Arc<Value>, SourceError> {
        if let Some(root) = &self.root {
            return root.clone();
        }
        let root = self.documents.root().await;
        if let Ok(root) = &root {
            self.expansion.learn(root);
            if self.identity.is_none() {
                self.identify(root).await;
            }
        }
        self.root = Some(root.clone());
        root
    }

    /// Finds the rules for this device. The manager is asked where they depend on it.
    async fn identify(&mut self, root: &Value) {
        let mut identity = Identity::from_root(root);
        let sessions = root.pointer("/Links/Sessions/@odata.id").and_then(Value::as_str);
        self.documents.obey(self.quirks.rules(&identity), sessions).await;
        if self.quirks.depend_on_manager(&identity) {
            let Some(manager) = self.first_manager(root).await else { return };
            identity.add_manager(&manager);
            self.documents.obey(self.quirks.rules(&identity), sessions).await;
        }
        self.identity = Some(identity);
    }

    async fn first_manager(&self, root: &Value) -> Option<Arc<Value>> {
        let managers = root.pointer("/Managers/@odata.id")?.as_str()?;
        let managers = self.documents.get(managers).await.ok()?;
        let first = managers.pointer("/Members/0/@odata.id")?.as_str()?;
        self.documents.get(first).await.ok()
    }
}

impl Source for Client {
    async fn get(&mut self, path: &str) -> Result<Arc<Value>, SourceError> {
        let root = self.root().await;
        if path.trim_end_matches('/') == ROOT.trim_end_matches('/') {
            return root;
        }
        root?;
        self.documents.get(path).await
    }

    async fn members(
        &mut self,
        collection: &str,
    ) -> Result<Vec<Result<Arc<Value>, SourceError>>, SourceError> {
        self.root().await?;
        members::read(&self.documents, &mut self.expansion, collection).await
    }
}

fn account(target: &Target) -> Option<Account> {
    match &target.credentials {
        Some(Credentials::Password { user, password }) => {
            Some(Account { user: user.clone(), password: password.clone() })
        }
        _ => None,
    }
}

fn error(path: &str, trouble: words::Trouble) -> SourceError {
    SourceError {
        path: path.to_owned(),
        reason: trouble.reason,
        status: trouble.status,
        detail: trouble.detail,
    }
}

fn fault(path: &str, reason: Reason, detail: impl Into<String>) -> SourceError {
    error(path, words::Trouble::new(reason, detail))
}
