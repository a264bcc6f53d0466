//! Signs that the node is about to end.
//!
//! A node frees its parts one by one while it stops, and a call that comes in between can find
//! nothing where it looks and abort; on older generations an idle connection also keeps the node
//! from exiting. So the first sign ends the connection.

use std::time::Duration;

use bitcoin_grpc_contract::Reply;
use tokio::sync::Notify;
use tokio::time::timeout;

/// How long a node that shuts down is held while subscriptions are ended: a little more than that may
/// take.
const HOLD_LIMIT: Duration = Duration::from_secs(4);

/// Collects the signs of one connection group.
#[derive(Default)]
pub(super) struct Signs {
    ending: Notify,
    /// Lets go of the node's thread that shuts it down.
    release: Notify,
}

impl Signs {
    /// Looks at a reply that passes by.
    pub(super) fn observe(&self, reply: &Reply) {
        if is_sign(reply) {
            // The permit is kept if nobody listens yet.
            self.ending.notify_one();
        }
    }

    /// The node is about to tell us its last. Completes when it may go on.
    pub(super) async fn shutting_down(&self) {
        self.ending.notify_one();
        let _ = timeout(HOLD_LIMIT, self.release.notified()).await;
    }

    /// Lets the node go on.
    pub(super) fn release(&self) {
        self.release.notify_waiters();
    }

    /// Completes at the first sign.
    pub(super) async fn ending(&self) {
        self.ending.notified().await;
    }
}

fn is_sign(reply: &Reply) -> bool {
    match reply {
        Reply::ChainShutdownRequested(r) => r.shutdown_requested,
        Reply::NodeShutdownRequested(r) => r.requested,
        Reply::NodeStartShutdown(_) => true,
        // A wait that ends without a tip was interrupted, and nothing but the node does that.
        Reply::MiningWaitTipChanged(r) => r.tip.is_none(),
        _ => false,
    }
}
