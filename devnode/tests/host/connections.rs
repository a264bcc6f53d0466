//! Connections that are refused, and server threads that fare as in other generations.

use bitcoin_grpc_contract::{Reply, Request, Service, v1};
use bitcoin_grpc_devnode::fault::{FaultKind, FaultSpec, Occurrence};

use crate::client::{Client, Object, PROFILE, World, soon, with_faults};

#[test]
fn the_first_connections_are_refused() {
    with_faults(PROFILE, &["refuse/first:2"], async |world| {
        assert!(world.connect(PROFILE).await.is_err());
        assert!(world.connect(PROFILE).await.is_err());
        world.chain().await;
        assert_eq!(world.host.faults().connections(), 3);
    });
}

#[test]
fn faults_can_be_planned_and_taken_back_while_the_node_runs() {
    with_faults(PROFILE, &[], async |world| {
        world.chain().await;
        let faults = world.host.faults();
        let refuse = faults.plan(FaultSpec::new(FaultKind::Refuse).when(Occurrence::After(1)));
        world.chain().await;
        assert!(world.connect(PROFILE).await.is_err());
        assert_eq!(faults.remove(refuse), 1);
        world.chain().await;
    });
}

/// A wait and a question on one thread of a core-31, which queues calls by itself.
async fn two_calls(world: &World) -> (Result<Reply, capnp::Error>, Result<Reply, capnp::Error>) {
    let client = world.connect("core-31").await.unwrap();
    let mining = client.make(Service::Mining).await.unwrap();
    let wait = wait(&client, &mining).await;
    let tip = Request::MiningGetTip(v1::MiningGetTipRequest {});
    let ask = |request| client.ask(&mining, request);
    soon(async { tokio::join!(ask(&wait), ask(&tip)) }).await
}

async fn wait(client: &Client, mining: &Object) -> Request {
    let tip = Request::MiningGetTip(v1::MiningGetTipRequest {});
    let Ok(Reply::MiningGetTip(reply)) = client.ask(mining, &tip).await else { panic!("no tip") };
    Request::MiningWaitTipChanged(v1::MiningWaitTipChangedRequest {
        current_tip: reply.tip.unwrap().hash,
        timeout_ms: Some(100.0),
    })
}

#[test]
fn threads_can_fare_as_in_older_generations() {
    with_faults("core-31", &["threads=die/first:1"], async |world| {
        let (wait, tip) = two_calls(world).await;
        assert!(wait.is_err() && tip.is_err());
        assert_eq!(world.host.faults().deaths().count(), 1);
        let (wait, tip) = two_calls(world).await;
        assert!(wait.is_ok() && tip.is_ok(), "only the first connection");
    });
}
