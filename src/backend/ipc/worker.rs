//! Server threads of the node, and the calls that run on them: one at a time on each.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bitcoin_grpc_contract::wire::proxy_capnp::thread;
use bitcoin_grpc_contract::{Needs, Reply};
use tokio::sync::{Notify, oneshot};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};
use tracing::Instrument;

use super::config::IpcConfig;
use super::fault::Fault;
use super::held::{Held, Holdings};
use super::leases::Use;
use super::link::{Caller, Link};
use super::queue::{Ask, Job, Lane, Queue, Running, Work};
use super::translate::{self, Waiter, template};
use super::tray::{Answer, PATIENCE, Tray};
use super::waits::{Goal, WaitId};
use super::wallets::Wallets;
use crate::error::CallError;
use crate::metrics::NodeMetrics;

/// What the server threads of a session have in common.
pub(super) struct Crew {
    queue: Arc<Queue>,
    epoch: u64,
    retire_after: Duration,
    retire_blocking_after: Duration,
    replaced_threads: usize,
    metrics: Arc<NodeMetrics>,
    counts: RefCell<Counts>,
    changed: Notify,
    /// Whether the connection ends by our doing, with calls still in flight.
    cut_off: Cell<bool>,
    /// The connection that leased objects live on.
    home: Rc<Link>,
    holdings: Rc<Holdings>,
    wallets: Rc<Wallets>,
    tray: Tray,
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
    pub(super) fn new(
        queue: Arc<Queue>,
        epoch: u64,
        config: &IpcConfig,
        home: &Rc<Link>,
        holdings: &Rc<Holdings>,
        wallets: &Rc<Wallets>,
    ) -> Self {
        Self {
            queue,
            epoch,
            retire_after: config.retire_after,
            retire_blocking_after: config.retire_blocking_after,
            replaced_threads: config.replaced_threads,
            metrics: Arc::clone(&config.metrics),
            counts: RefCell::default(),
            changed: Notify::new(),
            cut_off: Cell::new(false),
            home: Rc::clone(home),
            holdings: Rc::clone(holdings),
            wallets: Rc::clone(wallets),
            tray: Tray::new(holdings.leases.clone()),
        }
    }

    /// Lets go of the node's objects that are kept for further calls.
    pub(super) fn let_go(&self) {
        self.wallets.close();
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
        self.metrics.lane(lane as usize).threads.up();
        self.counts.borrow_mut().reads += usize::from(lane == Lane::Read);
    }

    fn left(&self, lane: Lane) {
        self.metrics.lane(lane as usize).threads.down();
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
        self.metrics.retired.up();
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
        self.metrics.retired.down();
        counts.replaced -= usize::from(was_replaced);
        drop(counts);
        if !was_replaced {
            self.joined(lane);
            self.changed.notify_one();
        }
        !was_replaced
    }
}

/// One server thread; on a session with several connections, another one for leased objects.
pub(super) struct Worker {
    crew: Rc<Crew>,
    link: Rc<Link>,
    lane: Lane,
    /// Made when first needed.
    thread: Option<thread::Client>,
    /// The same on the connection that leased objects live on, if that is another one.
    home_thread: Option<thread::Client>,
}

impl Worker {
    /// Lets a server thread take calls until the session ends.
    pub(super) fn spawn(crew: &Rc<Crew>, link: &Rc<Link>, lane: Lane) {
        crew.joined(lane);
        let (crew, link) = (Rc::clone(crew), Rc::clone(link));
        spawn_local(Self { crew, link, lane, thread: None, home_thread: None }.run());
    }

    async fn run(mut self) {
        while let Some((job, running)) = self.crew.queue.next(self.lane, self.crew.epoch).await {
            let Job { work, span, .. } = job;
            let free = match work {
                Work::Call(ask) => self.answer(*ask, span, running).await,
                Work::Wait(id) => self.wait(&id, span, running).await,
            };
            if !free {
                return;
            }
        }
        self.crew.left(self.lane);
    }

    /// Runs one call. `false`: the thread was replaced meanwhile.
    async fn answer(&mut self, ask: Ask, span: tracing::Span, running: Running) -> bool {
        let Ask { request, deadline, mut reply, used, seat } = ask;
        let method = request.method();
        let profile = self.link.profile;
        let (link, thread) = match self.prepare(method.info().needs).await {
            Ok(prepared) => prepared,
            Err(error) => {
                let _ = reply.send(Err(Fault::from(error).into_call_error(method, profile)));
                return true;
            }
        };
        let object = match self.object(used.as_ref()) {
            Ok(object) => object,
            Err(error) => {
                let _ = reply.send(Err(error));
                return true;
            }
        };
        let (left, seat) = (Cell::new(false), Cell::new(seat));
        let holdings = Rc::clone(&self.crew.holdings);
        let wallets = Rc::clone(&self.crew.wallets);
        let waiter = Waiter {
            deadline,
            left: &left,
            seat: &seat,
            holdings: Some(&holdings),
            wallets: &wallets,
        };
        let work = async {
            let caller = Caller::new(&link, thread.as_ref());
            let caller = object.as_ref().map_or(caller, |held| caller.with(held.client()));
            translate::answer(caller, request, waiter).await
        };
        let work = work.instrument(span);
        tokio::pin!(work);
        let limit = self.crew.limit(self.lane);
        tokio::select! {
            biased;
            result = &mut work => {
                // Its lease's time begins anew before the caller hears.
                drop(used);
                let line = self.line(&running, deadline);
                let answer = Answer { reply, result: self.crew.blame(result), running };
                self.crew.tray.put(answer, line);
                return true;
            }
            () = overdue(left_by(&mut reply, &left), limit) => {}
        }
        let (unheard, needed) = self.outlive(running, work).await;
        if let Ok(unheard) = unheard {
            holdings.leases.abandon(unheard);
        }
        needed
    }

