//! The node comes and goes.

use bitcoin_grpc_contract::{Method, Reply, Request, v1};

use super::{Bench, Hold, local, now, settle};
use crate::backend::NodeState;
use crate::error::CallError;

fn echo() -> v1::EchoEchoRequest {
    v1::EchoEchoRequest { echo: "here".to_owned() }
}

fn said() -> Reply {
    Reply::EchoEcho(v1::EchoEchoResponse { echo: "here".to_owned() })
}

fn held(hold: &Hold) -> impl Fn(Request) -> Option<super::Answer> + 'static {
    let hold = hold.clone();
    move |request| match request {
        Request::EchoEcho(_) => hold.answer(said()),
        _ => None,
    }
}

#[test]
fn a_call_in_flight_is_lost_with_the_node_and_never_sent_again() {
    local(async || {
        let hold = Hold::new();
        let mut bench = Bench::start("core-32", held(&hold), |_| {}).await;
        let call = bench.send(echo());
        bench.node.called(Method::EchoEcho).await;
        bench.node.crash();
        assert_eq!(call.await, Err(CallError::NodeLost));
        bench.reach(|state| matches!(state, NodeState::Connecting { last_error: Some(_) })).await;
        assert_eq!(
            bench.send(echo()).await.map_err(|error| error.reason()),
            Err("NODE_UNAVAILABLE")
        );
        bench.reach(|state| matches!(state, NodeState::Ready(_))).await;
        hold.release();
        assert!(bench.ask(echo()).await.is_ok());
        assert_eq!(bench.node.count(Method::EchoEcho), 2);
    });
}

#[test]
fn a_sign_of_shutdown_ends_the_connection() {
    local(async || {
        let answer = |request: Request| match request {
            Request::NodeStartShutdown(_) => now(Reply::NodeStartShutdown(Default::default())),
            _ => None,
        };
        let mut bench = Bench::start("pr10102-2026-02", answer, |_| {}).await;
        assert!(bench.ask(v1::NodeStartShutdownRequest {}).await.is_ok());
        let state = bench.reach(|state| matches!(state, NodeState::Connecting { .. })).await;
        assert_eq!(
            state,
            NodeState::Connecting { last_error: Some("the node is shutting down".to_owned()) }
        );
    });
}

#[test]
fn a_drain_lets_calls_end() {
    local(async || {
        let hold = Hold::new();
        let bench = Bench::start("core-32", held(&hold), |config| config.read_threads = 1).await;
        let (in_flight, in_line) = (bench.send(echo()), bench.send(echo()));
        settle().await;
        let (pool, states) = (bench.pool.clone(), bench.states.clone());
        let end = tokio::task::spawn_local(bench.handle.shutdown());
        settle().await;
        let late = tower::Service::call(
            &mut pool.clone(),
            crate::call::Call {
                request: Request::EchoEcho(echo()),
                caller: crate::call::Caller::Local,
                grants: Default::default(),
                deadline: None,
                listener: 0,
                line: 0,
                trace: Default::default(),
            },
        );
        assert_eq!(late.await, Err(CallError::Draining));
        hold.release();
        assert_eq!((in_flight.await, in_line.await), (Ok(said()), Ok(said())));
        end.await.expect("an end");
        assert_eq!(*states.borrow(), NodeState::Stopped);
    });
}

#[test]
fn a_call_that_outlasts_the_drain_is_told_so() {
    local(async || {
        let hold = Hold::new();
        let limit = std::time::Duration::from_millis(50);
        let bench = Bench::start("core-32", held(&hold), |config| config.drain_limit = limit).await;
        let in_flight = bench.send(echo());
        bench.node.called(Method::EchoEcho).await;
        bench.handle.shutdown().await;
        assert_eq!(in_flight.await, Err(CallError::Draining));
    });
}

#[test]
fn an_older_node_is_asked_whether_it_shuts_down() {
    local(async || {
        let ending = std::rc::Rc::new(std::cell::Cell::new(false));
        let asked = std::rc::Rc::clone(&ending);
        let answer = move |request: Request| match request {
            Request::ChainShutdownRequested(_) => {
                now(Reply::ChainShutdownRequested(v1::ChainShutdownRequestedResponse {
                    shutdown_requested: asked.get(),
                }))
            }
            _ => None,
        };
        let mut bench = Bench::start("pr29409-2025-05", answer, |_| {}).await;
        ending.set(true);
        bench.reach(|state| matches!(state, NodeState::Connecting { .. })).await;
    });
}

#[test]
fn a_loading_node_is_left_alone() {
    local(async || {
        let loading = std::rc::Rc::new(std::cell::Cell::new(3));
        let left = std::rc::Rc::clone(&loading);
        let answer = move |request: Request| match request {
            Request::NodeExecuteRpc(_) if left.get() > 0 => {
                left.set(left.get() - 1);
                let error = r#"{"code":-28,"message":"Loading block index"}"#.to_owned();
                now(Reply::NodeExecuteRpc(v1::NodeExecuteRpcResponse {
                    rpc_error: Some(error),
                    result: String::new(),
                }))
            }
            _ => None,
        };
        let bench = Bench::start("pr10102-2026-02", answer, |_| {}).await;
        assert_eq!(loading.get(), 0);
        let calls = bench.node.calls.borrow().clone();
        let ready = calls.iter().rposition(|call| *call == Method::NodeExecuteRpc).expect("asked");
        let harmless = [Method::NodeExecuteRpc, Method::ChainShutdownRequested];
        assert!(calls[..ready].iter().all(|call| harmless.contains(call)), "{calls:?}");
    });
}

#[test]
fn no_thread_is_released_before_the_end() {
    local(async || {
        let bench = Bench::start("pr10102-2026-02", |_| None, |_| {}).await;
        assert!(bench.ask(echo()).await.is_ok());
        settle().await;
        assert!(bench.node.threads.get() > 1);
        assert_eq!(bench.node.released.get(), 0);
        bench.handle.shutdown().await;
        settle().await;
        assert_eq!(bench.node.released.get(), bench.node.threads.get());
    });
}
