//! The mempool's transactions, each once.
//!
//! The node holds its main locks during the whole of such a run, so there is one at a time, and who
//! asks while it is under way shares it: nothing can enter or leave the mempool meanwhile.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Weak};

use bitcoin_grpc_contract::{Event, Request};

use super::entry::Entry;
use super::object::{self, Answering, Ear};
use super::register::Control;
use super::ring::{Bounds, Reader, Ring};
use crate::error::CallError;

/// What a run may keep for clients that read more slowly than the node tells: most of the largest
/// mempool that a node has unless told otherwise (300 MB, a third of which are transactions).
pub(super) const BOUNDS: Bounds = Bounds { events: 500_000, bytes: 256 * 1024 * 1024 };

/// The runs: the latest is under way, or waits for the one before to end.
pub(super) struct Mempool {
    control: Control,
    latest: RefCell<Weak<Ring>>,
}

impl Mempool {
    pub(super) fn new(control: Control) -> Self {
        Self { control, latest: RefCell::default() }
    }

    /// Joins a run whose transactions are all there still. `Err`: there is none.
    pub(super) fn join(&self) -> Option<Reader> {
        self.latest.borrow().upgrade().and_then(|ring| ring.reader_from_start())
    }

    /// A new run, to be carried out by [`run`](Self::run).
    pub(super) fn begin(&self) -> Arc<Ring> {
        let ring = Ring::new(BOUNDS);
        *self.latest.borrow_mut() = Arc::downgrade(&ring);
        ring
    }

    /// Carries a run out once the one before has ended.
    pub(super) async fn run(&self, ring: &Arc<Ring>, request: &Request) {
        let end = match self.control.turn().await {
            // Nobody waits for it any more.
            Ok(_) if ring.readers() == 0 || ring.has_ended() => None,
            Ok(turn) => {
                let caller = turn.caller();
                let listener =
                    Rc::new(Listener { ring: Arc::clone(ring), method: request.method() });
                let object = object::client(caller.link.profile, listener);
                caller.lend(request, &object).await.err()
            }
            Err(error) => Some(error),
        };
        ring.end(end);
    }
}

struct Listener {
    ring: Arc<Ring>,
    method: bitcoin_grpc_contract::Method,
}

impl Ear for Listener {
    fn hear(self: Rc<Self>, event: Event) -> Option<Answering> {
        if let Some(entry) = Entry::new(self.method, event) {
            self.ring.push(entry);
        }
        None
    }

    fn misheard(&self, why: String) {
        self.ring.end(Some(CallError::BadReply(why)));
    }
}
