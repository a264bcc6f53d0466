//! Stand-in for the pool of IPC connections.

use std::path::PathBuf;
use std::task::{Context, Poll};

use bitcoin_grpc_contract::{Profile, Reply};
use tokio::sync::watch;

use super::{NodeInfo, NodeState};
use crate::call::Call;
use crate::error::CallError;

/// How to reach a node, and how much to ask of it at once.
#[derive(Debug, Clone)]
pub struct IpcConfig {
    /// The node's socket.
    pub socket: PathBuf,
    /// The generation, if it is not to be found out.
    pub profile: Option<&'static Profile>,
    /// Connections.
    pub connections: usize,
    /// Server threads for reads, in all.
    pub read_threads: usize,
    /// Server threads for methods that wait.
    pub blocking_threads: usize,
    /// Big reads under way.
    pub big_reads: usize,
    /// Calls that wait for a thread.
    pub queue: usize,
}

impl Default for IpcConfig {
    fn default() -> Self {
        Self {
            socket: PathBuf::new(),
            profile: None,
            connections: 1,
            read_threads: 2,
            blocking_threads: 8,
            big_reads: 1,
            queue: 256,
        }
    }
}

/// The pool.
#[derive(Debug, Clone)]
pub struct IpcPool;

/// Ends a pool.
#[derive(Debug)]
pub struct IpcHandle {
    state: watch::Sender<NodeState>,
}

impl IpcPool {
    /// Starts a pool.
    #[must_use]
    pub fn start(_config: IpcConfig) -> (Self, watch::Receiver<NodeState>, IpcHandle) {
        let (state, states) = watch::channel(NodeState::Connecting { last_error: None });
        (Self, states, IpcHandle { state })
    }
}

impl IpcHandle {
    /// Disconnects.
    #[allow(clippy::unused_async, reason = "the real one waits")]
    pub async fn shutdown(self) {
        self.state.send_replace(NodeState::Stopped);
    }
}

impl tower::Service<Call> for IpcPool {
    type Response = Reply;
    type Error = CallError;
    type Future = std::future::Ready<Result<Reply, CallError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Call) -> Self::Future {
        std::future::ready(Err(CallError::NoNode("stand-in".to_owned())))
    }
}

/// Connects, looks, disconnects.
///
/// # Errors
/// When no node can be reached.
#[allow(clippy::unused_async, reason = "the real one waits")]
pub async fn probe(_config: &IpcConfig) -> Result<NodeInfo, CallError> {
    Err(CallError::NoNode("stand-in".to_owned()))
}
