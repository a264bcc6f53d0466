//! Calls on their way to a server thread.
//!
//! This is the one place that callers on any thread share with the tasks that own the connection. A
//! call is sorted by what it will occupy; a free server thread takes the next call it may run, of each caller in turn.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use std::time::Duration;

use bitcoin_grpc_contract::{At, Method, Needs, Profile, Reply, Request, Service, Slot};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::fault::RETRY_AFTER;
use super::leases::{Seat, Use};
use super::size::is_big;
use super::spawn::may_come_early;
use super::waits::{Goal, Member, WaitId, Waits};
use crate::call::Call;
use crate::error::CallError;
use crate::fair::Fair;
use crate::metrics::NodeMetrics;

/// What a call occupies while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// A server thread for reads.
    Read,
    /// A server thread that may be held for long.
    Blocking,
    /// The node's event loop, as the method names no thread.
    Loop,
}

const LANES: usize = 3;

/// Work that waits for its turn.
pub(super) struct Job {
    pub(super) work: Work,
    /// The caller's span, so that what is logged on the way is found under it.
    pub(super) span: tracing::Span,
    /// Its reply may be big.
    pub(super) big: bool,
    /// The line that it waited in.
    line: u64,
    turn: u64,
    /// Since when it waits.
    since: Instant,
}

impl Job {
    /// Whether nobody waits for it.
    fn is_abandoned(&self, waits: &mut Waits) -> bool {
        match &self.work {
            Work::Call(ask) => ask.reply.is_closed(),
            Work::Wait(group) => waits.is_deserted(group),
        }
    }
}

/// The line of work that is no single caller's.
const NOBODY: u64 = u64::MAX;

/// What a server thread is to do.
pub(super) enum Work {
    /// Run a call.
    Call(Box<Ask>),
    /// Wait for something on behalf of everybody in a group.
    Wait(WaitId),
}

/// A call.
pub(super) struct Ask {
    pub(super) request: Request,
    pub(super) deadline: Option<Instant>,
    /// Where the caller waits; closed once it has left.
    pub(super) reply: oneshot::Sender<Result<Reply, CallError>>,
    /// The lease whose object it is for.
    pub(super) used: Option<Use>,
    /// For the object that it may return.
    pub(super) seat: Option<Seat>,
}

/// Whether calls are taken.
#[derive(Debug, Clone)]
pub(super) enum Gate {
    /// They are, for a node with this interface.
    Open {
        /// Its generation.
        profile: &'static Profile,
        /// The services that answer.
        services: Arc<[Service]>,
    },
    /// Those are that may come before the chain is loaded; others are answered with this.
    Early {
        /// The node's generation.
        profile: &'static Profile,
        /// Why they are not taken.
        why: CallError,
    },
    /// They are answered with this.
    Shut(CallError),
}

/// The queue, shared by callers and server threads.
pub(super) struct Queue {
    state: Mutex<State>,
    /// Woken when there may be something to take, by lane.
    work: [Notify; LANES],
    /// Woken when nothing is waiting or running.
    idle: Notify,
    /// Woken when somebody joined others who wait.
    pub(super) joined: Notify,
    metrics: Arc<NodeMetrics>,
}

pub(super) struct State {
    gate: Gate,
    /// Counts the connections; a server thread of an earlier one takes nothing.
    epoch: u64,
    /// By lane; those with big replies wait apart, so that small ones can pass them.
    small: [Fair<Job>; LANES],
    big: Fair<Job>,
    waiting: usize,
    running: usize,
    big_running: usize,
    turn: u64,
    capacity: usize,
    big_limit: usize,
    pub(super) waits: Waits,
}

