//! What all connections share: the node, its generation, and word of every change.

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use bitcoin_grpc_contract::Profile;
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;

use super::Deaths;
use super::handler::{Command, Registry, Signals, ValidationQueue};
use super::led::Led;
use super::legacy::Later;
use crate::fault::Faults;
use crate::node::Node;

/// Most server threads that one connection may have. Real nodes have no such limit; 500 were tried.
pub(super) const MAX_THREADS: usize = 500;

/// How long a stopping node goes on, so that the answer to the call that stopped it gets out. Real nodes take between
/// 100 ms and a second.
const LAST_BREATH: Duration = Duration::from_millis(100);

/// Threads of the node's own have numbers below this, counted from that of the process.
const OWN_THREADS: u32 = 100;

/// A node that is served, on one thread.
pub struct Shared {
    node: RefCell<Node>,
    /// Written when the node may have changed; waiting calls look again.
    changed: watch::Sender<()>,
    /// The generation that is spoken.
    pub profile: &'static Profile,
    /// Calls that would have ended a real node.
    pub deaths: Deaths,
    /// What goes wrong on demand, and counters of what comes in.
    pub faults: Faults,
    /// Number of open connections.
    connections: Cell<usize>,
    /// Who listens to what.
    pub(super) handlers: Registry,
    /// What is to be told.
    pub(super) queue: ValidationQueue,
    /// What the operator is to be told.
    pub(super) signals: Signals,
    /// Held while a client decides on a setting.
    pub(super) settings_lock: Mutex<()>,
    /// Commands that clients serve.
    pub(super) commands: RefCell<Vec<Command>>,
    /// Functions to be run later, by name.
    pub(super) later: RefCell<BTreeMap<String, Later>>,
    /// Number of server threads that were ever made.
    threads: Cell<u32>,
    /// Whether the last things before the end were done.
    finished: Cell<bool>,
    /// Number of block templates that clients hold.
    pub(super) templates: Cell<usize>,
    /// The life of a node that its client leads.
    pub(super) led: Led,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let profile = self.profile.name;
        f.debug_struct("Shared").field("profile", &profile).finish_non_exhaustive()
    }
}

/// Counts a connection for as long as it is open.
pub(super) struct OpenConnection(Rc<Shared>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections.set(self.0.connections.get() - 1);
    }
}

impl Shared {
    /// A node to be served in one generation's interface.
    #[must_use]
    pub fn new(node: Node, profile: &'static Profile) -> Self {
        Self::with_faults(node, profile, Faults::default())
    }

    /// The same with faults on demand.
    #[must_use]
    pub fn with_faults(mut node: Node, profile: &'static Profile, faults: Faults) -> Self {
        // Nobody listened yet.
        node.take_events();
        let (changed, _) = watch::channel(());
        Self {
            node: RefCell::new(node),
            changed,
            profile,
            deaths: faults.deaths().clone(),
            queue: ValidationQueue::new(faults.clone()),
            faults,
            connections: Cell::new(0),
            handlers: Registry::default(),
            signals: Signals::default(),
            settings_lock: Mutex::default(),
            commands: RefCell::default(),
            later: RefCell::default(),
            threads: Cell::new(0),
            finished: Cell::new(false),
            templates: Cell::new(0),
            led: Led::default(),
        }
    }

    /// From now on the node knows nothing until its client tells it, as `bitcoin-node -ipcfd N` does.
    pub fn be_led(&self) {
        self.led.begin();
    }

    /// The node, to be asked.
    pub fn node(&self) -> Ref<'_, Node> {
        self.node.borrow()
    }

    /// Changes the node, tells those who listen, and lets waiting calls look at it again.
    pub fn change<T>(&self, change: impl FnOnce(&mut Node) -> T) -> T {
        let (result, events) = {
            let mut node = self.node_mut();
            (change(&mut node), node.take_events())
        };
        for event in events {
            match event.is_for_the_operator() {
                true => self.signals.push(event.into()),
                false => self.queue_event(event),
            }
        }
        self.wake();
        result
    }

    /// Lets waiting calls look again.
    pub(super) fn wake(&self) {
        self.changed.send_replace(());
    }

    /// Takes the node out, and leaves an empty one for whoever still asks.
    pub(crate) fn take_node(&self) -> Node {
        self.node.take()
    }

    fn node_mut(&self) -> RefMut<'_, Node> {
        self.node.borrow_mut()
    }

    /// A receiver that is told of every change.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// How many wait for a change. A call that does has read the clock which its time runs on.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.changed.receiver_count()
    }

    /// Looks at the node now and after every change until there is an outcome, at most for a time.
    pub(super) async fn wait<T>(
        &self,
        longest: Duration,
        mut outcome: impl FnMut(&Node) -> Option<T>,
    ) -> Option<T> {
        let mut changes = self.changes();
        let end = Instant::now().checked_add(longest);
        loop {
            if let Some(outcome) = outcome(&self.node()) {
                return Some(outcome);
            }
            let over = async {
                match end {
                    Some(end) => tokio::time::sleep_until(end).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // The sender lives as long as this.
                _ = changes.changed() => {}
                () = over => return None,
            }
        }
    }

    /// Ends soon after the node was told to stop, and listeners have heard of it.
    pub(super) async fn ended(&self) {
        self.wait(Duration::MAX, |node| {
            (node.shutdown_requested() && self.led.may_end()).then_some(())
        })
        .await;
        if !self.finished.replace(true) {
            self.change(Node::flush);
        }
        self.notifications_told().await;
        tokio::time::sleep(LAST_BREATH).await;
    }

    /// A name for a thread that no other has: that of the process and its own, both with their number.
    pub(super) fn new_thread_name(&self, kind: &str) -> String {
        let pid = std::process::id();
        self.threads.set(self.threads.get().wrapping_add(1));
        let number = pid.wrapping_add(OWN_THREADS).wrapping_add(self.threads.get());
        format!("bitcoin-node-{pid}/{kind}-{number}")
    }

    /// Counts a connection.
    pub(super) fn open_connection(self: &Rc<Self>) -> OpenConnection {
        self.connections.set(self.connections.get() + 1);
        OpenConnection(Rc::clone(self))
    }

    /// Number of block templates that clients hold: neither destroyed nor let go of.
    #[must_use]
    pub fn templates(&self) -> usize {
        self.templates.get()
    }

    /// Number of open connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.get()
    }
}
