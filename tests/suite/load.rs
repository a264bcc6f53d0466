//! More than can be served.

use std::time::Duration;

use bitcoin_grpc::frontend::grpc::services::echo_client::EchoClient;
use bitcoin_grpc::layer::admission::Limits;
use futures_util::future::join_all;
use tonic::Code;
use tonic::transport::Channel;
use tonic_types::StatusExt;

use super::harness::{Harness, Setup, echo_request, echoed, mock};

const CALLS: usize = 10_000;
const CONNECTIONS: usize = 12;

async fn flood(client: EchoClient<Channel>, calls: usize) -> Vec<Result<(), tonic::Status>> {
    let call = |_| {
        let mut client = client.clone();
        async move { client.echo(echo_request("x")).await.map(|_| ()) }
    };
    join_all((0..calls).map(call)).await
}

#[tokio::test]
async fn ten_thousand_calls_at_once() {
    let backend = mock(|call| async {
        tokio::time::sleep(Duration::from_millis(2)).await;
        echoed(call)
    });
    let limits = Limits { in_flight: 64, queue: 256, ..Limits::default() };
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
    assert!(answered > 0 && refused > 0, "{answered} answered, {refused} refused");
    assert!(harness.echo().await.echo(echo_request("after")).await.is_ok());
}
