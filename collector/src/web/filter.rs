//! Which targets a person or script asks for: `?q=` (words) and `?state=`.

use serde::Deserialize;

use crate::status::{TargetState, TargetStatus};

/// Longest search that is looked at, in bytes.
const MAX_QUERY_BYTES: usize = 200;

/// Query parameters of the page and of `/api/v1/targets`.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Filter {
    /// Words that must all occur in a target's name, site, rack, type, protocol, address or error.
    #[serde(default)]
    pub(super) q: String,
    /// A state's word; anything else means all.
    #[serde(default)]
    pub(super) state: String,
}

impl Filter {
    /// The state asked for, if any.
    pub(super) fn state(&self) -> Option<TargetState> {
        TargetState::find(&self.state)
    }

    /// The words searched for, as typed, cut at the limit.
    pub(super) fn query(&self) -> &str {
        let mut end = self.q.len().min(MAX_QUERY_BYTES);
        while !self.q.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        self.q.get(..end).unwrap_or("").trim()
    }

    /// Keeps the targets that contain all words.
    pub(super) fn search(&self, targets: &mut Vec<TargetStatus>) {
        let query = self.query().to_lowercase();
        let words: Vec<&str> = query.split_whitespace().collect();
        if !words.is_empty() {
            targets.retain(|target| {
                let text = searched(target);
                words.iter().all(|word| text.contains(word))
            });
        }
    }

    /// Keeps the targets in the state asked for.
    pub(super) fn keep_state(&self, targets: &mut Vec<TargetStatus>) {
        if let Some(state) = self.state() {
            targets.retain(|target| target.state == state);
        }
    }
}

/// All that a search looks at, in lower case.
pub(super) fn searched(target: &TargetStatus) -> String {
    let device = &target.device;
    let error = target.last_error.as_ref().map_or("", |error| error.detail.as_str());
    let parts = [
        device.name.as_str(),
        &device.site,
        &device.rack,
        &device.device_type,
        target.protocol.as_str(),
        &target.address,
        error,
    ];
    parts.join("\n").to_lowercase()
}
