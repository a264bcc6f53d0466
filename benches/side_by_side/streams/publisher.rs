//! The node's part: the embedded node, which mines a block of a wished size at every order and says
//! when it was about to tell its listeners.

use std::rc::Rc;

use bitcoin::ScriptBuf;
use bitcoin_grpc_contract::Profile;
use bitcoin_grpc_devnode::Node;
use bitcoin_grpc_devnode::socket::{Server, Shared};
use serde::{Deserialize, Serialize};
use tokio::task::{LocalSet, spawn_local};

use super::{now, orders, tell};
use crate::party::runtime;
use crate::plan::Outcome;

/// Generation that the node speaks: the newest, which outlives its subscribers.
pub(crate) const GENERATION: &str = "pr10102-2026-07";

/// Size of a block that pays to one byte, with the greatest length of a script's length.
const EMPTY: usize = 220;

/// When a block was told, in nanoseconds of the machine's clock.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Published {
    /// The event was handed on.
    pub(crate) told: u64,
    /// It and the new tip were answered. A node connects no further blocks while more than ten wait.
    pub(crate) answered: u64,
}

/// Serves the node, and mines a block for every line `SIZE`.
pub(crate) fn serve(socket: &str) -> Outcome {
    let profile = Profile::by_name(GENERATION).ok_or("no such generation")?;
    let mut node = Node::default();
    node.generate(100).map_err(|reject| reject.to_string())?;
    let shared = Rc::new(Shared::new(node, profile));
    LocalSet::new().block_on(&runtime()?, async {
        let server = Server::bind(socket, Rc::clone(&shared))?;
        spawn_local(async move { server.run().await });
        let mut orders = orders();
        while let Some(size) = orders.recv().await {
            let told = publish(&shared, size.parse()?)?;
            shared.notifications_told().await;
            tell(&Published { told, answered: now() })?;
        }
        Ok(())
    })
}

/// Mines a block and gives the moment in which its event is handed on.
fn publish(shared: &Shared, size: usize) -> Outcome<u64> {
    // OP_RETURN, then zeros.
    let mut script = vec![0; size.saturating_sub(EMPTY).max(1)];
    script[0] = 0x6a;
    let script = ScriptBuf::from_bytes(script);
    let stamp = shared.change(|node| node.generate_to(1, &script).map(|_| now()));
    Ok(stamp.map_err(|reject| reject.to_string())?)
}
