//! The validation queue: what happened to chain and mempool, told to one listener after the other.
//!
//! A listener that takes its time holds up everyone behind it. When too much waits, the chain stands still until all
//! of it has been told.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::Topic;
use crate::events::{EVENT_CAPACITY, Event};
use crate::fault::Faults;
use crate::socket::callback::{Callback, Caller, NodeThread};
use crate::socket::shared::Shared;

/// A node connects no further block while more notifications than this wait (`validation.cpp`,
/// LimitValidationInterfaceQueue).
const MAX_PENDING: u64 = 10;

/// What waits to be told.
#[derive(Debug)]
pub(in crate::socket) struct ValidationQueue {
    waiting: RefCell<VecDeque<Event>>,
    pushed: Cell<u64>,
    /// Number of events that were told to all listeners, or that nobody listened to.
    told: watch::Sender<u64>,
    more: Notify,
    /// Whether the task that tells is there.
    works: Cell<bool>,
    /// Where others, on other threads, read how much waits.
    counters: Faults,
}

impl ValidationQueue {
    pub(in crate::socket) fn new(counters: Faults) -> Self {
        counters.note_pending(0);
        Self {
            waiting: RefCell::default(),
            pushed: Cell::new(0),
            told: watch::Sender::new(0),
            more: Notify::new(),
            works: Cell::new(false),
            counters,
        }
    }

    /// Adds what happened. The oldest is lost when there is too much.
    fn push(&self, event: Event) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() == EVENT_CAPACITY {
            waiting.pop_front();
            self.done();
        }
        waiting.push_back(event);
        self.pushed.set(self.pushed.get() + 1);
        self.counters.note_pending(self.pending());
        self.more.notify_one();
    }

    fn done(&self) {
        self.told.send_modify(|told| *told += 1);
        self.counters.note_pending(self.pending());
    }

    fn pending(&self) -> u64 {
        self.pushed.get().saturating_sub(*self.told.borrow())
    }

    /// Waits until everything that waits now has been told.
    async fn drained(&self) {
        let goal = self.pushed.get();
        // The sender lives as long as this.
        let _ = self.told.subscribe().wait_for(|told| *told >= goal).await;
    }
}

impl Shared {
    /// Number of notifications that are not yet told to everyone, the one being told included.
    #[must_use]
    pub fn pending_notifications(&self) -> u64 {
        self.queue.pending()
    }

    /// How long the chain stood still, in all, because listeners were slow.
    #[must_use]
    pub fn stalled(&self) -> Duration {
        self.faults.stalled()
    }

    /// Waits while too many notifications wait. Whoever connects blocks waits here first, as a node does.
    pub async fn before_block(&self) {
        if self.queue.pending() <= MAX_PENDING {
            return;
        }
        let start = Instant::now();
        self.faults.count_held_block();
        self.queue.drained().await;
        self.faults.count_stall(start.elapsed());
    }

    /// Waits until everything that happened up to now has been told.
    pub async fn notifications_told(&self) {
        self.queue.drained().await;
    }

    /// Takes a change of chain or mempool. What nobody listens to is told by that.
    pub(in crate::socket) fn queue_event(&self, event: Event) {
        self.queue.push(event);
        if !self.handlers.has(Topic::Chain) && !self.queue.works.get() {
            self.queue.waiting.borrow_mut().pop_front();
            self.queue.done();
        }
    }

    /// Starts to tell what happens, if that is not done already.
    pub(super) fn start_telling(self: &Rc<Self>) {
        if !self.queue.works.replace(true) {
            tokio::task::spawn_local(Rc::clone(self).tell_events());
        }
    }

    async fn tell_events(self: Rc<Self>) {
        loop {
            let next = self.queue.waiting.borrow_mut().pop_front();
            match next {
                Some(event) => {
                    self.tell_event(&event).await;
                    self.queue.done();
                }
                None if self.handlers.has(Topic::Chain) => self.queue.more.notified().await,
                None => break,
            }
        }
        self.queue.works.set(false);
    }

    /// At the end of a node the scheduler is gone; the thread that ends the node tells what is left.
    async fn tell_event(&self, event: &Event) {
        let stopping = self.node().shutdown_requested();
        let thread = if stopping { NodeThread::Shutdown } else { NodeThread::Scheduler };
        let caller = Caller::Node(thread);
        let telling = async |callback: &Callback| callback.notify(&caller, event).await;
        let told = self.tell_all(Topic::Chain, &caller, telling, |callback, trouble| {
            callback.connection.note(Err(trouble));
            Ok::<_, Infallible>(())
        });
        let Ok(()) = told.await;
    }
}
