//! Nodes that go away and come back.

use std::time::{Duration, Instant};

use bitcoin_grpc_contract::Service;
use bitcoin_grpc_devnode::fault::{Restart, RestartChain};
use capnp::ErrorKind;

use crate::client::{BLOCKS, Client, HEIGHT, Object, PROFILE, World, soon, with_faults};

/// A client of the node that came back.
async fn again(world: &World, profile: &str) -> Client {
    soon(async {
        loop {
            match world.connect(profile).await {
                Ok(client) => return client,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    })
    .await
}

async fn chain_again(world: &World) -> (Client, Object) {
    let client = again(world, PROFILE).await;
    let chain = client.make(Service::Chain).await.unwrap();
    (client, chain)
}

#[test]
fn the_same_chain_comes_back_and_counters_go_on() {
    with_faults(PROFILE, &["restart=300ms@Chain.getHeight/nth:2"], async |world| {
        let (client, chain) = world.chain().await;
        let tip = client.hash(&chain, BLOCKS as i32).await.unwrap();
        client.height(&chain).await.unwrap();
        let begin = Instant::now();
        let error = client.height(&chain).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Disconnected);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!world.socket.exists(), "the socket is gone for a while");
        let (client, chain) = chain_again(world).await;
        assert!(begin.elapsed() >= Duration::from_millis(300));
        assert_eq!(client.hash(&chain, BLOCKS as i32).await.unwrap(), tip);
        client.height(&chain).await.unwrap();
        assert_eq!(world.host.faults().calls(HEIGHT), 3);
    });
}

#[test]
fn another_chain_shares_genesis_only() {
    with_faults(PROFILE, &[], async |world| {
        let (client, chain) = world.chain().await;
        let before = [client.hash(&chain, 0).await.unwrap(), client.hash(&chain, 1).await.unwrap()];
        let another = Restart { chain: RestartChain::Another, ..Restart::default() };
        world.host.faults().restart(another);
        // The old connection ends when the node goes.
        while client.height(&chain).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let (client, chain) = chain_again(world).await;
        assert_eq!(client.height(&chain).await.unwrap(), BLOCKS as i32);
        let after = [client.hash(&chain, 0).await.unwrap(), client.hash(&chain, 1).await.unwrap()];
        assert_eq!(before[0], after[0]);
        assert_ne!(before[1], after[1]);
    });
}

#[test]
fn another_generation_comes_back_with_the_same_chain() {
    with_faults("core-31", &[], async |world| {
        let tip = world.host.with(|node| node.tip().hash()).await.unwrap();
        world.host.faults().restart(Restart { profile: Some(PROFILE), ..Restart::default() });
        let (client, chain) = chain_again(world).await;
        let hash = client.hash(&chain, BLOCKS as i32).await.unwrap();
        assert_eq!(hash, bitcoin::hashes::Hash::as_byte_array(&tip));
        let generation = world.host.with(|node| node.generation().label()).await.unwrap();
        assert_eq!(generation, PROFILE);
    });
}

#[test]
fn a_node_can_be_stopped_while_it_is_away() {
    with_faults(PROFILE, &["restart=10m@Chain.getHeight"], async |world| {
        let (client, chain) = world.chain().await;
        client.height(&chain).await.unwrap_err();
        // `with_faults` stops the node and waits for that.
    });
}
