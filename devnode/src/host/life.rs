//! The thread of a hosted node: one life after the other.

use std::rc::Rc;
use std::time::Duration;

use bitcoin_grpc_contract::Profile;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;
use tokio::time::{Instant, timeout_at};

use super::{HostError, HostOptions, Progress, pace};
use crate::fault::{Faults, Restart, RestartChain};
use crate::generation::Generation;
use crate::node::{Node, NodeOptions};
use crate::socket::{Server, Shared};
use crate::store::DataDir;

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
    pub(super) faults: Faults,
    pub(super) progress: Progress,
}

/// How a life ends.
enum End {
    /// For good.
    Stopped,
    /// There is another one.
    Restart(Restart),
}

impl Life {
    /// Serves the node until it is told to stop. Says when it is `ready`; if it never is, the error tells why.
    pub(super) fn run(mut self, ready: oneshot::Sender<()>) -> Result<(), HostError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut node = Node::new(self.options.node.clone());
        let data = self.options.data_dir.as_deref().map(DataDir::open).transpose()?;
        data.as_ref().map_or(Ok(()), |data| node.keep_in(data))?;
        self.options.chain.prepare(&mut node)?;
        let mut node = self.lives(&runtime, node, ready)?;
        Ok(data.map_or(Ok(()), |data| node.close_in(&data))?)
    }

    /// One life after the other. Gives the node as the last one left it.
    fn lives(
        &mut self,
        runtime: &Runtime,
        mut node: Node,
        ready: oneshot::Sender<()>,
    ) -> Result<Node, HostError> {
        let mut ready = Some(ready);
        loop {
            let shared =
                Rc::new(Shared::with_faults(node, self.options.profile, self.faults.clone()));
            if self.options.led {
                shared.be_led();
            }
            let server = bind(runtime, &self.options, &shared)?;
            // Whoever waits for the word waits as long as the node starts.
            let _ = ready.take().map(|ready| ready.send(()));
            let connections = LocalSet::new();
            let end = connections.block_on(runtime, self.live(&shared, &server));
            drop((server, connections));
            node = shared.take_node();
            let End::Restart(restart) = end else { return Ok(node) };
            node = self.reborn(node, restart)?;
            if !runtime.block_on(self.pause(restart.down, &mut node)) {
                return Ok(node);
            }
        }
    }

    async fn live(&mut self, shared: &Shared, server: &Server) -> End {
        let options = &self.options;
        tokio::select! {
            () = server.run() => End::Stopped,
            () = pace::follow(&options.pace, shared, &self.progress, options.trouble) => End::Stopped,
            () = obey(&mut self.orders, shared) => End::Stopped,
            restart = self.faults.restart_wanted() => End::Restart(restart),
        }
    }

    /// The node of the next life.
    fn reborn(&mut self, node: Node, restart: Restart) -> Result<Node, HostError> {
        if let Some(profile) = restart.profile.and_then(Profile::by_name) {
            let generation = Generation::of_profile(profile.name).unwrap_or_default();
            let before = &self.options.node;
            self.options.profile = profile;
            self.options.node = NodeOptions {
                clock: before.clock,
                filter_index: before.filter_index,
                ..NodeOptions::from_settings(generation, before.settings.clone())
            };
        }
        match restart.chain {
            RestartChain::Same => Ok(node.restarted(&self.options.node)),
            RestartChain::Another => {
                let mut another = Node::new(self.options.node.clone());
                self.options.chain.prepare_another(&mut another)?;
                Ok(another)
            }
        }
    }

    /// Carries orders out while nothing listens. False if the last one is to end.
    async fn pause(&mut self, down: Duration, node: &mut Node) -> bool {
        let end = Instant::now().checked_add(down).unwrap_or_else(Instant::now);
        loop {
            match timeout_at(end, self.orders.recv()).await {
                Ok(Some(Order::Work(work))) => work(node),
                Ok(Some(Order::Stop) | None) => return false,
                Err(_) => return true,
            }
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
