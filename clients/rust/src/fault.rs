//! What a fault says besides its code. `docs/errors.md` of bitcoin-grpc lists the reasons.

use std::collections::BTreeMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt;

/// A status that bitcoin-grpc gave, with its details.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The status.
    pub code: Code,
    /// For people; it may change.
    pub message: String,
    /// Empty if the status is not bitcoin-grpc's own.
    pub reason: String,
    /// Facts that belong to the reason.
    pub metadata: BTreeMap<String, String>,
    /// Faulty fields of the request, and what is wrong with them.
    pub violations: BTreeMap<String, String>,
    /// How long to wait before sending it again, if that helps.
    pub retry_after: Option<Duration>,
}

impl From<&Status> for Fault {
    fn from(status: &Status) -> Self {
        let details = status.get_error_details();
        let (reason, metadata) = details
            .error_info()
            .map(|info| (info.reason.clone(), info.metadata.clone().into_iter().collect()))
            .unwrap_or_default();
        let violations = details.bad_request().map(|bad| {
            let fields = bad.field_violations.iter();
            fields.map(|v| (v.field.clone(), v.description.clone())).collect()
        });
        Self {
            code: status.code(),
            message: status.message().to_owned(),
            reason,
            metadata,
            violations: violations.unwrap_or_default(),
            retry_after: details.retry_info().and_then(|retry| retry.retry_delay),
        }
    }
}