    /// How many calls of its caller wait in line, as far as an answer may wait for theirs: a big one would
    /// hold memory, and one that is due must not come too late.
    fn line(&self, running: &Running, deadline: Option<Instant>) -> usize {
        let in_time = || deadline.is_none_or(|deadline| deadline > Instant::now() + 2 * PATIENCE);
        match self.lane {
            Lane::Read if !running.is_big() && in_time() => running.behind(),
            _ => 0,
        }
    }

    /// Waits on behalf of a group. `false`: the thread was replaced meanwhile.
    async fn wait(&mut self, id: &WaitId, span: tracing::Span, running: Running) -> bool {
        let queue = Arc::clone(&self.crew.queue);
        let needs = if matches!(id.goal, Goal::Tip(_)) { Needs::Nothing } else { Needs::Object };
        let prepared = self.prepare(needs).await;
        let object = match &id.goal {
            Goal::Next { template, .. } => self.crew.holdings.get(*template),
            Goal::Tip(_) => None,
        };
        let (link, thread) = match prepared {
            Ok(prepared) => prepared,
            Err(_) => {
                queue.happened(id, &mut |_| Err(CallError::NodeLost));
                return true;
            }
        };
        let holdings = Rc::clone(&self.crew.holdings);
        let work = async {
            let caller = Caller::new(&link, thread.as_ref());
            let caller = object.as_ref().map_or(caller, |held| caller.with(held.client()));
            template::wait(caller, id, &holdings).await;
        };
        let work = work.instrument(span);
        tokio::pin!(work);
        let limit = self.crew.limit(self.lane);
        tokio::select! {
            biased;
            () = &mut work => return true,
            () = overdue(queue.deserted(id), limit) => {}
            // The node was asked for a short turn, so it is not long in coming.
            () = queue.unanswered(id, self.crew.retire_after), if self.lane == Lane::Blocking => {
                queue.renew(id, self.lane);
            }
        }
        self.outlive(running, work).await.1
    }

    /// The connection that a method's calls go over, and the server thread for them there.
    async fn prepare(&mut self, needs: Needs) -> capnp::Result<(Rc<Link>, Option<thread::Client>)> {
        let elsewhere = needs != Needs::Nothing && !Rc::ptr_eq(&self.link, &self.crew.home);
        let (link, thread) = match elsewhere {
            true => (&self.crew.home, &mut self.home_thread),
            false => (&self.link, &mut self.thread),
        };
        if thread.is_none() && self.lane != Lane::Loop {
            *thread = Some(link.make_thread().await?);
        }
        Ok((Rc::clone(link), thread.clone()))
    }

    /// The object of a lease.
    fn object(&self, used: Option<&Use>) -> Result<Option<Rc<Held>>, CallError> {
        let Some(used) = used else { return Ok(None) };
        let held = self.crew.holdings.get(used.id);
        held.map(Some).ok_or_else(|| CallError::LeaseGone(used.end()))
    }

    /// Lets work go on without its caller, with another thread in place of this one. Also tells
    /// whether this one is needed again.
    async fn outlive<T>(&self, running: Running, work: impl Future<Output = T>) -> (T, bool) {
        let replaced = self.crew.retire(self.lane);
        // What goes on without a caller must not keep others out.
        drop(running);
        if replaced {
            Self::spawn(&self.crew, &self.link, self.lane);
        }
        // That it ends makes the thread usable again.
        let outcome = work.await;
        (outcome, self.crew.unretire(self.lane, replaced))
    }
}

/// Completes when the caller has been gone for as long as its call may go on without it.
async fn overdue(gone: impl Future<Output = ()>, limit: Option<Duration>) {
    gone.await;
    match limit {
        Some(limit) => sleep(limit).await,
        None => std::future::pending().await,
    }
}

/// Completes when the caller has left, and says so.
async fn left_by(reply: &mut oneshot::Sender<Result<Reply, CallError>>, left: &Cell<bool>) {
    reply.closed().await;
    left.set(true);
}