impl Queue {
    pub(super) fn new(capacity: usize, big_limit: usize, metrics: Arc<NodeMetrics>) -> Self {
        let state = State {
            gate: Gate::Shut(CallError::NoNode("not connected yet".to_owned())),
            epoch: 0,
            small: Default::default(),
            big: Fair::default(),
            waiting: 0,
            running: 0,
            big_running: 0,
            turn: 0,
            capacity,
            big_limit: big_limit.max(1),
            waits: Waits::default(),
        };
        Self {
            state: Mutex::new(state),
            work: Default::default(),
            idle: Notify::new(),
            joined: Notify::new(),
            metrics,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics between two steps that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The node's generation, if calls are taken and the node can be asked this.
    pub(super) fn profile_for(&self, method: Method) -> Result<&'static Profile, CallError> {
        self.lock().place_of(method).map(|(profile, _)| profile)
    }

    /// Puts a call in line, or says why not.
    pub(super) fn push(
        &self,
        call: Call,
        used: Option<Use>,
        seat: Option<Seat>,
    ) -> Result<oneshot::Receiver<Result<Reply, CallError>>, CallError> {
        let (reply, receiver) = oneshot::channel();
        let Call { request, deadline, line, .. } = call;
        let mut state = self.lock();
        let lane = state.lane_of(&request)?;
        if state.is_full() {
            state.forget_abandoned();
        }
        if state.is_full() {
            return Err(CallError::Busy { retry_after: RETRY_AFTER });
        }
        let big = lane == Lane::Read && is_big(&request);
        let work = match Goal::of(&request, used.as_ref()) {
            Some((goal, timeout_ms)) => {
                let until = timeout_ms.and_then(until);
                match state.waits.join(goal, Member { reply, until, deadline, used, seat }) {
                    Some(group) => Work::Wait(group),
                    None => {
                        drop(state);
                        self.joined.notify_waiters();
                        return Ok(receiver);
                    }
                }
            }
            None => Work::Call(Box::new(Ask { request, deadline, reply, used, seat })),
        };
        state.put(work, lane, line, big);
        drop(state);
        self.work[lane as usize].notify_one();
        Ok(receiver)
    }

    /// Lets another server thread wait for a group, whose members notice nothing of it.
    pub(super) fn renew(&self, id: &WaitId, lane: Lane) {
        let mut state = self.lock();
        let Some(id) = state.waits.renew(id) else { return };
        state.put(Work::Wait(id), lane, NOBODY, false);
        drop(state);
        self.work[lane as usize].notify_one();
    }

    /// Why a request would not be put in line, if that is known of its method.
    pub(super) fn refusal(&self, request: &Request) -> Option<CallError> {
        self.lock().lane_of(request).err()
    }

    /// Waits for the next call of a lane. `None`: the connection of this epoch is over.
    pub(super) async fn next(self: &Arc<Self>, lane: Lane, epoch: u64) -> Option<(Job, Running)> {
        loop {
            // Not in the head of the match, which would keep the lock through its arms.
            let taken = self.lock().take(lane, epoch);
            match taken {
                Err(Over) => return None,
                Ok(Some(job)) => {
                    let metrics = self.metrics.lane(lane as usize);
                    metrics.waited.observe(job.since.elapsed());
                    metrics.busy.up();
                    let (big, line) = (job.big, job.line);
                    let running = Running { big, lane, line, queue: Arc::clone(self) };
                    return Some((job, running));
                }
                // The last call in line may have lost its caller.
                Ok(None) => self.tell_if_idle(),
            }
            // A wake-up between the look and this line is kept for us.
            self.work[lane as usize].notified().await;
        }
    }

    /// How many small calls wait for a lane in one line.
    fn length_of(&self, lane: Lane, line: u64) -> usize {
        self.lock().small[lane as usize].length_of(line)
    }

    fn finished(&self, big: bool) {
        let mut state = self.lock();
        state.running -= 1;
        state.big_running -= usize::from(big);
        let big_may_run = big && !state.big.is_empty();
        drop(state);
        if big_may_run {
            // A thread may wait although it could take this one now.
            self.work[Lane::Read as usize].notify_one();
        }
        self.tell_if_idle();
    }

    fn tell_if_idle(&self) {
        if self.lock().is_idle() {
            self.idle.notify_waiters();
        }
    }

    /// Calls in line.
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting
    }

    /// Takes calls from now on, and returns the epoch in which server threads take them.
    pub(super) fn open(&self, profile: &'static Profile, services: Vec<Service>) -> u64 {
        let mut state = self.lock();
        state.gate = Gate::Open { profile, services: services.into() };
        state.epoch
    }

    /// Takes the calls that may come before the chain is loaded.
    pub(super) fn open_early(&self, profile: &'static Profile, why: CallError) {
        self.lock().gate = Gate::Early { profile, why };
    }

    /// Number of the present epoch.
    pub(super) fn epoch(&self) -> u64 {
        self.lock().epoch
    }

    /// Takes no more calls, but lets those in line have their turn. Waits end: what they wait for may
    /// be long in coming.
    pub(super) fn close(&self, why: CallError) {
        let mut state = self.lock();
        state.gate = Gate::Shut(why.clone());
        let members = state.waits.take_all();
        drop(state);
        for member in members {
            let _ = member.reply.send(Err(why.clone()));
        }
    }

    /// Takes no more calls, answers those in line, and ends the epoch.
    pub(super) fn clear(&self, why: &CallError) {
        self.lock().epoch += 1;
        self.refuse(why);
        for work in &self.work {
            work.notify_waiters();
        }
    }

    /// Takes no more calls, and answers those in line.
    pub(super) fn refuse(&self, why: &CallError) {
        let mut state = self.lock();
        state.gate = Gate::Shut(why.clone());
        state.waiting = 0;
        let mut jobs: Vec<_> = state.small.iter_mut().flat_map(Fair::take_all).collect();
        jobs.extend(state.big.take_all());
        let members = state.waits.take_all();
        drop(state);
        // A caller that left needs no answer.
        for job in jobs {
            if let Work::Call(ask) = job.work {
                let _ = ask.reply.send(Err(why.clone()));
            }
        }
        for member in members {
            let _ = member.reply.send(Err(why.clone()));
        }
        self.tell_if_idle();
    }

