//! What all connections share: the node, its generation, and word of every change.

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::rc::Rc;
use std::time::Duration;

use bitcoin_grpc_contract::Profile;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Deaths;
use crate::node::Node;

/// Most server threads that one connection may have. Real nodes have no such limit; 500 were tried.
pub(super) const MAX_THREADS: usize = 500;

/// How long a stopping node goes on, so that the answer to the call that stopped it gets out. Real nodes take between
/// 100 ms and a second.
const LAST_BREATH: Duration = Duration::from_millis(100);

/// A node that is served, on one thread.
#[derive(Debug)]
pub struct Shared {
    node: RefCell<Node>,
    /// Written when the node may have changed; waiting calls look again.
    changed: watch::Sender<()>,
    /// The generation that is spoken.
    pub profile: &'static Profile,
    /// Calls that would have ended a real node.
    pub deaths: Deaths,
    /// Number of open connections.
    connections: Cell<usize>,
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
        let (changed, _) = watch::channel(());
        let deaths = Deaths::default();
        let connections = Cell::new(0);
        Self { node: RefCell::new(node), changed, profile, deaths, connections }
    }

    /// The node, to be asked.
    pub fn node(&self) -> Ref<'_, Node> {
        self.node.borrow()
    }

    /// Changes the node, and lets waiting calls look at it again.
    pub fn change<T>(&self, change: impl FnOnce(&mut Node) -> T) -> T {
        let result = change(&mut self.node_mut());
        self.wake();
        result
    }

    /// Lets waiting calls look again.
    pub(super) fn wake(&self) {
        self.changed.send_replace(());
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

    /// Ends soon after the node was told to stop.
    pub(super) async fn ended(&self) {
        self.wait(Duration::MAX, |node| node.shutdown_requested().then_some(())).await;
        tokio::time::sleep(LAST_BREATH).await;
    }

    /// Counts a connection.
    pub(super) fn open_connection(self: &Rc<Self>) -> OpenConnection {
        self.connections.set(self.connections.get() + 1);
        OpenConnection(Rc::clone(self))
    }

    /// Number of open connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.get()
    }
}
