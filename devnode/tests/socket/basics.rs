//! Ordinals, threads and deaths.

use bitcoin_grpc_contract::{PROFILES, Reply, Request, v1};
use bitcoin_grpc_devnode::socket::Deaths;
use bytes::Bytes;

use crate::client::{Client, foreign_thread, with_devnode};

pub(crate) fn height(reply: &Reply) -> Option<i32> {
    match reply {
        Reply::ChainGetHeight(reply) => reply.height,
        other => panic!("another reply: {other:?}"),
    }
}

pub(crate) fn get_height() -> Request {
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
        let foreign = foreign_thread();
        let error = client.call_on(&get_height(), Some(&foreign)).await.expect_err("no thread");
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
        assert!(error.extra.contains("SpanReader::read(): end of data"), "{error}");
    });
    assert_eq!(deaths.count(), 0);
}
