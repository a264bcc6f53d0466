//! The thread of a hosted node.

use std::rc::Rc;

use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

use super::{HostError, HostOptions, Progress, pace};
use crate::node::Node;
use crate::socket::{Deaths, Server, Shared};

/// What the holder of a host can ask of its thread.
pub(super) enum Order {
    /// Do this with the node.
    Work(Box<dyn FnOnce(&mut Node) + Send>),
    /// End.
    Stop,
}

/// Everything the thread needs.
pub(super) struct Life {
    pub(super) options: HostOptions,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) deaths: Deaths,
    pub(super) progress: Progress,
}

impl Life {
    /// Serves the node until it is told to stop. Says when it is `ready`; if it never is, the error tells why.
    pub(super) fn run(mut self, ready: oneshot::Sender<()>) -> Result<(), HostError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut node = Node::new(self.options.node.clone());
        self.options.chain.prepare(&mut node)?;
        let mut shared = Shared::new(node, self.options.profile);
        shared.deaths = self.deaths.clone();
        let shared = Rc::new(shared);
        let server = bind(&runtime, &self.options, &shared)?;
        // Whoever waits for the word waits as long as the node starts.
        let _ = ready.send(());
        LocalSet::new().block_on(&runtime, self.live(&shared, &server));
        Ok(())
    }

    async fn live(&mut self, shared: &Shared, server: &Server) {
        let options = &self.options;
        tokio::select! {
            () = server.run() => {}
            () = pace::follow(&options.pace, shared, &self.progress, options.trouble) => {}
            () = obey(&mut self.orders, shared) => {}
        }
    }
}

/// Carries orders out until the last one.
async fn obey(orders: &mut mpsc::Receiver<Order>, shared: &Shared) {
    while let Some(Order::Work(work)) = orders.recv().await {
        shared.change(work);
    }
}

fn bind(
    runtime: &Runtime,
    options: &HostOptions,
    shared: &Rc<Shared>,
) -> Result<Server, HostError> {
    let bind = async { Server::bind(&options.socket, Rc::clone(shared)) };
    Ok(LocalSet::new().block_on(runtime, bind)?)
}
