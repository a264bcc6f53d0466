//! What all connections share: the node, its generation, and word of a new tip.

use std::cell::{Ref, RefCell, RefMut};

use bitcoin_grpc_contract::Profile;
use tokio::sync::watch;

use super::Deaths;
use crate::node::Node;

/// Most server threads that one connection may have. Real nodes have no such limit; 500 were tried.
pub(super) const MAX_THREADS: usize = 500;

/// A node that is served, on one thread.
#[derive(Debug)]
pub struct Shared {
    node: RefCell<Node>,
    /// Written when the tip may have changed; waiting calls look again.
    tip: watch::Sender<()>,
    /// The generation that is spoken.
    pub profile: &'static Profile,
    /// Calls that would have ended a real node.
    pub deaths: Deaths,
}

impl Shared {
    /// A node to be served in one generation's interface.
    #[must_use]
    pub fn new(node: Node, profile: &'static Profile) -> Self {
        let (tip, _) = watch::channel(());
        Self { node: RefCell::new(node), tip, profile, deaths: Deaths::default() }
    }

    /// The node, to be asked.
    pub fn node(&self) -> Ref<'_, Node> {
        self.node.borrow()
    }

    /// Changes the node, and lets waiting calls look at it again.
    pub fn change<T>(&self, change: impl FnOnce(&mut Node) -> T) -> T {
        let result = change(&mut self.node_mut());
        self.tip.send_replace(());
        result
    }

    fn node_mut(&self) -> RefMut<'_, Node> {
        self.node.borrow_mut()
    }

    /// A receiver that is told of every change.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.tip.subscribe()
    }
}