    /// Waits until nothing is waiting or running.
    pub(super) async fn drained(&self) {
        loop {
            let idle = self.idle.notified();
            if self.lock().is_idle() {
                return;
            }
            idle.await;
        }
    }
}

/// A job that runs; it has ended when this is dropped.
pub(super) struct Running {
    queue: Arc<Queue>,
    lane: Lane,
    big: bool,
    line: u64,
}

impl Running {
    /// Whether its reply may be big.
    pub(super) fn is_big(&self) -> bool {
        self.big
    }

    /// How many small calls of the same caller wait in line.
    pub(super) fn behind(&self) -> usize {
        self.queue.length_of(self.lane, self.line)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.queue.metrics.lane(self.lane as usize).busy.down();
        self.queue.finished(self.big);
    }
}

/// The epoch is over.
struct Over;

impl State {
    fn is_idle(&self) -> bool {
        self.waiting == 0 && self.running == 0
    }

    /// Where a method stands, if the node can answer it at all.
    fn place_of(&self, method: Method) -> Result<(&'static Profile, At), CallError> {
        let (profile, services) = match &self.gate {
            Gate::Open { profile, services } => (profile, services),
            Gate::Early { profile, why } if !may_come_early(method) => return Err(why.clone()),
            Gate::Early { profile, .. } => (profile, &Arc::from([Service::Node])),
            Gate::Shut(why) => return Err(why.clone()),
        };
        let at = match profile.slot(method) {
            Slot::Callable(at) => at,
            Slot::Absent => {
                return Err(CallError::NotInProfile { method, profile: profile.name, why: None });
            }
            Slot::Differs(why) => {
                return Err(CallError::NotInProfile {
                    method,
                    profile: profile.name,
                    why: Some(why),
                });
            }
        };
        if !services.contains(&method.info().service) {
            return Err(CallError::NotInProfile {
                method,
                profile: profile.name,
                why: Some("this node does not offer the service"),
            });
        }
        Ok((profile, at))
    }

    /// The lane of a request, if the node can answer it at all.
    fn lane_of(&self, request: &Request) -> Result<Lane, CallError> {
        let method = request.method();
        let info = method.info();
        let place = self.place_of(method);
        if info.needs == Needs::Callback {
            return Err(CallError::Internal("a stream among the calls".to_owned()));
        }
        let (_, at) = place?;
        Ok(match (at.context, info.blocking) {
            (false, _) => Lane::Loop,
            (true, true) => Lane::Blocking,
            (true, false) => Lane::Read,
        })
    }

    /// Puts work in line.
    fn put(&mut self, work: Work, lane: Lane, line: u64, big: bool) {
        self.turn += 1;
        let (span, since) = (tracing::Span::current(), Instant::now());
        let job = Job { work, span, big, line, turn: self.turn, since };
        self.waiting += 1;
        match big {
            true => self.big.push(line, job),
            false => self.small[lane as usize].push(line, job),
        }
    }

    fn is_full(&self) -> bool {
        self.waiting + self.waits.len() >= self.capacity
    }

    /// Lets go of work that nobody waits for any more. In a lane whose threads are all held nothing
    /// else would, and it would keep out the calls of the other lanes.
    fn forget_abandoned(&mut self) {
        for line in self.small.iter_mut().chain([&mut self.big]) {
            let before = line.len();
            line.retain(|job| !job.is_abandoned(&mut self.waits));
            self.waiting -= before - line.len();
        }
    }

    fn take(&mut self, lane: Lane, epoch: u64) -> Result<Option<Job>, Over> {
        if self.epoch != epoch {
            return Err(Over);
        }
        while let Some(job) = self.oldest(lane) {
            self.waiting -= 1;
            // It was not sent: it never was.
            if job.is_abandoned(&mut self.waits) {
                continue;
            }
            self.running += 1;
            self.big_running += usize::from(job.big);
            return Ok(Some(job));
        }
        Ok(None)
    }

    fn oldest(&mut self, lane: Lane) -> Option<Job> {
        let small = self.small[lane as usize].peek().map(|job| job.turn);
        let may_be_big = lane == Lane::Read && self.big_running < self.big_limit;
        let big = self.big.peek().filter(|_| may_be_big).map(|job| job.turn);
        match (small, big) {
            (Some(small), Some(big)) if big < small => self.big.pop(),
            (None, Some(_)) => self.big.pop(),
            _ => self.small[lane as usize].pop(),
        }
    }
}

/// When a wait of so many milliseconds is over; `None` if never.
fn until(timeout_ms: f64) -> Option<Instant> {
    let length = Duration::try_from_secs_f64(timeout_ms / 1000.0).ok()?;
    Instant::now().checked_add(length)
}
