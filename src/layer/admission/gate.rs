//! Places for calls of one kind, and the queue for those who have none.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::account::{Account, take};
use super::{RETRY_AFTER, Share};
use crate::error::{CallError, Limit};
use crate::fair::Fair;
use crate::metrics::exposition::AdmissionLook;

/// Waiters that left and are still in line, beyond as many as wait: the line is looked through when there are more.
const LEFT: usize = 64;

/// What is said to who has no seat as there is none.
const BUSY: CallError = CallError::Busy { retry_after: RETRY_AFTER };

/// What is said to who has no seat, or no longer one, as others have a right to it.
const TOO_MANY_OF_CALLER: CallError =
    CallError::Limited { limit: Limit::OwnCalls, retry_after: RETRY_AFTER };

/// Places for calls of one kind.
///
/// While nobody waits, taking a place and giving it back are additions to two numbers each. The queue is locked
/// only by those who wait, and by those who give back a place that others wait for.
#[derive(Debug)]
pub(super) struct Gate {
    kind: usize,
    places: usize,
    seats: usize,
    in_flight: AtomicUsize,
    queued: AtomicUsize,
    closed: AtomicBool,
    queue: Mutex<Fair<Waiter>>,
}

/// Somebody who waits for a place.
#[derive(Debug)]
struct Waiter {
    account: Arc<Account>,
    /// Places that it may have itself.
    places: usize,
    deadline: Option<Instant>,
    /// Closed once it has left.
    turn: oneshot::Sender<Result<Place, CallError>>,
}

/// A call that waits. Dropping it leaves the line.
#[derive(Debug)]
pub(super) struct Waiting {
    turn: oneshot::Receiver<Result<Place, CallError>>,
    seat: Seat,
}

impl Waiting {
    /// Waits for a place, and then leaves the seat.
    pub(super) async fn turn(self) -> Result<Place, CallError> {
        let place = self.turn.await;
        drop(self.seat);
        // Whoever had the queue has gone.
        place.unwrap_or(Err(CallError::Draining))
    }
}

impl Gate {
    pub(super) fn new(kind: usize, places: usize, seats: usize) -> Arc<Self> {
        let (in_flight, queued) = Default::default();
        let (closed, queue) = Default::default();
        Arc::new(Self { kind, places, seats, in_flight, queued, closed, queue })
    }

    pub(super) fn look(&self, kind: &'static str) -> AdmissionLook {
        let in_flight = self.in_flight.load(Ordering::Relaxed);
        AdmissionLook { kind, in_flight, queued: self.queued.load(Ordering::Relaxed) }
    }

    fn lock(&self) -> MutexGuard<'_, Fair<Waiter>> {
        // Nothing in here panics between two steps that belong together.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place if nobody waits and the limits allow.
    pub(super) fn try_enter(
        self: &Arc<Self>,
        account: &Arc<Account>,
        share: Share,
    ) -> Option<Place> {
        if self.queued.load(Ordering::SeqCst) > 0 || self.closed.load(Ordering::SeqCst) {
            return None;
        }
        self.enter(account, share.places).or_else(|| {
            // Somebody may have found taken what was taken here for a moment only.
            self.pass_on();
            None
        })
    }

    fn enter(self: &Arc<Self>, account: &Arc<Account>, places: usize) -> Option<Place> {
        if !take(&account.in_flight[self.kind], places) {
            return None;
        }
        if !take(&self.in_flight, self.places) {
            account.in_flight[self.kind].fetch_sub(1, Ordering::SeqCst);
            return None;
        }
        Some(Place { gate: Arc::clone(self), account: Some(Arc::clone(account)) })
    }

    /// Takes a seat in line.
    pub(super) fn wait(
        self: &Arc<Self>,
        account: &Arc<Account>,
        share: Share,
        deadline: Option<Instant>,
    ) -> Result<Waiting, CallError> {
        let seat = self.seat(account, share.seats)?;
        let (turn, waits) = oneshot::channel();
        let waiter = Waiter { account: Arc::clone(account), places: share.places, deadline, turn };
        let mut queue = self.lock();
        if self.closed.load(Ordering::SeqCst) {
            return Err(CallError::Draining);
        }
        if queue.len() > 2 * self.queued.load(Ordering::SeqCst) + LEFT {
            queue.retain(|waiter| !waiter.turn.is_closed());
        }
        queue.push(account.line, waiter);
        self.serve(&mut queue);
        Ok(Waiting { turn: waits, seat })
    }

