//! What the node has to do with calls.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bitcoin_grpc_contract::Method;

use super::{ByMethod, Counter, Gauge, Histogram, Snapshot, by_method};

/// What calls occupy on the node's side: a server thread for reads, one for calls that may wait, or the node's
/// event loop.
pub const LANES: [&str; 3] = ["read", "blocking", "loop"];

/// A look at how much waits somewhere; `None` once that place is gone.
type Look = Box<dyn Fn() -> Option<usize> + Send + Sync>;

/// Numbers of the node's side.
#[derive(Default)]
pub struct NodeMetrics {
    round_trips: RoundTrips,
    lanes: [Lane; LANES.len()],
    /// Server threads that a call without a caller holds.
    pub retired: Gauge,
    /// Connections that were made.
    pub connected: Counter,
    /// Connections that were lost, or given up because the node ends.
    pub lost: Counter,
    /// Tries to connect that failed.
    pub failed: Counter,
    queues: Mutex<Vec<Look>>,
}

struct RoundTrips(Box<ByMethod<OnceLock<Box<Histogram>>>>);

impl Default for RoundTrips {
    fn default() -> Self {
        Self(by_method())
    }
}

/// One kind of server threads.
#[derive(Debug, Default)]
pub struct Lane {
    /// Threads that take calls.
    pub threads: Gauge,
    /// Threads that run one.
    pub busy: Gauge,
    /// How long calls waited for one.
    pub waited: Histogram,
}

impl NodeMetrics {
    /// A message went to the node, and its answer came back after that time.
    pub fn round_trip(&self, method: Method, time: Duration) {
        self.round_trips.0[method as usize].get_or_init(Box::default).observe(time);
    }

    /// One of the [`LANES`].
    #[must_use]
    pub const fn lane(&self, index: usize) -> &Lane {
        &self.lanes[index]
    }

    /// Looks at a queue, too, from now on.
    pub fn look_at(&self, queue: impl Fn() -> Option<usize> + Send + Sync + 'static) {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(queue));
    }

    /// Calls that wait in all queues together.
    #[must_use]
    pub fn waiting(&self) -> usize {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.iter().filter_map(|look| look()).sum()
    }

    pub(super) fn round_trips(&self) -> impl Iterator<Item = (Method, Snapshot)> {
        let times = Method::ALL.into_iter().zip(self.round_trips.0.iter());
        times.filter_map(|(method, times)| Some((method, times.get()?.snapshot())))
    }
}

impl std::fmt::Debug for NodeMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeMetrics").field("lanes", &self.lanes).finish_non_exhaustive()
    }
}
