//! The seam between the wire and the meaning: a place that Redfish documents come from.

use std::sync::Arc;

use model::Reason;
use serde_json::Value;

/// Why one resource could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {detail}")]
pub struct SourceError {
    /// Path of the resource, for example `/redfish/v1/Chassis/1/Power`.
    pub path: String,
    /// Cause.
    pub reason: Reason,
    /// HTTP status, where the device answered.
    pub status: Option<u16>,
    /// In words.
    pub detail: String,
}

/// Gives documents by their path (`@odata.id`).
pub trait Source {
    /// One document. Fragments (`#/PowerSupplies/0`) are the caller's business.
    fn get(&mut self, path: &str) -> impl Future<Output = Result<Arc<Value>, SourceError>> + Send;

    /// All members of a collection as documents, in the device's order: pages followed, loops guarded,
    /// `$expand` used where it proved right for this device. A member that cannot be read is an error
    /// in its place and costs only itself.
    fn members(
        &mut self,
        collection: &str,
    ) -> impl Future<Output = Result<Vec<Result<Arc<Value>, SourceError>>, SourceError>> + Send;

    /// Whether `members` asks for each member of this collection by itself. If so, members that measure
    /// nothing are left out between surveys.
    fn reads_each(&self, _collection: &str) -> bool {
        false
    }
}
