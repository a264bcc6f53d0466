//! One kind of events: the one subscription on the node, and the ring that all subscribers read.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bitcoin_grpc_contract::{Event, Method};
use tokio::sync::watch;
use tokio::time::Instant;

use super::entry::Entry;
use super::object::{Answering, Ear};
use super::ring::{Bounds, Ring};
use crate::error::CallError;

/// What a subscriber may be behind by. At the busiest a node adds some ten transactions a second to
/// its mempool, so this is minutes of them; in bytes it is a dozen full blocks.
const BOUNDS: Bounds = Bounds { events: 16_384, bytes: 64 * 1024 * 1024 };

/// The same for the events of one wallet, which are some hundred bytes each: a rescan that finds
/// thousands of transactions at once, and no more memory than that for each of many wallets.
const WALLET_BOUNDS: Bounds = Bounds { events: 16_384, bytes: 4 * 1024 * 1024 };

/// A kind of events.
pub(super) struct Topic {
    pub(super) method: Method,
    /// The wallet whose events they are, if they are those of a wallet.
    pub(super) wallet: Option<String>,
    pub(super) ring: Arc<Ring>,
    begun: Instant,
    /// Set once the node has answered.
    registered: watch::Sender<Option<Result<(), CallError>>>,
}

impl Topic {
    pub(super) fn new(method: Method, wallet: Option<String>) -> Rc<Self> {
        let bounds = if wallet.is_some() { WALLET_BOUNDS } else { BOUNDS };
        let registered = watch::channel(None).0;
        let begun = Instant::now();
        Rc::new(Self { method, wallet, ring: Ring::new(bounds), begun, registered })
    }

    /// Says what became of the registration.
    pub(super) fn set_registered(&self, outcome: Result<(), CallError>) {
        self.registered.send_replace(Some(outcome));
    }

    /// Whether the node has not answered for so long.
    pub(super) fn is_overdue(&self, patience: Duration) -> bool {
        self.registered.borrow().is_none() && self.begun.elapsed() >= patience
    }

    /// Waits until the node has the object.
    pub(super) async fn registered(&self) -> Result<(), CallError> {
        let mut registered = self.registered.subscribe();
        match registered.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Err(CallError::NodeLost)),
            // The other end is this topic, which is there.
            Err(_) => Err(CallError::NodeLost),
        }
    }
}

impl Ear for Topic {
    fn hear(self: Rc<Self>, event: Event) -> Option<Answering> {
        if let Some(entry) = Entry::new(self.method, event) {
            self.ring.push(entry);
        }
        None
    }

    fn misheard(&self, why: String) {
        tracing::warn!(method = self.method.info().full_name, why, "an event cannot be read");
        self.ring.end(Some(CallError::BadReply(why)));
    }
}
