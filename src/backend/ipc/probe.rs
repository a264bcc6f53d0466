//! A look at a node, without staying.

use std::time::Duration;

use tokio::task::LocalSet;
use tokio::time::timeout;

use super::config::{IpcConfig, Place};
use super::connector::Connector;
use super::session::{Session, SessionError};
use super::spawn::{Next, Nursery, describe as describe_end};
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
    let nursery = match &config.place {
        Place::Unix(path) => return look_at(&config, &Connector::Unix(path.clone())).await,
        Place::Spawn(config) => Nursery::new(config),
    };
    loop {
        let (child, connector) = nursery.start()?;
        let seen = look_at(&config, &connector).await;
        let status = child.end(nursery.config.stop_limit).await;
        match seen {
            // It has no Node: what else it has is only seen while it runs.
            Err(SessionError::NotLed(_)) if nursery.cannot_be_led() == Next::OtherWay => {}
            Err(SessionError::Lost) => return Err(SessionError::Exited(describe_end(status))),
            seen => return seen,
        }
    }
}

async fn look_at(config: &IpcConfig, connector: &Connector) -> Result<NodeInfo, SessionError> {
    if let Connector::Spawned(child) = connector {
        child.listens().await.map_err(SessionError::Absent)?;
    }
    let session = Session::establish(config, connector).await?;
    let info = match &config.place {
        // It is not made to run: a look must not do that.
        Place::Spawn(_) if connector.is_led() => session.can_be_led().map(|()| NodeInfo {
            profile: session.profile,
            services: session.services(),
            tip: None,
        }),
        _ => describe(&session, config).await,
    };
    session.close().await;
    info
}

async fn describe(session: &Session, config: &IpcConfig) -> Result<NodeInfo, SessionError> {
    let tip = match timeout(PATIENCE, session.ready(config)).await {
        Ok(tip) => Some(tip?),
        Err(_) => None,
    };
    if tip.is_some() {
        session.complete().await?;
    }
    Ok(NodeInfo { profile: session.profile, services: session.services(), tip })
}
