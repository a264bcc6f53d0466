//! What answers calls.

use bitcoin_grpc_contract::{Profile, Service};

pub mod ipc;

/// What is known of the node behind a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeState {
    /// There is no connection.
    Connecting {
        /// Why the last attempt failed.
        last_error: Option<String>,
    },
    /// The node is connected and still loading.
    Loading,
    /// The node answers.
    Ready(NodeInfo),
    /// The node is connected, and every server thread is in a call that does not end.
    Stuck(NodeInfo),
    /// The backend has been shut down.
    Stopped,
}

/// A node that answered.
#[derive(Debug, Clone)]
pub struct NodeInfo {
    /// Generation of its interface.
    pub profile: &'static Profile,
    /// Services whose root object answers.
    pub services: Vec<Service>,
    /// Height and hash (internal byte order) of the tip when it connected.
    pub tip: Option<(i32, [u8; 32])>,
}

impl PartialEq for NodeInfo {
    fn eq(&self, other: &Self) -> bool {
        self.profile.name == other.profile.name
            && self.services == other.services
            && self.tip == other.tip
    }
}

impl Eq for NodeInfo {}
