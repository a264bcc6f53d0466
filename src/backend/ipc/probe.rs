//! A look at a node, without staying.

use std::time::Duration;

use tokio::task::LocalSet;
use tokio::time::timeout;

use super::config::IpcConfig;
use super::ready;
use super::session::{Session, SessionError};
use crate::backend::NodeInfo;
use crate::error::CallError;

/// How long a loading node is waited for, before it is described without a tip.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connects to the node, finds out what it speaks and offers, and leaves.
///
/// # Errors
/// [`CallError::NoNode`], when it cannot be reached or speaks no known generation.
pub async fn probe(config: &IpcConfig) -> Result<NodeInfo, CallError> {
    let look = look(IpcConfig { connections: 1, ..config.clone() });
    LocalSet::new().run_until(look).await.map_err(|error| CallError::NoNode(error.to_string()))
}

async fn look(config: IpcConfig) -> Result<NodeInfo, SessionError> {
    let session = Session::establish(&config).await?;
    let info = describe(&session, &config).await;
    session.close().await;
    info
}

async fn describe(session: &Session, config: &IpcConfig) -> Result<NodeInfo, SessionError> {
    let tip = match timeout(PATIENCE, ready::wait(session.first(), config)).await {
        Ok(tip) => Some(tip?),
        Err(_) => None,
    };
    if tip.is_some() {
        session.complete().await?;
    }
    Ok(NodeInfo { profile: session.profile, services: session.services(), tip })
}
