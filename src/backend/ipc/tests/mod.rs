//! Tests against nodes of our own making, and against real ones.

mod detection;
mod fake;
mod guards;
mod life;
mod pool;
mod real;
mod requests;
mod streams;
mod templates;
mod throughput;
mod translation;
mod wallet_streams;
mod wallets;

use std::rc::Rc;
use std::time::Duration;

use bitcoin_grpc_contract::{Reply, Request, Unary};
use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::task::LocalSet;
use tokio::time::timeout;
use tower::Service;

use super::{IpcConfig, IpcHandle, IpcPool, Place};
use crate::backend::NodeState;
use crate::call::{Call, Caller};
use crate::error::CallError;
use fake::{Answer, Fake};

/// Longer than anything here takes, on a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// A fake node, and a pool that is connected to it.
struct Bench {
    node: Rc<Fake>,
    pool: IpcPool,
    states: watch::Receiver<NodeState>,
    handle: IpcHandle,
}

impl Bench {
    async fn start(
        profile: &str,
        answer: impl Fn(Request) -> Option<Answer> + 'static,
        change: impl FnOnce(&mut IpcConfig),
    ) -> Self {
        let node = Fake::start(profile, answer);
        let none = Duration::ZERO;
        let mut config = IpcConfig {
            place: Place::Unix(node.socket.clone()),
            settle: none,
            socket_age: none,
            ..IpcConfig::default()
        };
        change(&mut config);
        let (pool, states, handle) = IpcPool::start(config);
        let mut bench = Self { node, pool, states, handle };
        bench.reach(|state| matches!(state, NodeState::Ready(_))).await;
        bench
    }

    /// Waits for a state.
    async fn reach(&mut self, wanted: impl FnMut(&NodeState) -> bool) -> NodeState {
        timeout(LONG, self.states.wait_for(wanted))
            .await
            .expect("a state in time")
            .expect("a pool")
            .clone()
    }

    /// Puts a call in line at once.
    fn send<Q: Unary>(
        &self,
        request: Q,
    ) -> impl Future<Output = Result<Reply, CallError>> + Unpin + use<Q> {
        self.send_any(request.into_request())
    }

    /// The same with a request of any method.
    fn send_any(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<Reply, CallError>> + Unpin + use<> {
        let call = Call {
            request,
            caller: Caller::Local,
            grants: Default::default(),
            deadline: None,
            listener: 0,
            line: 0,
            trace: Default::default(),
        };
        self.pool.clone().call(call).map(|outcome| outcome?.into_reply())
    }

    async fn ask<Q: Unary>(&self, request: Q) -> Result<Q::Response, CallError> {
        let reply = timeout(LONG, self.send(request)).await.expect("an answer in time")?;
        Ok(Q::response(reply).expect("a reply of the same method"))
    }
}

fn local(test: impl AsyncFnOnce()) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    LocalSet::new().block_on(&runtime, test());
}

/// Lets everything that can run do so.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(30)).await;
}

fn now(reply: Reply) -> Option<Answer> {
    Some(Box::pin(async move { Ok(reply) }))
}

/// Holds answers back until they are released.
#[derive(Clone)]
struct Hold {
    released: Rc<watch::Sender<bool>>,
}

impl Hold {
    fn new() -> Self {
        Self { released: Rc::new(watch::channel(false).0) }
    }

    fn answer(&self, reply: Reply) -> Option<Answer> {
        let mut released = self.released.subscribe();
        Some(Box::pin(async move {
            let _ = released.wait_for(|released| *released).await;
            Ok(reply)
        }))
    }

    fn release(&self) {
        self.released.send_replace(true);
    }
}
