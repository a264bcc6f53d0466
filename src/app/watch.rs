//! Tells the operator what becomes of the node: each change once.

use tokio::sync::watch;

use super::check;
use crate::backend::ipc::Place;
use crate::backend::{NodeInfo, NodeState};
use crate::output::say;

/// Reports what the first worker sees; the others see the same node.
pub(super) async fn report(states: Vec<watch::Receiver<NodeState>>, place: Place) {
    let Some(mut state) = states.into_iter().next() else {
        return;
    };
    let mut found_before = false;
    loop {
        let now = state.borrow_and_update().clone();
        if let NodeState::Ready(node) = &now
            && !std::mem::replace(&mut found_before, true)
        {
            say(format_args!("found {}", describe(node)));
        }
        log(&now, &place);
        if state.changed().await.is_err() {
            return;
        }
    }
}

fn log(state: &NodeState, place: &Place) {
    match state {
        NodeState::Connecting { last_error: None } => tracing::debug!("connecting to the node"),
        NodeState::Connecting { last_error: Some(error) } => {
            tracing::warn!(error, advice = check::advice_for(place), "no node; trying again");
        }
        NodeState::Held => tracing::info!(
            "the node was spawned and waits for Node.BaseInitialize and Node.AppInitMain"
        ),
        NodeState::Loading => tracing::info!("the node is connected and still loading"),
        NodeState::Ready(node) => tracing::info!(node = describe(node), "the node is ready"),
        NodeState::Stuck(_) => {
            tracing::error!(
                "every server thread of the node is stuck; only its restart mends that"
            );
        }
        NodeState::Ended { why } => tracing::error!(why, "there is no node any more"),
        NodeState::Stopped => tracing::debug!("disconnected from the node"),
    }
}

/// Completes once there is no node any more and there will be none, with the reason.
pub(super) async fn gone(states: Vec<watch::Receiver<NodeState>>) -> String {
    let Some(mut state) = states.into_iter().next() else { return std::future::pending().await };
    match state.wait_for(|state| matches!(state, NodeState::Ended { .. })).await.as_deref() {
        Ok(NodeState::Ended { why }) => why.clone(),
        _ => std::future::pending().await,
    }
}

/// A node in one line.
pub(super) fn describe(node: &NodeInfo) -> String {
    let services: Vec<_> = node.services.iter().map(|service| service.name()).collect();
    format!(
        "{} ({}), tip {}, with {}",
        node.profile.title,
        node.profile.name,
        tip(node),
        services.join(", ")
    )
}

/// Its tip, in the form that people know: the hash in reverse byte order.
pub(super) fn tip(node: &NodeInfo) -> String {
    let Some((height, hash)) = &node.tip else {
        return "unknown".to_owned();
    };
    let hash: String = hash.iter().rev().map(|byte| format!("{byte:02x}")).collect();
    format!("{hash} at height {height}")
}
