//! Target lists from files and HTTP while the program runs: one watcher for each, their findings combined.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::config::discovery::{self, Discovered, files, http};
use crate::driver::redfish::client::tls;
use crate::target::Target;

/// Longest wait for the first answers of all lists. Polling begins then, with what is known.
const SETTLE: Duration = Duration::from_secs(5);

/// Running watchers. They end when dropped.
#[derive(Default)]
pub(super) struct Discovery {
    found: Vec<watch::Receiver<Discovered>>,
    news: Arc<Notify>,
    tasks: JoinSet<()>,
}

impl Discovery {
    /// Starts a watcher for each list.
    ///
    /// # Errors
    /// The TLS settings of an HTTP list cannot be used.
    pub(super) fn start(files: Vec<files::Source>, https: Vec<http::Source>) -> anyhow::Result<Self> {
        let mut discovery = Self::default();
        for source in files {
            let out = discovery.listen();
            discovery.tasks.spawn(source.watch(out));
        }
        for source in https {
            let config = tls::config(source.tls(), Arc::default())
                .with_context(|| format!("the TLS settings of {} cannot be used", source.name()))?;
            let client = http::client(config)?;
            let out = discovery.listen();
            discovery.tasks.spawn(source.watch(client, out));
        }
        Ok(discovery)
    }

    /// A channel for one list; each change on it is news.
    fn listen(&mut self) -> watch::Sender<Discovered> {
        let (out, found) = watch::channel(Discovered::default());
        self.found.push(found.clone());
        let news = Arc::clone(&self.news);
        self.tasks.spawn(forward(found, news));
        out
    }

    /// Waits for a first answer of each list, for a while.
    pub(super) async fn settle(&self) {
        let answered = async {
            for found in &self.found {
                let mut found = found.clone();
                let _ = found.wait_for(|found| !found.source.is_empty()).await;
            }
        };
        if tokio::time::timeout(SETTLE, answered).await.is_err() {
            tracing::warn!("not every target list has answered yet: polling begins without the missing ones");
        }
    }

    /// Ends when a list has changed.
    pub(super) async fn changed(&self) {
        self.news.notified().await;
    }

    /// The configuration's own targets and all that were found. What was refused is logged.
    pub(super) fn combine(&self, own: &[Target]) -> Vec<Arc<Target>> {
        let found: Vec<Discovered> = self.found.iter().map(|found| found.borrow().clone()).collect();
        for list in &found {
            for error in &list.errors {
                tracing::warn!(
                    source = list.source,
                    error,
                    "a target list cannot be read: its last targets stay"
                );
            }
            for refused in &list.refused {
                tracing::warn!(source = list.source, entry = refused.entry, refused.reason, "target refused");
            }
        }
        let (targets, refused) = discovery::combine(own, &found);
        for refused in refused {
            tracing::warn!(entry = refused.entry, refused.reason, "target refused");
        }
        targets
    }
}

async fn forward(mut found: watch::Receiver<Discovered>, news: Arc<Notify>) {
    while found.changed().await.is_ok() {
        news.notify_one();
    }
}
