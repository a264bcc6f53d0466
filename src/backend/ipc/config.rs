//! What can be set about the connection to the node, and the bounds that cannot.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bitcoin_grpc_contract::Profile;

use super::apart::Apart;
use super::leases::{LeaseConfig, Leases};
use super::spawn::SpawnConfig;
use super::streams::StreamHub;
use crate::metrics::NodeMetrics;

/// Connections to the node. All of them end in the node's one event loop, so more do not make it
/// faster; one connection with two threads was measured the fastest.
pub const CONNECTIONS: usize = 1;

/// Server threads for reads, over all connections. Measured on two cores: two threads answer 27 %
/// more calls a second than one, eight answer 15 % fewer.
pub const READ_THREADS: usize = 2;

/// Server threads for calls that wait for an event. They sleep nearly all the time; the number bounds
/// how many such calls run at once. They are made when first needed.
pub const BLOCKING_THREADS: usize = 16;

/// Reads with big replies that run at once. The node's event loop needs about 20 ms for each MB, and
/// answers nobody meanwhile.
pub const BIG_READS: usize = 1;

/// Calls that may wait for a server thread. At 10 000 calls a second it is emptied in a tenth of a
/// second; a longer queue would only make callers wait who have better things to do.
pub const QUEUE: usize = 1024;

/// How long a call may go on after its caller left before its thread counts as stuck. Real reads
/// take milliseconds, a block from a slow disk a second.
pub const RETIRE_AFTER: Duration = Duration::from_secs(30);

/// The same for calls that may wait, of which an RPC command can take minutes.
pub const RETIRE_BLOCKING_AFTER: Duration = Duration::from_secs(600);

/// Stuck threads that are replaced. A node that has lost this many will not get well by more.
pub const REPLACED_THREADS: usize = 8;

/// How long a drain waits for the calls in flight.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// How long after its first sign of life a node without a safe question about its state is left
/// alone. See `ready.rs`.
pub const SETTLE: Duration = Duration::from_secs(1);

/// Age at which the socket of a node that cannot be asked anything about its state (Core 30) counts as
/// that of a node which has begun to load its chain.
pub const SOCKET_AGE: Duration = Duration::from_secs(5);

/// Whether to pass objects of ours to the node, which streams of events need.
///
/// Before libmultiprocess v11 a node aborts when a client dies that it holds such objects of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Notifications {
    /// Where the node survives our death.
    #[default]
    Auto,
    /// On every generation.
    Always,
    /// Never.
    Never,
}

/// Where a node is.
#[derive(Debug, Clone)]
pub enum Place {
    /// Somebody else runs it; it listens on this unix socket.
    Unix(PathBuf),
    /// This program starts it.
    Spawn(Arc<SpawnConfig>),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Spawn(config) => write!(f, "spawn:{}", config.command),
        }
    }
}

/// How to reach a node, and how much to ask of it at once.
#[derive(Debug, Clone)]
pub struct IpcConfig {
    /// Where the node is.
    pub place: Place,
    /// Generation to assume in place of the one found out.
    pub profile: Option<&'static Profile>,
    /// Connections to open. See [`CONNECTIONS`].
    pub connections: usize,
    /// Server threads for reads, over all connections. See [`READ_THREADS`].
    pub read_threads: usize,
    /// Server threads for calls that may wait. See [`BLOCKING_THREADS`].
    pub blocking_threads: usize,
    /// Reads with big replies at once. See [`BIG_READS`].
    pub big_reads: usize,
    /// Calls that may wait for a thread; beyond, [`Busy`](crate::error::CallError::Busy).
    pub queue: usize,
    /// Whether streams are served.
    pub notifications: Notifications,
    /// Which of several pools serves them. Copies of the configuration share it.
    pub streams: StreamHub,
    /// See [`RETIRE_AFTER`].
    pub retire_after: Duration,
    /// See [`RETIRE_BLOCKING_AFTER`].
    pub retire_blocking_after: Duration,
    /// See [`REPLACED_THREADS`].
    pub replaced_threads: usize,
    /// See [`DRAIN_LIMIT`].
    pub drain_limit: Duration,
    /// See [`SETTLE`].
    pub settle: Duration,
    /// See [`SOCKET_AGE`].
    pub socket_age: Duration,
    /// Leases on the node's objects. Copies of the configuration share them.
    pub leases: Leases,
    /// Keeps apart what would hang the node together. Copies of the configuration share it.
    pub apart: Apart,
    /// Where the node's part is counted. Copies of the configuration share it.
    pub metrics: Arc<NodeMetrics>,
}

impl Default for IpcConfig {
    fn default() -> Self {
        Self {
            place: Place::Unix(PathBuf::new()),
            profile: None,
            connections: CONNECTIONS,
            read_threads: READ_THREADS,
            blocking_threads: BLOCKING_THREADS,
            big_reads: BIG_READS,
            queue: QUEUE,
            notifications: Notifications::default(),
            streams: StreamHub::default(),
            retire_after: RETIRE_AFTER,
            retire_blocking_after: RETIRE_BLOCKING_AFTER,
            replaced_threads: REPLACED_THREADS,
            drain_limit: DRAIN_LIMIT,
            settle: SETTLE,
            socket_age: SOCKET_AGE,
            leases: Leases::new(LeaseConfig::default()),
            apart: Apart::default(),
            metrics: Arc::default(),
        }
    }
}
