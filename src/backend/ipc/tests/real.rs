//! Against a real node, which is not here by itself: name its socket in `BITCOIN_GRPC_TEST_SOCKET`,
//! start it on regtest, and run these with `--ignored`.
#![allow(clippy::print_stderr, reason = "what the node answered is what these tests are run for")]

use std::path::PathBuf;
use std::time::Duration;

use bitcoin_grpc_contract::{Method, Reply, Request, Slot, v1};
use tokio::task::LocalSet;
use tower::{Service, ServiceExt};

use super::super::{IpcConfig, IpcPool, Place, probe};
use crate::backend::{NodeInfo, NodeState};
use crate::call::{Call, Caller};
use crate::error::CallError;

pub(super) fn config() -> IpcConfig {
    let socket = std::env::var("BITCOIN_GRPC_TEST_SOCKET").expect("the socket of a regtest node");
    IpcConfig { place: Place::Unix(PathBuf::from(socket)), ..IpcConfig::default() }
}

#[tokio::test]
#[ignore = "needs a real node"]
async fn is_probed() {
    let info = probe(&config()).await.expect("a node");
    eprintln!("{} {:?} {:?}", info.profile.name, info.services, info.tip);
}

pub(super) async fn ask(pool: &IpcPool, request: Request) -> Result<Reply, CallError> {
    let call = Call {
        request,
        caller: Caller::Local,
        grants: Default::default(),
        deadline: None,
        listener: 0,
        line: 0,
        trace: Default::default(),
    };
    let answer = pool.clone().ready().await?.call(call);
    tokio::time::timeout(Duration::from_secs(10), answer)
        .await
        .unwrap_or(Err(CallError::DeadlineExceeded))?
        .into_reply()
}

pub(super) async fn with_node<F: AsyncFnOnce(&IpcPool, NodeInfo)>(test: F) {
    let local = LocalSet::new();
    local
        .run_until(async {
            let (pool, mut states, handle) = IpcPool::start(config());
            let state = states
                .wait_for(|state| {
                    eprintln!("{state:?}");
                    matches!(state, NodeState::Ready(_))
                })
                .await
                .expect("a state")
                .clone();
            let NodeState::Ready(info) = state else { unreachable!() };
            test(&pool, info).await;
            handle.shutdown().await;
            assert_eq!(*states.borrow(), NodeState::Stopped);
        })
        .await;
}

#[tokio::test]
#[ignore = "needs a real node"]
async fn answers_every_unary_method() {
    with_node(async |pool, info| {
        for method in Method::ALL {
            let request = super::requests::sane(method);
            if !matches!(info.profile.slot(method), Slot::Callable(_)) {
                continue;
            }
            let answer = match request {
                Some(request) => format!("{:?}", ask(pool, request).await),
                None => "(left out)".to_owned(),
            };
            let answer: String = answer.chars().take(220).collect();
            eprintln!("{:45} {answer}", method.info().full_name);
        }
        let request = Request::EchoEcho(v1::EchoEchoRequest { echo: "alive".into() });
        assert!(ask(pool, request).await.is_ok());
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a real node"]
async fn survives_what_kills() {
    with_node(async |pool, info| {
        for (what, request) in super::requests::deadly() {
            let method = request.method();
            if !matches!(info.profile.slot(method), Slot::Callable(_)) {
                continue;
            }
            let checked = request.check().map_err(CallError::Invalid);
            let answer = match checked {
                Ok(()) => ask(pool, request).await,
                Err(error) => Err(error),
            };
            let answer: String = format!("{answer:?}").chars().take(200).collect();
            eprintln!("{:38} {what:40} {answer}", method.info().full_name);
        }
        let request = Request::EchoEcho(v1::EchoEchoRequest { echo: "alive".into() });
        assert!(ask(pool, request).await.is_ok());
    })
    .await;
}

/// Prints how the node comes and goes, for as many seconds as `BITCOIN_GRPC_TEST_SECONDS` says, while
/// it is called ten times a second.
#[tokio::test]
#[ignore = "needs a real node"]
async fn is_watched() {
    let seconds = std::env::var("BITCOIN_GRPC_TEST_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(20);
    let local = LocalSet::new();
    local
        .run_until(async {
            let since = std::time::Instant::now();
            let (pool, mut states, handle) = IpcPool::start(config());
            let (mut answered, mut failed) = (0, std::collections::BTreeMap::new());
            while since.elapsed() < Duration::from_secs(seconds) {
                if states.has_changed().unwrap_or(false) {
                    let state: String =
                        format!("{:?}", *states.borrow_and_update()).chars().take(120).collect();
                    eprintln!("{:7.3} {state}", since.elapsed().as_secs_f64());
                }
                match ask(&pool, Request::MiningGetTip(v1::MiningGetTipRequest {})).await {
                    Ok(_) => answered += 1,
                    Err(error) => *failed.entry(error.to_string()).or_insert(0) += 1,
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            eprintln!("{answered} answered; {failed:?}");
            handle.shutdown().await;
        })
        .await;
}
