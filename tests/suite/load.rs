//! More than can be served.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bitcoin_grpc::frontend::grpc::services::echo_client::EchoClient;
use bitcoin_grpc::layer::admission::{Limits, OwnLimits};
use futures_util::future::join_all;
use tonic::Code;
use tonic::transport::Channel;
use tonic_types::StatusExt;

use super::harness::{Harness, Setup, echo_request, echoed, mock};

const CALLS: usize = 10_000;
const CONNECTIONS: usize = 12;

/// Calls that may be with the backend, and calls that may wait for that.
const IN_FLIGHT: usize = 64;
const QUEUE: usize = 256;

async fn flood(client: EchoClient<Channel>, calls: usize) -> Vec<Result<(), tonic::Status>> {
    let call = |_| {
        let mut client = client.clone();
        async move { client.echo(echo_request("x")).await.map(|_| ()) }
    };
    join_all((0..calls).map(call)).await
}

#[tokio::test]
async fn ten_thousand_calls_at_once() {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let backend = mock({
        let (running, most) = (Arc::clone(&running), Arc::clone(&most));
        move |call| {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let running = Arc::clone(&running);
            async move {
                tokio::time::sleep(Duration::from_millis(2)).await;
                running.fetch_sub(1, Ordering::SeqCst);
                echoed(call)
            }
        }
    });
    // All of these callers are one.
    let own = OwnLimits { queue: Some(QUEUE), ..OwnLimits::default() };
    let limits = Limits { in_flight: IN_FLIGHT, queue: QUEUE, own, ..Limits::default() };
    let harness = Harness::with(Setup { limits, ..Setup::default() }, backend).await;
    let mut floods = Vec::new();
    for _ in 0..CONNECTIONS {
        floods.push(flood(harness.echo().await, CALLS.div_ceil(CONNECTIONS)));
    }
    let mut health = tonic_health::pb::health_client::HealthClient::new(harness.channel().await);
    let checked = async { health.check(tonic_health::pb::HealthCheckRequest::default()).await };
    let (answers, checked) = tokio::join!(join_all(floods), checked);
    checked.expect("nobody else may notice");
    let (mut answered, mut refused) = (0, 0);
    for answer in answers.into_iter().flatten() {
        match answer {
            Ok(()) => answered += 1,
            Err(status) => {
                assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
                assert!(status.get_details_retry_info().is_some());
                refused += 1;
            }
        }
    }
    // Whoever had a place or a seat was answered; there were not enough of them for everybody.
    assert!(answered >= IN_FLIGHT + QUEUE && refused > 0, "{answered} answered, {refused} refused");
    assert_eq!(answered + refused, CALLS.div_ceil(CONNECTIONS) * CONNECTIONS);
    assert_eq!(most.load(Ordering::SeqCst), IN_FLIGHT, "calls at once with the backend");
    assert!(harness.echo().await.echo(echo_request("after")).await.is_ok());
}
