//! What may be asked of a node that is not initialised yet.

use bitcoin_grpc_contract::Method;

/// Whether a method only registers an object of ours for events of the start. All of them are harmless at
/// any time, also in a process that knows nothing yet.
pub(in crate::backend::ipc) fn tells_of_the_start(method: Method) -> bool {
    matches!(
        method,
        Method::NodeHandleInitMessage
            | Method::NodeHandleMessageBox
            | Method::NodeHandleQuestion
            | Method::NodeHandleShowProgress
            | Method::NodeHandleInitWallet
            | Method::NodeHandleNotifyNumConnectionsChanged
            | Method::NodeHandleNotifyNetworkActiveChanged
            | Method::NodeHandleNotifyAlertChanged
            | Method::NodeHandleBannedListChanged
            | Method::NodeHandleNotifyBlockTip
            | Method::NodeHandleNotifyHeaderTip
    )
}

/// Whether a method may be called before the chain is loaded: those, and the steps of the start. (What is
/// due of the steps, `lifecycle.rs` knows.) Nearly everything else ends such a node.
pub(in crate::backend::ipc) fn may_come_early(method: Method) -> bool {
    tells_of_the_start(method)
        || matches!(
            method,
            Method::NodeBaseInitialize | Method::NodeAppInitMain | Method::NodeAppShutdown
        )
}
