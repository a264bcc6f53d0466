//! A busy node for a long time: 200 transactions a second, a block every second, a reorganisation every minute, and a
//! client that asks. What must always hold is checked throughout, against a replay from genesis.
//!
//!     scripts/soak-devnode 1200
//!
//! The length is in DEVNODE_SOAK_SECONDS (20 without it).

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may fail loudly, and this one talks"
)]

mod chain;
#[path = "../host/client.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod client;
mod memory;
mod pool;

use std::time::{Duration, Instant};

use bitcoin_grpc_contract::Profile;
use bitcoin_grpc_devnode::Node;
use bitcoin_grpc_devnode::host::{Host, HostOptions, Pace};
use tokio::task::LocalSet;

use client::{Client, Object, PROFILE};
use memory::memory;

/// Growth of this process that counts as none, in bytes: less than a second of traffic would leave behind for ever, over
/// many thousand calls.
const NO_GROWTH: u64 = 16 << 20;

fn length() -> Duration {
    let seconds = std::env::var("DEVNODE_SOAK_SECONDS").ok();
    Duration::from_secs(seconds.map_or(20, |seconds| seconds.parse().expect("seconds")))
}

fn pace(length: Duration) -> Pace {
    Pace {
        block: Some(Duration::from_secs(1)),
        transaction: Some(Duration::from_millis(5)),
        reorg: Some((length / 4).min(Duration::from_secs(60))),
        reorg_depth: 5,
        seed: 1,
    }
}

#[test]
#[ignore = "takes its time: scripts/soak-devnode"]
fn what_must_hold_holds_all_the_time() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, soak(length()));
}

async fn soak(length: Duration) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("node.sock");
    let mut options = HostOptions::new(&socket, Profile::by_name(PROFILE).unwrap());
    options.chain.blocks = 110;
    options.pace = pace(length);
    options.trouble = |what| panic!("{what}");
    let host = Host::start(options).await.unwrap();
    let (client, chain) = client::connect_chain(&socket).await;
    let begin = Instant::now();
    let (mut checks, mut calls) = (0, 0);
    while begin.elapsed() < length {
        let next =
            Instant::now() + (length / 20).clamp(Duration::from_secs(2), Duration::from_secs(30));
        while Instant::now() < next {
            calls += ask(&client, &chain).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        println!("{:>6} s  {}", begin.elapsed().as_secs(), host.with(check).await.unwrap());
        checks += 1;
    }
    let progress = host.progress();
    println!(
        "{} blocks, {} transactions, {} reorganisations, {calls} calls, {checks} checks",
        progress.blocks(),
        progress.transactions(),
        progress.reorgs(),
    );
    // How much happened is for the reader: a machine that is busy elsewhere does less.
    assert!(progress.reorgs() > 0 && progress.blocks() > 0 && progress.transactions() > 0);
    rest(&host, &client, &chain, length).await;
    host.stop().await.unwrap();
}

/// Once nothing happens by itself any more, questions leave nothing behind.
async fn rest(host: &Host, client: &Client, chain: &Object, length: Duration) {
    host.rest();
    let some = async || {
        for _ in 0..500 {
            ask(client, chain).await;
        }
    };
    some().await;
    let before = memory();
    let end = Instant::now() + (length / 10).clamp(Duration::from_secs(3), Duration::from_secs(60));
    let mut rounds = 0;
    while Instant::now() < end {
        some().await;
        rounds += 1;
    }
    let growth = memory().saturating_sub(before);
    println!("{growth} bytes of growth at rest, over {} calls", rounds * 500 * 3);
    assert!(growth < NO_GROWTH, "{growth} bytes");
    host.with(check).await.unwrap();
}

/// A few questions; gives their number.
async fn ask(client: &Client, chain: &Object) -> u64 {
    let height = client.height(chain).await.expect("a height");
    client.hash(chain, height.saturating_sub(10)).await.expect("a hash");
    // Old blocks are never touched by reorganisations.
    assert_eq!(client.hash(chain, 100).await.expect("a hash").len(), 32);
    3
}

/// Holds the node against everything that must hold.
fn check(node: &mut Node) -> String {
    let begin = Instant::now();
    let coins = chain::check(node);
    let waiting = pool::check(node);
    format!(
        "height {}, {coins} coins, {waiting} waiting, {} MiB, checked in {} ms",
        node.height(),
        memory() >> 20,
        begin.elapsed().as_millis(),
    )
}
