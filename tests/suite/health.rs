//! Health as the node comes and goes.

use std::time::Duration;

use bitcoin_grpc::backend::{NodeInfo, NodeState};
use bitcoin_grpc::error::CallError;
use bitcoin_grpc_contract::{Profile, Reply, Request, Service, v1};
use tonic::transport::Channel;
use tonic::{Code, Streaming};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::harness::{Harness, echo, failing, mock, ready};

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

async fn watch(
    client: &mut HealthClient<Channel>,
    service: &str,
) -> Streaming<HealthCheckResponse> {
    client.watch(of(service)).await.unwrap().into_inner()
}

/// Longer than news take on a busy machine.
const LONG: Duration = Duration::from_secs(20);

/// Reads until the stream says what is wanted; a state that lasts shortly may be skipped.
async fn wait_for(stream: &mut Streaming<HealthCheckResponse>, wanted: ServingStatus) {
    let said =
        async { while stream.message().await.unwrap().expect("an end").status() != wanted {} };
    tokio::time::timeout(LONG, said).await.unwrap_or_else(|_| panic!("never {wanted:?}"));
}

#[tokio::test]
async fn every_service_and_the_whole_are_known() {
    let harness = Harness::start(echo()).await;
    let mut client = HealthClient::new(harness.channel().await);
    let mut overall = watch(&mut client, "").await;
    wait_for(&mut overall, ServingStatus::Serving).await;
    for service in Service::ALL {
        let mut one = watch(&mut client, &format!("bitcoin.ipc.v1.{}", service.name())).await;
        wait_for(&mut one, ServingStatus::Serving).await;
    }
    let unknown = client.check(of("bitcoin.ipc.v1.Bell")).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
}

#[tokio::test]
async fn a_service_that_the_node_lacks_is_not_serving() {
    let harness = Harness::start(echo()).await;
    let mut client = HealthClient::new(harness.channel().await);
    let mut chain = watch(&mut client, "bitcoin.ipc.v1.Chain").await;
    wait_for(&mut chain, ServingStatus::Serving).await;
    harness.state.send_replace(ready(&[Service::Mining]));
    wait_for(&mut chain, ServingStatus::NotServing).await;
    for (service, status) in
        [("", ServingStatus::Serving), ("bitcoin.ipc.v1.BlockTemplate", ServingStatus::Serving)]
    {
        assert_eq!(client.check(of(service)).await.unwrap().into_inner().status(), status);
    }
}

#[tokio::test]
async fn nothing_serves_while_the_node_is_away_and_all_does_again_when_it_is_back() {
    let harness = Harness::start(echo()).await;
    let mut client = HealthClient::new(harness.channel().await);
    let mut overall = watch(&mut client, "").await;
    wait_for(&mut overall, ServingStatus::Serving).await;
    harness.state.send_replace(NodeState::Connecting { last_error: Some("gone".to_owned()) });
    wait_for(&mut overall, ServingStatus::NotServing).await;
    harness.state.send_replace(ready(&Service::ALL));
    wait_for(&mut overall, ServingStatus::Serving).await;
}

#[tokio::test]
async fn a_node_is_ready_if_its_tip_can_be_read_now() {
    let answers = mock(|call| async move {
        match call.request {
            Request::ChainGetHeight(_) => {
                Ok(Reply::ChainGetHeight(v1::ChainGetHeightResponse { height: Some(7) }))
            }
            _ => Err(CallError::NodeLost),
        }
    });
    let harness = Harness::start(answers).await;
    // A generation that has the service.
    let chain = |services: &[Service]| {
        let profile = Profile::by_name("pr29409-2025-05").unwrap();
        NodeState::Ready(NodeInfo { profile, services: services.to_vec(), tip: None })
    };
    harness.state.send_replace(chain(&[Service::Chain]));
    assert_eq!(harness.signs.ready().await, Ok("ready, tip at 7".to_owned()));
    // What was found out a moment ago is not asked again.
    harness.state.send_replace(NodeState::Loading);
    assert_eq!(harness.signs.ready().await, Ok("ready, tip at 7".to_owned()));
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(harness.signs.ready().await, Err("the node is loading".to_owned()));
    assert!(harness.signs.alive().await.is_ok());
}

#[tokio::test]
async fn a_node_that_says_nothing_or_has_no_tip_is_not_ready() {
    let silent = mock(|_| std::future::pending::<Result<Reply, CallError>>());
    let empty =
        mock(|_| async { Ok(Reply::ChainGetHeight(v1::ChainGetHeightResponse { height: None })) });
    let lost = failing(CallError::NodeLost);
    for (backend, why) in [
        (silent, "the node does not answer"),
        (empty, "the node has no tip"),
        (lost, "the tip cannot be read: NODE_LOST"),
    ] {
        let harness = Harness::start(backend).await;
        let profile = Profile::by_name("pr29409-2025-05").unwrap();
        let services = vec![Service::Chain];
        harness.state.send_replace(NodeState::Ready(NodeInfo { profile, services, tip: None }));
        assert_eq!(harness.signs.ready().await, Err(why.to_owned()));
    }
}
