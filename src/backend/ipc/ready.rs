//! Waits until a node may be asked about its chain.
//!
//! The socket opens before the chain exists. Newer nodes make the Mining object only once it does;
//! older ones abort when asked too early, so here each generation is asked what it can answer at any
//! time. What is used, and why it is safe:
//!
//! | generation | question | why |
//! | --- | --- | --- |
//! | core-31, core-32 | `Init.makeMining` | answers once the chain is loaded |
//! | pr10102-* | `Node.executeRpc("getblockcount")` | the RPC table answers "warming up" by itself |
//! | pr29409-2025-05 | `Chain.estimateMaxBlocks` until it is not 0, then `Mining.waitTipChanged` | the first does not touch the chain; the second waits for the first tip, and its object exists shortly after the fee estimator, for which a moment is allowed |
//! | core-30 | the age of the socket, then `Mining.waitTipChanged` | there is nothing to ask before |

use std::time::Duration;

use bitcoin_grpc_contract::wire::proxy_capnp::thread;
use bitcoin_grpc_contract::{Inner, Method, Profile, Service, Slot, v1};
use bytes::Bytes;
use tokio::time::{Instant, sleep};

use super::config::IpcConfig;
use super::connector::Connector;
use super::link::{Caller, Link};
use super::session::SessionError;
use super::translate::chain::block_at;
use crate::error::CallError;

/// How often a loading node is asked. Loading takes seconds to hours.
const POLL: Duration = Duration::from_millis(250);

/// How long the fee estimator is waited for. A node with `-blocksonly` never has one, and its chain
/// is long there after this time.
const ESTIMATOR_PATIENCE: Duration = Duration::from_secs(20);

/// Height and hash of a tip.
pub(super) type Tip = (i32, [u8; 32]);

/// How a generation is asked whether it has loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    MakeMining,
    NodeRpc,
    Estimator,
    Age,
}

impl Question {
    fn for_profile(profile: &Profile) -> Self {
        let has = |method| matches!(profile.slot(method), Slot::Callable(_));
        if has(Method::NodeExecuteRpc) {
            Self::NodeRpc
        } else if profile.inner(Inner::InitMakeMiningOld2).is_some() {
            Self::MakeMining
        } else if has(Method::ChainEstimateMaxBlocks) {
            Self::Estimator
        } else {
            Self::Age
        }
    }
}

/// Waits until the chain can be asked, and gives its tip.
pub(super) async fn wait(
    link: &Link,
    connector: &Connector,
    config: &IpcConfig,
) -> Result<Tip, SessionError> {
    let on = link.make_thread().await?;
    let asker = Asker { link, on: &on, connector, config };
    match Question::for_profile(link.profile) {
        Question::MakeMining => asker.make_mining().await?,
        Question::NodeRpc => asker.node_rpc().await?,
        Question::Estimator => asker.estimator().await?,
        Question::Age => asker.age().await?,
    }
    loop {
        if let Some(tip) = asker.tip().await? {
            return Ok(tip);
        }
        sleep(POLL).await;
    }
}

struct Asker<'a> {
    link: &'a Link,
    on: &'a thread::Client,
    connector: &'a Connector,
    config: &'a IpcConfig,
}

impl Asker<'_> {
    fn caller(&self) -> Caller<'_> {
        Caller::new(self.link, Some(self.on))
    }

    async fn make_mining(&self) -> Result<(), SessionError> {
        match self.link.make(Service::Mining, self.on).await? {
            true => Ok(()),
            false => Err(SessionError::Ending),
        }
    }

    async fn node_rpc(&self) -> Result<(), SessionError> {
        let question = v1::NodeExecuteRpcRequest {
            method: "getblockcount".into(),
            params: "[]".into(),
            uri: String::new(),
        };
        loop {
            self.check_shutdown().await?;
            if self.caller().ask_as(question.clone()).await?.rpc_error.is_none() {
                return Ok(());
            }
            sleep(POLL).await;
        }
    }

    async fn estimator(&self) -> Result<(), SessionError> {
        let patience = Instant::now() + ESTIMATOR_PATIENCE;
        loop {
            self.check_shutdown().await?;
            let answer = self.caller().ask_as(v1::ChainEstimateMaxBlocksRequest::default()).await?;
            if answer.max_conf_target > 0 || Instant::now() > patience {
                break;
            }
            sleep(POLL).await;
        }
        sleep(self.config.settle).await;
        self.check_shutdown().await?;
        self.first_tip().await
    }

    async fn age(&self) -> Result<(), SessionError> {
        let age = self.connector.age().unwrap_or_default();
        sleep(self.config.socket_age.saturating_sub(age)).await;
        self.first_tip().await
    }

    /// Waits for the first tip. Older nodes do so before they look at the timeout.
    async fn first_tip(&self) -> Result<(), SessionError> {
        self.make_mining().await?;
        let question = v1::MiningWaitTipChangedRequest {
            current_tip: Bytes::from_static(&[0; 32]),
            timeout_ms: Some(0.0),
        };
        self.caller().ask_as(question).await?;
        Ok(())
    }

    /// Both methods can be asked at any time.
    async fn check_shutdown(&self) -> Result<(), SessionError> {
        let requested = if self.link.objects.get(Service::Chain).is_some() {
            self.caller()
                .ask_as(v1::ChainShutdownRequestedRequest::default())
                .await?
                .shutdown_requested
        } else if self.link.objects.get(Service::Node).is_some() {
            self.caller().ask_as(v1::NodeShutdownRequestedRequest::default()).await?.requested
        } else {
            false
        };
        if requested { Err(SessionError::Ending) } else { Ok(()) }
    }

    async fn tip(&self) -> Result<Option<Tip>, SessionError> {
        if has_get_tip(self.link.profile) {
            self.make_mining().await?;
        }
        Ok(tip(self.caller()).await?)
    }
}

fn has_get_tip(profile: &Profile) -> bool {
    matches!(profile.slot(Method::MiningGetTip), Slot::Callable(_))
}

/// The tip of a node that has loaded its chain.
pub(super) async fn tip(caller: Caller<'_>) -> Result<Option<Tip>, CallError> {
    if has_get_tip(caller.link.profile) {
        let tip = caller.ask_as(v1::MiningGetTipRequest::default()).await?.tip;
        return Ok(tip.and_then(|tip| Some((tip.height, hash(&tip.hash)?))));
    }
    let height = caller.ask_as(v1::ChainGetHeightRequest::default()).await?.height;
    let Some(height) = height else { return Ok(None) };
    Ok(block_at(caller, height).await?.and_then(|block| Some((height, hash(&block)?))))
}

fn hash(bytes: &[u8]) -> Option<[u8; 32]> {
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_generation_has_its_question() {
        let question = |name| Profile::by_name(name).map(Question::for_profile);
        assert_eq!(question("core-30"), Some(Question::Age));
        assert_eq!(question("core-31"), Some(Question::MakeMining));
        assert_eq!(question("core-32"), Some(Question::MakeMining));
        assert_eq!(question("pr29409-2025-05"), Some(Question::Estimator));
        assert_eq!(question("pr10102-2024-07"), Some(Question::NodeRpc));
        assert_eq!(question("pr10102-2026-02"), Some(Question::NodeRpc));
        assert_eq!(question("pr10102-2026-07"), Some(Question::NodeRpc));
    }
}
