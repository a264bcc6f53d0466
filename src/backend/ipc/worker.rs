//! Server threads of the node, and the calls that run on them: one at a time on each.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bitcoin_grpc_contract::Reply;
use bitcoin_grpc_contract::wire::proxy_capnp::thread;
use tokio::sync::{Notify, oneshot};
use tokio::task::spawn_local;
use tokio::time::sleep;
use tracing::Instrument;

use super::config::IpcConfig;
use super::fault::Fault;
use super::link::{Caller, Link};
use super::queue::{Job, Lane, Queue, Running};
use super::translate::{self, Waiter};
use crate::error::CallError;

/// What the server threads of a session have in common.
pub(super) struct Crew {
    queue: Arc<Queue>,
    epoch: u64,
    retire_after: Duration,
    retire_blocking_after: Duration,
    replaced_threads: usize,
    counts: RefCell<Counts>,
    changed: Notify,
    /// Whether the connection ends by our doing, with calls still in flight.
    cut_off: Cell<bool>,
}

#[derive(Default)]
struct Counts {
    /// Threads for reads that take calls.
    reads: usize,
    /// Threads that are held by a call without a caller.
    retired: usize,
    /// Replacements made that still stand in for a retired thread.
    replaced: usize,
}

impl Crew {
    pub(super) fn new(queue: Arc<Queue>, epoch: u64, config: &IpcConfig) -> Self {
        Self {
            queue,
            epoch,
            retire_after: config.retire_after,
            retire_blocking_after: config.retire_blocking_after,
            replaced_threads: config.replaced_threads,
            counts: RefCell::default(),
            changed: Notify::new(),
            cut_off: Cell::new(false),
        }
    }

    /// Calls in flight from now on end by our doing.
    pub(super) fn cut_off(&self) {
        self.cut_off.set(true);
    }

    /// Whose doing it is that a call ended: with our end of the connection the node is not lost.
    fn blame(&self, result: Result<Reply, CallError>) -> Result<Reply, CallError> {
        match result {
            Err(CallError::NodeLost) if self.cut_off.get() => Err(CallError::Draining),
            result => result,
        }
    }

    /// Whether no thread for reads is left.
    pub(super) fn is_stuck(&self) -> bool {
        self.counts.borrow().reads == 0
    }

    /// Completes when [`is_stuck`](Self::is_stuck) may have changed.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn joined(&self, lane: Lane) {
        self.counts.borrow_mut().reads += usize::from(lane == Lane::Read);
    }

    fn left(&self, lane: Lane) {
        self.counts.borrow_mut().reads -= usize::from(lane == Lane::Read);
    }

    /// How long a call of a lane may go on without its caller. A call on the event loop holds up the
    /// whole node, so there is nothing to put in its place.
    fn limit(&self, lane: Lane) -> Option<Duration> {
        match lane {
            Lane::Read => Some(self.retire_after),
            Lane::Blocking => Some(self.retire_blocking_after),
            Lane::Loop => None,
        }
    }

    /// Takes a thread out of use. `true`: another may take its place.
    fn retire(&self, lane: Lane) -> bool {
        self.left(lane);
        let mut counts = self.counts.borrow_mut();
        counts.retired += 1;
        let replace = counts.replaced < self.replaced_threads;
        counts.replaced += usize::from(replace);
        tracing::warn!(
            retired = counts.retired,
            replace,
            "a server thread of the node does not answer"
        );
        drop(counts);
        self.changed.notify_one();
        replace
    }

    /// Takes note that a retired thread answered after all. `true`: it is needed again.
    fn unretire(&self, lane: Lane, was_replaced: bool) -> bool {
        let mut counts = self.counts.borrow_mut();
        counts.retired -= 1;
        counts.replaced -= usize::from(was_replaced);
        drop(counts);
        if !was_replaced {
            self.joined(lane);
            self.changed.notify_one();
        }
        !was_replaced
    }
}

/// One server thread.
pub(super) struct Worker {
    crew: Rc<Crew>,
    link: Rc<Link>,
    lane: Lane,
    /// Made when first needed.
    thread: Option<thread::Client>,
}

impl Worker {
    /// Lets a server thread take calls until the session ends.
    pub(super) fn spawn(crew: &Rc<Crew>, link: &Rc<Link>, lane: Lane) {
        crew.joined(lane);
        let worker = Self { crew: Rc::clone(crew), link: Rc::clone(link), lane, thread: None };
        spawn_local(worker.run());
    }

    async fn run(mut self) {
        while let Some((job, running)) = self.crew.queue.next(self.lane, self.crew.epoch).await {
            if !self.answer(job, running).await {
                return;
            }
        }
        self.crew.left(self.lane);
    }

    /// Runs one call. `false`: the thread was replaced meanwhile.
    async fn answer(&mut self, job: Job, running: Running) -> bool {
        let Job { request, deadline, mut reply, span, .. } = job;
        let method = request.method();
        if let Err(error) = self.prepare().await {
            let _ = reply.send(Err(Fault::from(error).into_call_error(method, self.link.profile)));
            return true;
        }
        let caller = Caller { link: &self.link, thread: self.thread.as_ref() };
        let left = Cell::new(false);
        let waiter = Waiter { deadline, left: &left };
        let work = translate::answer(caller, request, waiter).instrument(span);
        tokio::pin!(work);
        let limit = self.crew.limit(self.lane);
        tokio::select! {
            biased;
            result = &mut work => {
                // A caller that left meanwhile needs no answer.
                let _ = reply.send(self.crew.blame(result));
                return true;
            }
            () = overdue(&mut reply, &left, limit) => {}
        }
        let replaced = self.crew.retire(self.lane);
        // What goes on without a caller must not keep others out.
        drop(running);
        if replaced {
            Self::spawn(&self.crew, &self.link, self.lane);
        }
        // Its outcome interests nobody; that it comes makes the thread usable again.
        let _ = work.await;
        self.crew.unretire(self.lane, replaced)
    }

    async fn prepare(&mut self) -> capnp::Result<()> {
        if self.thread.is_none() && self.lane != Lane::Loop {
            self.thread = Some(self.link.make_thread().await?);
        }
        Ok(())
    }
}

/// Completes when the caller has been gone for as long as its call may go on without it.
async fn overdue(
    reply: &mut oneshot::Sender<Result<Reply, CallError>>,
    left: &Cell<bool>,
    limit: Option<Duration>,
) {
    reply.closed().await;
    left.set(true);
    match limit {
        Some(limit) => sleep(limit).await,
        None => std::future::pending().await,
    }
}
