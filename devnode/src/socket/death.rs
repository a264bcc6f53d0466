//! Calls that would have ended a real node.

use std::sync::{Arc, Mutex, PoisonError};

/// Number of deaths whose cause is kept; a fuzzer would fill the memory otherwise.
const KEPT: usize = 100;

/// Counts the calls that would have ended a real node, and keeps the cause of the first ones.
///
/// The devnode itself lives on: it loses the connection, as the caller of a dying node does, and
/// tests ask here.
#[derive(Debug, Clone, Default)]
pub struct Deaths(Arc<Mutex<Record>>);

#[derive(Debug, Default)]
struct Record {
    count: u64,
    causes: Vec<String>,
}

impl Deaths {
    /// Number of deaths so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).count
    }

    /// Causes of the first deaths.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).causes.clone()
    }

    pub(super) fn record(&self, cause: String) {
        let mut record = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        record.count += 1;
        if record.causes.len() < KEPT {
            record.causes.push(cause);
        }
    }
}
