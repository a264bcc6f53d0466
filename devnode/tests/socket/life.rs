//! The ends of objects and nodes.

use bitcoin_grpc_contract::{Inner, Reply, Request, Service, v1};
use capnp::ErrorKind;

use crate::client::{Client, with_devnode};

fn num_blocks() -> Request {
    Request::NodeGetNumBlocks(v1::NodeGetNumBlocksRequest {})
}

#[test]
fn a_call_after_destroy_ends_the_node() {
    let deaths = with_devnode("pr10102-2026-07", 1, async |client: Client| {
        let node = client.make(Service::Node).await.expect("made");
        let at = client.world.profile.inner(Inner::NodeDestroy).expect("in the profile");
        for _ in 0..2 {
            let interface = Service::Node.interface_id();
            client.bare(&node, interface, at.ordinal).await.expect("destroyed, also twice");
        }
        let error = client.ask(&node, &num_blocks(), Some(&client.thread)).await;
        assert_eq!(error.expect_err("the node is gone").kind, ErrorKind::Disconnected);
    });
    assert_eq!(deaths.count(), 1);
}

#[test]
fn a_node_without_a_wallet_has_no_loader() {
    let deaths = with_devnode("pr10102-2026-02", 1, async |client: Client| {
        let node = client.make(Service::Node).await.expect("made");
        let at = client.world.profile.inner(Inner::NodeCustomWalletLoader).expect("in the profile");
        let interface = Service::Node.interface_id();
        client.bare(&node, interface, at.ordinal).await.expect_err("the node is gone");
    });
    assert!(deaths.causes()[0].contains("without a wallet"));
}

#[test]
fn a_running_node_dies_of_its_beginning_and_its_end() {
    for request in [
        Request::NodeBaseInitialize(v1::NodeBaseInitializeRequest::default()),
        Request::NodeAppInitMain(v1::NodeAppInitMainRequest {}),
        Request::NodeAppShutdown(v1::NodeAppShutdownRequest {}),
    ] {
        let deaths = with_devnode("pr10102-2026-02", 1, async |client: Client| {
            let node = client.make(Service::Node).await.expect("made");
            client.ask(&node, &request, Some(&client.thread)).await.expect_err("gone");
        });
        assert_eq!(deaths.count(), 1, "{request:?}");
    }
}

/// The call that stops the node is answered, waits end without a result, and then the node is gone.
#[test]
fn a_stopped_node_answers_and_goes() {
    with_devnode("pr10102-2026-07", 1, async |client: Client| {
        let node = client.make(Service::Node).await.expect("made");
        let mining = client.make(Service::Mining).await.expect("made");
        let thread = client.another_thread().await;
        let tip = Request::MiningWaitTipChanged(v1::MiningWaitTipChangedRequest {
            current_tip: client.tip().await,
            timeout_ms: None,
        });
        let stop = Request::NodeStartShutdown(v1::NodeStartShutdownRequest {});
        let (waited, stopped) = tokio::join!(
            client.ask(&mining, &tip, Some(&thread)),
            client.ask(&node, &stop, Some(&client.thread))
        );
        stopped.expect("answered");
        let Ok(Reply::MiningWaitTipChanged(waited)) = waited else { panic!("{waited:?}") };
        assert_eq!(waited.tip, None);
        let requested = Request::NodeShutdownRequested(v1::NodeShutdownRequestedRequest {});
        let reply = client.ask(&node, &requested, Some(&client.thread)).await;
        match reply {
            Ok(Reply::NodeShutdownRequested(reply)) => assert!(reply.requested),
            // On a busy machine its last moments may pass before the question arrives.
            Err(error) => assert_eq!(error.kind, ErrorKind::Disconnected),
            other => panic!("{other:?}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        client.ask(&node, &num_blocks(), Some(&client.thread)).await.expect_err("it is gone");
    });
}

impl Client {
    async fn tip(&self) -> bytes::Bytes {
        let mining = self.make(Service::Mining).await.expect("made");
        let request = Request::MiningGetTip(v1::MiningGetTipRequest {});
        match self.ask(&mining, &request, Some(&self.thread)).await.expect("a tip") {
            Reply::MiningGetTip(reply) => reply.tip.expect("a tip").hash,
            other => panic!("another reply: {other:?}"),
        }
    }
}
