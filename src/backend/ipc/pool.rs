//! The face of the backend: a service that can be cloned and called from any thread.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bitcoin_grpc_contract::{Method, Needs, Reply, Request, Target};
use tokio::sync::{oneshot, watch};
use tokio::task::{LocalSet, spawn_local};
use tower::Service;

use super::config::{IpcConfig, Place};
use super::leases::Leases;
use super::queue::Queue;
use super::streams::{Hub, Opened};
use super::supervisor::Supervisor;
use crate::backend::NodeState;
use crate::call::{Call, Outcome};
use crate::error::CallError;

/// Passes calls to a node. Clones share everything.
///
/// Dropping the future of a call tells nobody: a call that was not sent yet is skipped, one that was
/// runs on to the node's reply, and only then is its server thread used again.
#[derive(Clone)]
pub struct IpcPool {
    queue: Arc<Queue>,
    leases: Leases,
    hub: Arc<Hub>,
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
        let queue =
            Arc::new(Queue::new(config.queue, config.big_reads, Arc::clone(&config.metrics)));
        let looked_at = Arc::downgrade(&queue);
        config.metrics.look_at(move || looked_at.upgrade().map(|queue| queue.waiting()));
        let leases = config.leases.clone();
        let (state, states) = watch::channel(NodeState::Connecting { last_error: None });
        let (stop, stopping) = oneshot::channel();
        let (done, stopped) = oneshot::channel();
        let spawns = matches!(config.place, Place::Spawn(_));
        let own = Hub::new(config.notifications, spawns, Arc::clone(&queue));
        let (hub, served) = config.streams.join(own);
        let supervisor =
            Supervisor { config, queue: Arc::clone(&queue), hub: served, state, stop: stopping };
        (Self { queue, leases, hub }, supervisor, states, IpcHandle { stop, stopped }, done)
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
    type Response = Outcome;
    type Error = CallError;
    type Future = ReplyFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        // The queue answers for itself when it is full.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> ReplyFuture {
        if call.method().info().needs == Needs::Callback {
            let opened = self.hub.open(call.request).map(State::Opening);
            return ReplyFuture(opened.unwrap_or_else(|error| State::known(Err(error))));
        }
        let outcome = match call.method().info().service.target() {
            Target::Leased => self.on_lease(call),
            Target::Root | Target::Named => self.begin(call),
        };
        ReplyFuture(outcome.unwrap_or_else(|error| State::known(Err(error))))
    }
}

impl IpcPool {
    fn begin(&self, call: Call) -> Result<State, CallError> {
        if call.method() != Method::MiningCreateNewBlock {
            return self.queue.push(call, None, None).map(|reply| State::Waiting(reply, None));
        }
        let seat = self.leases.reserve(&call.caller)?;
        let reply = self.queue.push(call, None, Some(seat))?;
        Ok(State::Waiting(reply, Some(self.leases.clone())))
    }

    /// A call on a leased object goes to wherever the object lives.
    fn on_lease(&self, call: Call) -> Result<State, CallError> {
        let (handle, caller) = (call.request.key().unwrap_or_default(), &call.caller);
        if call.method() == Method::BlockTemplateDestroy {
            return Ok(State::Ending(self.leases.end(handle, caller)?));
        }
        let used = match self.leases.enter(handle, caller) {
            Ok(used) => used,
            // That there is no such method says more than that there is no such lease.
            Err(error) => return Err(self.queue.refusal(&call.request).unwrap_or(error)),
        };
        let queue = Arc::clone(&used.home.queue);
        match &call.request {
            Request::BlockTemplateInterruptWait(_) => {
                if !queue.interrupt(used.id) {
                    self.leases.interrupt_next(&used);
                }
                let reply = Reply::BlockTemplateInterruptWait(Default::default());
                Ok(State::known(Ok(reply)))
            }
            Request::BlockTemplateWaitNext(_) if used.take_interrupt() => {
                let reply = Reply::BlockTemplateWaitNext(Default::default());
                Ok(State::known(Ok(reply)))
            }
            Request::BlockTemplateWaitNext(_) => {
                let seat = self.leases.reserve(caller)?;
                let reply = queue.push(call, Some(used), Some(seat))?;
                Ok(State::Waiting(reply, Some(self.leases.clone())))
            }
            _ => queue.push(call, Some(used), None).map(|reply| State::Waiting(reply, None)),
        }
    }
}

/// Completes with the reply.
#[must_use]
pub struct ReplyFuture(State);

enum State {
    /// A server thread will answer. With the leases, if the reply may hold one.
    Waiting(oneshot::Receiver<Result<Reply, CallError>>, Option<Leases>),
    /// A session will open the stream.
    Opening(oneshot::Receiver<Opened>),
    /// A lease has ended; the node frees its object.
    Ending(oneshot::Receiver<()>),
    /// The answer is there.
    Known(Option<Box<Result<Reply, CallError>>>),
}

impl State {
    fn known(answer: Result<Reply, CallError>) -> Self {
        Self::Known(Some(Box::new(answer)))
    }
}

impl Future for ReplyFuture {
    type Output = Result<Outcome, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            // Whoever had the call ended with its connection.
            State::Waiting(reply, _) => Pin::new(reply)
                .poll(cx)
                .map(|reply| reply.unwrap_or(Err(CallError::NodeLost)).map(Outcome::Reply)),
            State::Opening(opened) => Pin::new(opened)
                .poll(cx)
                .map(|opened| opened.unwrap_or(Err(CallError::NodeLost)).map(Outcome::Stream)),
            // An object whose connection is gone is gone with it.
            State::Ending(gone) => Pin::new(gone)
                .poll(cx)
                .map(|_| Ok(Reply::BlockTemplateDestroy(Default::default()).into())),
            State::Known(answer) => match answer.take() {
                Some(answer) => Poll::Ready(answer.map(Outcome::Reply)),
                None => Poll::Pending,
            },
        }
    }
}

impl Drop for ReplyFuture {
    /// A lease that was given to a caller who has left meanwhile ends at once.
    fn drop(&mut self) {
        let State::Waiting(reply, Some(leases)) = &mut self.0 else { return };
        // From here on the sender sees that nobody hears; what came before is here.
        reply.close();
        if let Ok(Ok(unheard)) = reply.try_recv() {
            leases.abandon(unheard);
        }
    }
}
