//! Stopping.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bitcoin_grpc::error::CallError;
use bitcoin_grpc::frontend::grpc::services::echo_client::EchoClient;
use bitcoin_grpc_contract::Reply;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::harness::{Harness, Setup, echo, echo_request, echoed, mock};

#[tokio::test]
async fn calls_under_way_end_and_nobody_else_comes_in() {
    let (arrived, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let backend = mock({
        let (arrived, go) = (Arc::clone(&arrived), Arc::clone(&go));
        move |call| {
            let (arrived, go) = (Arc::clone(&arrived), Arc::clone(&go));
            async move {
                arrived.notify_one();
                go.notified().await;
                echoed(call)
            }
        }
    });
    let harness = Harness::start(backend).await;
    let address = harness.address.clone();
    let mut client = harness.echo().await;
    let call = tokio::spawn(async move { client.echo(echo_request("last")).await });
    arrived.notified().await;
    let stopped = harness.stop();
    while TcpStream::connect(&address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!stopped.is_finished());
    go.notify_one();
    assert_eq!(call.await.unwrap().unwrap().into_inner().echo, "last");
    stopped.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_call_that_does_not_end_is_cut_off_at_the_limit() {
    let arrived = Arc::new(Notify::new());
    let backend = mock({
        let arrived = Arc::clone(&arrived);
        move |_| {
            arrived.notify_one();
            std::future::pending::<Result<Reply, CallError>>()
        }
    });
    let setup = Setup { drain: Duration::from_millis(100), ..Setup::default() };
    let harness = Harness::with(setup, backend).await;
    let mut client = harness.echo().await;
    let call = tokio::spawn(async move { client.echo(echo_request("x")).await });
    arrived.notified().await;
    let start = Instant::now();
    harness.stop().await.unwrap().unwrap();
    assert!(start.elapsed() < Duration::from_secs(20));
    call.await.unwrap().unwrap_err();
}

/// Longer than anything here takes, on a busy machine.
const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn who_watches_the_health_is_told_and_does_not_hold_up_the_end() {
    let told = tokio::time::timeout(LONG, a_watcher_is_told()).await;
    told.expect("the watch or the server did not end");
}

async fn a_watcher_is_told() {
    let harness = Harness::start(echo()).await;
    let mut client = HealthClient::new(harness.channel().await);
    let mut health = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    while health.message().await.unwrap().unwrap().status() != ServingStatus::Serving {}
    let start = Instant::now();
    let stopped = harness.stop();
    assert_eq!(health.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert!(health.message().await.unwrap().is_none());
    stopped.await.unwrap().unwrap();
    assert!(start.elapsed() < Duration::from_secs(4), "it waited for the limit");
}

#[tokio::test]
async fn who_was_connected_before_the_end_is_still_served() {
    let harness = Harness::start(echo()).await;
    let mut connected = Vec::new();
    // Few enough to be served in the time for late greetings even on a busy machine.
    for _ in 0..3 {
        connected.push(TcpStream::connect(&harness.address).await.unwrap());
    }
    // None of them has said anything; some are still where the system keeps them.
    let stopped = harness.stop();
    while !stopped.is_finished() && connected.len() > 1 {
        let stream = connected.pop();
        let mut once = stream.map(TokioIo::new);
        let connect = tower::service_fn(move |_: http::Uri| {
            std::future::ready(once.take().ok_or_else(|| std::io::Error::other("once only")))
        });
        let endpoint = Endpoint::from_static("http://nobody");
        let channel = endpoint.connect_with_connector(connect).await.unwrap();
        let reply = EchoClient::new(channel).echo(echo_request("in time")).await;
        assert_eq!(reply.unwrap().into_inner().echo, "in time");
    }
    assert_eq!(connected.len(), 1, "the others were not served");
    // The last one never says anything, and does not hold up the end.
    tokio::time::timeout(Duration::from_secs(5), stopped).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn every_worker_serves() {
    let names = Arc::new(std::sync::Mutex::new(std::collections::BTreeSet::new()));
    let backend = mock({
        let names = Arc::clone(&names);
        move |call| {
            names.lock().unwrap().insert(std::thread::current().name().unwrap().to_owned());
            async { echoed(call) }
        }
    });
    let harness = Harness::with(Setup { threads: 3, ..Setup::default() }, backend).await;
    for _ in 0..3 {
        harness.echo().await.echo(echo_request("x")).await.unwrap();
    }
    assert_eq!(names.lock().unwrap().len(), 3);
    harness.stop().await.unwrap().unwrap();
}
