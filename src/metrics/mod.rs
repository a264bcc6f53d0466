//! What is counted. Everything here is written on the way of a call, so it is nothing but atomic numbers whose
//! place is known from the method's index: no names, no hashing, no locks. What the numbers are called
//! stands in [`exposition`], which reads them when an operator asks.

mod calls;
pub mod exposition;
mod histogram;
mod node;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use bitcoin_grpc_contract::Method;

pub use calls::CallMetrics;
pub use histogram::{Histogram, Snapshot};
pub use node::{LANES, NodeMetrics};

/// What one program counts.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Calls as their callers see them.
    pub calls: CallMetrics,
    /// What the node has to do with them.
    pub node: Arc<NodeMetrics>,
    /// Connections of clients that came in.
    pub connections: Counter,
    /// Connections that were closed before they spoke gRPC.
    pub connections_refused: Counter,
    /// Connections of clients that are open.
    pub open: Gauge,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts one more.
    pub fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The count.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// One more.
    pub fn up(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One less.
    pub fn down(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// The number.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Something for every method.
type ByMethod<T> = [T; Method::ALL.len()];

fn by_method<T: Default>() -> Box<ByMethod<T>> {
    Box::new(std::array::from_fn(|_| T::default()))
}
