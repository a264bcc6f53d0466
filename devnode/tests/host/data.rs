//! Hosted nodes that keep what they know, and nodes that do the same twice.

use std::path::Path;
use std::time::Duration;

use bitcoin_grpc_contract::Profile;
use bitcoin_grpc_devnode::host::{Host, HostError, HostOptions, Pace};
use bitcoin_grpc_devnode::store::StoreError;

use crate::client::{PROFILE, soon};

fn options(folder: &Path, data: bool) -> HostOptions {
    let mut options =
        HostOptions::new(folder.join("node.sock"), Profile::by_name(PROFILE).unwrap());
    options.chain.blocks = 110;
    options.data_dir = data.then(|| folder.join("data"));
    options
}

/// Busy: 200 transactions a second, a block every 100 ms, a reorganisation every 350 ms.
fn busy(seed: u64) -> Pace {
    Pace {
        block: Some(Duration::from_millis(100)),
        transaction: Some(Duration::from_millis(5)),
        reorg: Some(Duration::from_millis(350)),
        reorg_depth: 2,
        seed,
    }
}

async fn wait_for_blocks(host: &Host, blocks: u64) {
    soon(async {
        while host.progress().blocks() < blocks {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// The tips of all branches and the mempool.
async fn state(host: &Host) -> (Vec<bitcoin::BlockHash>, Vec<bitcoin::Txid>) {
    let state = host.with(|node| {
        let leaves = node.index().leaves().into_iter();
        let leaves = leaves.map(|id| node.index().entry(id).hash).collect();
        (leaves, node.mempool().entries().map(|entry| entry.txid).collect())
    });
    state.await.unwrap()
}

#[tokio::test]
async fn a_busy_node_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = options(folder.path(), true);
    first.pace = busy(1);
    let host = Host::start(first).await.unwrap();
    wait_for_blocks(&host, 12).await;
    assert!(host.progress().reorgs() > 1 && host.progress().transactions() > 50);
    // What happens between this and the end is in the data, too.
    let (before, _) = state(&host).await;
    host.stop().await.unwrap();
    let host = Host::start(options(folder.path(), true)).await.unwrap();
    let known = host.with(move |node| before.iter().all(|hash| node.find_block(hash).is_some()));
    assert!(known.await.unwrap());
    let (leaves, waiting) = state(&host).await;
    assert!(!waiting.is_empty());
    host.stop().await.unwrap();
    let host = Host::start(options(folder.path(), true)).await.unwrap();
    assert_eq!(state(&host).await, (leaves, waiting));
}

#[tokio::test]
async fn a_data_directory_is_for_one_node() {
    let folder = tempfile::tempdir().unwrap();
    let first = Host::start(options(folder.path(), true)).await.unwrap();
    let mut second = options(folder.path(), true);
    second.socket = folder.path().join("other.sock");
    let error = Host::start(second.clone()).await.unwrap_err();
    assert!(matches!(error, HostError::Store(StoreError::InUse(_))), "{error}");
    first.stop().await.unwrap();
    Host::start(second).await.unwrap();
}

/// The hashes of the first blocks of a busy run.
async fn run(seed: u64) -> Vec<bitcoin::BlockHash> {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path(), false);
    options.pace = busy(seed);
    let host = Host::start(options).await.unwrap();
    wait_for_blocks(&host, 8).await;
    // By order of arrival, so that branches are compared, too: 111 first ones, and what came in seven more.
    let hashes = host.with(|node| {
        node.index().ids().take(118).map(|id| node.index().entry(id).hash).collect::<Vec<_>>()
    });
    hashes.await.unwrap()
}

#[tokio::test]
async fn the_same_seed_makes_the_same_blocks() {
    let (first, second, other) = (run(5).await, run(5).await, run(6).await);
    assert_eq!(first.len(), 118);
    assert_eq!(first, second);
    assert_eq!(first[..111], other[..111], "what is mined before needs no seed");
    assert_ne!(first, other);
}
