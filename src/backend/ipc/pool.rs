//! The face of the backend: a service that can be cloned and called from any thread.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bitcoin_grpc_contract::Reply;
use tokio::sync::{oneshot, watch};
use tokio::task::{LocalSet, spawn_local};
use tower::Service;

use super::config::IpcConfig;
use super::queue::Queue;
use super::supervisor::Supervisor;
use crate::backend::NodeState;
use crate::call::Call;
use crate::error::CallError;

/// Passes calls to a node. Clones share everything.
///
/// Dropping the future of a call tells nobody: a call that was not sent yet is skipped, one that was
/// runs on to the node's reply, and only then is its server thread used again.
#[derive(Clone)]
pub struct IpcPool {
    queue: Arc<Queue>,
}

/// Ends a pool.
pub struct IpcHandle {
    stop: oneshot::Sender<()>,
    stopped: oneshot::Receiver<()>,
}

impl IpcPool {
    /// Starts a pool whose tasks run in the current `LocalSet`, so that it shares the caller's thread.
    ///
    /// # Panics
    /// Outside of a `LocalSet`.
    pub fn start(config: IpcConfig) -> (Self, watch::Receiver<NodeState>, IpcHandle) {
        let (pool, supervisor, states, handle, done) = Self::new(config);
        spawn_local(async move {
            supervisor.run().await;
            let _ = done.send(());
        });
        (pool, states, handle)
    }

    /// Starts a pool on a thread of its own, for callers whose runtime has several.
    ///
    /// # Errors
    /// When there can be no thread or runtime.
    pub fn start_on_own_thread(
        config: IpcConfig,
    ) -> io::Result<(Self, watch::Receiver<NodeState>, IpcHandle)> {
        let (pool, supervisor, states, handle, done) = Self::new(config);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("ipc".to_owned()).spawn(move || {
            LocalSet::new().block_on(&runtime, supervisor.run());
            let _ = done.send(());
        })?;
        Ok((pool, states, handle))
    }

    fn new(
        config: IpcConfig,
    ) -> (Self, Supervisor, watch::Receiver<NodeState>, IpcHandle, oneshot::Sender<()>) {
        let queue = Arc::new(Queue::new(config.queue, config.big_reads));
        let (state, states) = watch::channel(NodeState::Connecting { last_error: None });
        let (stop, stopping) = oneshot::channel();
        let (done, stopped) = oneshot::channel();
        let supervisor = Supervisor { config, queue: Arc::clone(&queue), state, stop: stopping };
        (Self { queue }, supervisor, states, IpcHandle { stop, stopped }, done)
    }
}

impl IpcHandle {
    /// Takes no more calls, lets those in flight end within a limit, and closes the connection
    /// cleanly. Returns when the socket is closed.
    pub async fn shutdown(self) {
        // Both are gone if the pool ended by itself, with its runtime.
        let _ = self.stop.send(());
        let _ = self.stopped.await;
    }
}

impl Service<Call> for IpcPool {
    type Response = Reply;
    type Error = CallError;
    type Future = ReplyFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        // The queue answers for itself when it is full.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> ReplyFuture {
        match self.queue.push(call) {
            Ok(reply) => ReplyFuture(State::Waiting(reply)),
            Err(error) => ReplyFuture(State::Refused(Some(error))),
        }
    }
}

/// Completes with the reply.
#[must_use]
pub struct ReplyFuture(State);

enum State {
    Waiting(oneshot::Receiver<Result<Reply, CallError>>),
    Refused(Option<CallError>),
}

impl Future for ReplyFuture {
    type Output = Result<Reply, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            // Whoever had the call ended with its connection.
            State::Waiting(reply) => {
                Pin::new(reply).poll(cx).map(|reply| reply.unwrap_or(Err(CallError::NodeLost)))
            }
            State::Refused(error) => match error.take() {
                Some(error) => Poll::Ready(Err(error)),
                None => Poll::Pending,
            },
        }
    }
}
