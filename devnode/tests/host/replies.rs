//! Answers that are spoiled, and connections that are lost around a call.

use bitcoin_grpc_contract::{Method, Request, v1};
use bitcoin_grpc_devnode::fault::Called;
use capnp::ErrorKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::client::{BLOCKS, Client, HASH, HEIGHT, Object, PROFILE, World, soon, with_faults};

const SETTINGS: Called = Called::Method(Method::ChainOverwriteRwSetting);

/// A call that leaves something behind.
fn overwrite() -> Request {
    Request::ChainOverwriteRwSetting(v1::ChainOverwriteRwSettingRequest {
        name: "left".to_owned(),
        value: "\"behind\"".to_owned(),
        action: 0,
    })
}

async fn was_carried_out(world: &World) -> bool {
    let setting = |node: &mut bitcoin_grpc_devnode::Node| node.settings().rw("left").is_null();
    !world.host.with(setting).await.unwrap()
}

/// A node with this fault of that call, and what became of it: the answer, and whether it was carried out.
fn lose(fault: &str) -> (Result<(), capnp::Error>, bool, bool) {
    let mut found = None;
    let fault = format!("{fault}@Chain.overwriteRwSetting/first:1");
    with_faults(PROFILE, &[&fault], async |world| {
        let (client, chain) = world.chain().await;
        let answer = soon(client.ask(&chain, &overwrite())).await.map(drop);
        // Whatever else was written on the way has to arrive.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let lost = client.height(&chain).await.is_err();
        found = Some((answer, was_carried_out(world).await, lost));
        assert_eq!(world.host.faults().calls(SETTINGS), 1);
        assert_alive(world).await;
    });
    found.unwrap()
}

async fn assert_alive(world: &World) {
    let (client, chain) = world.chain().await;
    assert_eq!(client.height(&chain).await.unwrap(), BLOCKS as i32);
}

#[test]
fn a_connection_is_lost_before_during_or_after_a_call() {
    let (answer, done, lost) = lose("disconnect=before");
    assert_eq!(answer.unwrap_err().kind, ErrorKind::Disconnected);
    assert!(!done && lost);
    let (answer, done, lost) = lose("disconnect=during");
    assert_eq!(answer.unwrap_err().kind, ErrorKind::Disconnected);
    assert!(done && lost);
    let (answer, done, lost) = lose("disconnect=after");
    answer.expect("answered");
    assert!(done && lost);
}

#[test]
fn half_an_answer_is_none() {
    let (answer, done, lost) = lose("half");
    answer.unwrap_err();
    assert!(done && lost);
}

#[test]
fn noise_ends_the_connection() {
    let (answer, done, lost) = lose("garbage");
    answer.unwrap_err();
    assert!(done && lost);
}

#[test]
fn an_oversize_answer_is_refused_by_the_reader() {
    let (answer, done, lost) = lose("oversize");
    let error = answer.unwrap_err();
    assert!(
        error.to_string().contains("Message") || error.kind == ErrorKind::Disconnected,
        "{error}"
    );
    assert!(done && lost);
}

/// Only the results are broken, so that everything else goes on.
#[test]
fn a_malformed_answer_spoils_its_own_call_only() {
    with_faults(PROFILE, &["malformed@Chain.getBlockHash/first:1"], async |world| {
        let (client, chain) = world.chain().await;
        client.hash(&chain, 1).await.unwrap_err();
        assert_eq!(client.height(&chain).await.unwrap(), BLOCKS as i32);
        assert_eq!(client.hash(&chain, 1).await.unwrap().len(), 32);
        let faults = world.host.faults();
        assert_eq!((faults.calls(HASH), faults.calls(HEIGHT)), (2, 1));
    });
}

/// The answer that is spoiled is that of the call that was struck, also among others under way.
#[test]
fn the_right_answer_is_spoiled() {
    let faults = ["late=200ms@Chain.getBlockHash", "malformed@Chain.getBlockHash/nth:2"];
    with_faults(PROFILE, &faults, async |world| {
        let (client, chain) = world.chain().await;
        let threads = [client.another_thread().await, client.another_thread().await];
        let hash = |thread| {
            let (client, chain): (&Client, &Object) = (&client, &chain);
            async move { client.ask_on(chain, &crate::client::get_hash(1), thread).await }
        };
        let (first, second, third) =
            tokio::join!(hash(&client.thread), hash(&threads[0]), hash(&threads[1]));
        assert!(first.is_ok() && second.is_err() && third.is_ok());
    });
}

/// What a client sends is read as ever: a client that sends noise is cut off, and the node lives on.
#[test]
fn noise_from_a_client_harms_nobody() {
    with_faults(PROFILE, &["half@Chain.getHeight/nth:100"], async |world| {
        for noise in [vec![255; 64], vec![0; 7], vec![1; 5000]] {
            let mut stream = UnixStream::connect(&world.socket).await.unwrap();
            stream.write_all(&noise).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut answer = Vec::new();
            // The node may reset the connection.
            let _ = soon(stream.read_to_end(&mut answer)).await;
        }
        assert_alive(world).await;
    });
}
