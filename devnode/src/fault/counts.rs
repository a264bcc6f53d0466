//! What came in, counted.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Called;

/// Counters of everything that reached the socket.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Calls by method; bounded, as there are only so many methods.
    pub(super) calls: BTreeMap<Called, u64>,
    /// Connections that were accepted, those refused on demand included.
    pub(super) connections: u64,
    /// Server threads that clients made, those of pools included.
    pub(super) threads: u64,
    /// Notifications that are not yet told to everyone.
    pub(super) pending: u64,
    /// Blocks that had to wait for slow listeners.
    pub(super) held_blocks: u64,
    /// How long they waited, in all; of one that still waits, nothing yet.
    pub(super) stalled: Duration,
}