    fn seat(self: &Arc<Self>, account: &Arc<Account>, seats: usize) -> Result<Seat, CallError> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(CallError::Draining);
        }
        let free = take(&self.queued, self.seats);
        if !take(&account.queued[self.kind], seats) {
            self.queued.fetch_sub(usize::from(free), Ordering::SeqCst);
            return Err(if free { TOO_MANY_OF_CALLER } else { BUSY });
        }
        if !free && !self.make_room(account) {
            account.queued[self.kind].fetch_sub(1, Ordering::SeqCst);
            return Err(BUSY);
        }
        Ok(Seat { gate: Arc::clone(self), account: Arc::clone(account) })
    }

    /// Takes one seat more than there are, for who has less than an even part of them.
    ///
    /// The line itself stays as long as there are seats: the last of the longest is sent away, but keeps its seat until
    /// it has heard of it, as does who was just given a place.
    fn make_room(&self, account: &Account) -> bool {
        let mut queue = self.lock();
        if queue.len() > self.seats {
            queue.retain(|waiter| !waiter.turn.is_closed());
        }
        if queue.len() >= self.seats && !self.shed(&mut queue, account) {
            return false;
        }
        self.queued.fetch_add(1, Ordering::SeqCst);
        true
    }

    /// Sends away the last of the longest line if a caller who has just come has less in line than all would have if
    /// they had the same. The longest is of somebody who has more.
    fn shed(&self, queue: &mut Fair<Waiter>, account: &Account) -> bool {
        // This call is counted already.
        let own = account.queued[self.kind].load(Ordering::SeqCst).saturating_sub(1);
        let lines = queue.lines() + usize::from(queue.length_of(account.line) == 0);
        if own >= self.seats / lines {
            return false;
        }
        let longest = queue.longest().filter(|line| queue.length_of(*line) >= own + 2);
        let Some(waiter) = longest.and_then(|line| queue.pop_last(line)) else { return false };
        let _ = waiter.turn.send(Err(TOO_MANY_OF_CALLER));
        true
    }

    /// Gives places to those who wait, if there are any of both.
    fn pass_on(self: &Arc<Self>) {
        if self.queued.load(Ordering::SeqCst) > 0 {
            self.serve(&mut self.lock());
        }
    }

    fn serve(self: &Arc<Self>, queue: &mut Fair<Waiter>) {
        while self.in_flight.load(Ordering::SeqCst) < self.places {
            let now = Instant::now();
            let next = queue.pop_if(|waiter| {
                let own = waiter.account.in_flight[self.kind].load(Ordering::SeqCst);
                own < waiter.places || waiter.is_late(now)
            });
            let Some(waiter) = next else { return };
            if waiter.is_late(now) {
                let _ = waiter.turn.send(Err(CallError::DeadlineExceeded));
                continue;
            }
            match self.enter(&waiter.account, waiter.places) {
                Some(place) => {
                    // Who has left is still in line, and may leave in this moment, too.
                    if let Err(Ok(unused)) = waiter.turn.send(Ok(place)) {
                        unused.give_back();
                    }
                }
                None => {
                    // Taken by a newcomer in this moment; who took it passes it on.
                    let line = waiter.account.line;
                    queue.push(line, waiter);
                    return;
                }
            }
        }
    }

    /// Sends everybody away who waits or comes from now on.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        let waiting = self.lock().take_all();
        for waiter in waiting {
            let _ = waiter.turn.send(Err(CallError::Draining));
        }
    }
}

impl Waiter {
    fn is_late(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }
}

/// A place. Dropping it gives it back, and to whoever is next.
#[derive(Debug)]
pub(super) struct Place {
    gate: Arc<Gate>,
    /// `None` once it was given back.
    account: Option<Arc<Account>>,
}

impl Place {
    /// Gives it back without passing it on, for who holds the queue.
    fn give_back(mut self) {
        self.leave();
    }

    fn leave(&mut self) -> bool {
        let Some(account) = self.account.take() else { return false };
        account.in_flight[self.gate.kind].fetch_sub(1, Ordering::SeqCst);
        self.gate.in_flight.fetch_sub(1, Ordering::SeqCst);
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.leave() {
            self.gate.pass_on();
        }
    }
}

/// A seat in line. Dropping it gives it back.
#[derive(Debug)]
struct Seat {
    gate: Arc<Gate>,
    account: Arc<Account>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.account.queued[self.gate.kind].fetch_sub(1, Ordering::SeqCst);
        self.gate.queued.fetch_sub(1, Ordering::SeqCst);
    }
}
