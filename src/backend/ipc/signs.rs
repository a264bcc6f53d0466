//! Signs that the node is about to end.
//!
//! A node frees its parts one by one while it stops, and a call that comes in between can find
//! nothing where it looks and abort; on older generations an idle connection also keeps the node
//! from exiting. So the first sign ends the connection.

use bitcoin_grpc_contract::Reply;
use tokio::sync::Notify;

/// Collects the signs of one connection group.
#[derive(Default)]
pub(super) struct Signs {
    ending: Notify,
}

impl Signs {
    /// Looks at a reply that passes by.
    pub(super) fn observe(&self, reply: &Reply) {
        if is_sign(reply) {
            // The permit is kept if nobody listens yet.
            self.ending.notify_one();
        }
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
