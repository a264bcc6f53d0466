//! The devnode at its socket, asked by a plain Cap'n Proto client.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

mod client;

use bitcoin_grpc_contract::{PROFILES, Reply, Request, v1};
use bitcoin_grpc_devnode::socket::Deaths;
use bytes::Bytes;
use client::{Client, with_devnode};

fn height(reply: &Reply) -> Option<i32> {
    match reply {
        Reply::ChainGetHeight(reply) => reply.height,
        other => panic!("another reply: {other:?}"),
    }
}

fn get_height() -> Request {
    Request::ChainGetHeight(v1::ChainGetHeightRequest {})
}

#[test]
fn every_generation_with_a_chain_answers_at_its_own_ordinals() {
    let chain = bitcoin_grpc_contract::Service::Chain.interface_id();
    let mut asked = 0;
    for profile in PROFILES.iter().filter(|p| p.interface(chain).is_some()) {
        with_devnode(profile.name, 3, async |client: Client| {
            assert_eq!(height(&client.call(&get_height()).await.expect("a reply")), Some(3));
        });
        asked += 1;
    }
    assert_eq!(asked, 4);
}

#[test]
fn a_call_needs_a_thread_of_its_own_connection() {
    with_devnode("pr29409-2025-05", 1, async |client: Client| {
        let foreign = client.foreign_thread();
        let error = client.call_on(&get_height(), Some(foreign)).await.expect_err("no such thread");
        assert!(error.to_string().contains("invalid thread handle"), "{error}");
        assert_eq!(height(&client.call(&get_height()).await.expect("lives on")), Some(1));
    });
}

#[test]
fn an_unknown_ordinal_is_unimplemented_and_harms_nobody() {
    with_devnode("pr29409-2025-05", 1, async |client: Client| {
        let error = client.raw(999).await.expect_err("no such method");
        assert_eq!(error.kind, capnp::ErrorKind::Unimplemented);
        assert_eq!(height(&client.call(&get_height()).await.expect("lives on")), Some(1));
    });
}

#[test]
fn a_height_beyond_the_tip_is_a_death() {
    let deaths: Deaths = with_devnode("pr29409-2025-05", 1, async |client: Client| {
        let beyond = Request::ChainGetBlockHash(v1::ChainGetBlockHashRequest { height: 2 });
        let error = client.call(&beyond).await.expect_err("the node is gone");
        assert_eq!(error.kind, capnp::ErrorKind::Disconnected);
    });
    assert_eq!(deaths.count(), 1);
    assert!(deaths.causes()[0].contains("GetBlockHash"), "{:?}", deaths.causes());
}

#[test]
fn a_short_hash_is_a_death_where_exceptions_kill() {
    let find = || {
        let hash = Bytes::from_static(&[7; 31]);
        Request::ChainFindBlock(v1::ChainFindBlockRequest { hash, block: None })
    };
    let deaths = with_devnode("pr10102-2026-02", 1, async |client: Client| {
        client.call(&find()).await.expect_err("the node is gone");
    });
    assert_eq!(deaths.count(), 1);
    let deaths = with_devnode("pr10102-2026-07", 1, async |client: Client| {
        let error = client.call(&find()).await.expect_err("refused");
        assert_eq!(error.kind, capnp::ErrorKind::Failed);
    });
    assert_eq!(deaths.count(), 0);
}

#[test]
fn calls_on_one_thread_are_answered_in_order() {
    with_devnode("core-31", 1, async |client: Client| {
        let wait = Request::MiningWaitTipChanged(v1::MiningWaitTipChangedRequest {
            current_tip: client.tip().await,
            timeout_ms: Some(50.0),
        });
        let tip = Request::MiningGetTip(v1::MiningGetTipRequest {});
        let order = std::cell::RefCell::new(Vec::new());
        let first = async {
            client.call(&wait).await.expect("a tip");
            order.borrow_mut().push("wait");
        };
        let second = async {
            client.call(&tip).await.expect("a tip");
            order.borrow_mut().push("tip");
        };
        tokio::join!(first, second);
        assert_eq!(*order.borrow(), ["wait", "tip"]);
    });
}
