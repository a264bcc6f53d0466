//! What answers calls.
//!
//! A backend is any service of [`Call`](crate::call::Call)s. The one here, [`ipc`], passes them to a
//! Bitcoin Core node over its unix socket; it knows nothing of HTTP, as frontends know nothing of
//! Cap'n Proto. What is known of the node meanwhile is its [`NodeState`].

use bitcoin_grpc_contract::{Profile, Service};

pub mod ipc;

/// How a backend stands with its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeState {
    /// No connection; it is being tried, again and again.
    Connecting {
        /// Why the last try failed, or the last connection ended. `None` before the first failure.
        last_error: Option<String>,
    },
    /// Connected to a node that was spawned and does nothing until a caller has it start.
    Held,
    /// Connected to a node that still loads its chain, and must not be asked about it.
    Loading,
    /// Calls are answered.
    Ready(NodeInfo),
    /// Connected, but every server thread for reads is held by a call that does not end. Only a
    /// restart of the node mends that, unless one of the calls ends after all.
    Stuck(NodeInfo),
    /// The node that was spawned has ended, and there will be no other one.
    Ended {
        /// How it ended, and why that was the last one.
        why: String,
    },
    /// The backend was shut down.
    Stopped,
}

/// What is known of a connected node.
#[derive(Debug, Clone)]
pub struct NodeInfo {
    /// Generation of its interface.
    pub profile: &'static Profile,
    /// The services whose root object the node has and that answers.
    pub services: Vec<Service>,
    /// Height and hash (internal byte order) of the tip when the node was found ready. `None` if it
    /// was not asked, because the node still loads.
    pub tip: Option<(i32, [u8; 32])>,
}

impl PartialEq for NodeInfo {
    /// Profiles are compared by name, which tells them apart.
    fn eq(&self, other: &Self) -> bool {
        self.profile.name == other.profile.name
            && self.services == other.services
            && self.tip == other.tip
    }
}

impl Eq for NodeInfo {}
