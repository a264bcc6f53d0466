//! The Node of February 2026: run `node`, and Echo and Mining of run `base`.

use bitcoin_grpc_devnode::generation::Generation;
use bitcoin_grpc_devnode::peers::{NetAddress, Peer};
use bitcoin_grpc_devnode::settings::Settings;
use bitcoin_grpc_devnode::{Node, NodeOptions};
use serde_json::Value;

use super::run::Replay;
use crate::client::{Client, with_node};

const LABEL: &str = "pr10102-2026-02";

/// The folder whose chain and mempool the branches share.
const CHAIN: &str = "pr29409-2025-05";

/// The recorder's own port of its connections to the node; `getNodesStats` shows it.
const PEER_PORT: u16 = 56_776;

pub(super) fn golden(path: &str) -> std::path::PathBuf {
    std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(path)
}

pub(super) fn lines(label: &str, runs: &[&str]) -> Vec<Value> {
    let text = std::fs::read_to_string(golden(&format!("{label}/calls.jsonl"))).unwrap();
    let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.filter(|record| runs.iter().any(|run| record["run"] == *run)).collect()
}

/// A node as a recorded one was started.
pub(super) fn recorded_node(label: &str, chain: &str) -> Node {
    let info = std::fs::read_to_string(golden(&format!("{label}/chain.json"))).unwrap();
    let info: Value = serde_json::from_str(&info).unwrap();
    let words: Vec<&str> =
        info["command_line"].as_array().unwrap().iter().map(|w| w.as_str().unwrap()).collect();
    let generation = Generation::from_label(label).unwrap();
    let settings = Settings::from_command_line(words);
    let mut node = Node::new(NodeOptions::from_settings(generation, settings));
    let blocks = golden(&format!("{chain}/blocks.jsonl"));
    node.load(&blocks, Some(&golden(&format!("{chain}/mempool.jsonl")))).unwrap();
    node
}

/// The peer that the recorder played, in the words that its statistics show.
pub(crate) fn peer(now: i64) -> Peer {
    let counted = |counts: &[(&str, u64)]| {
        counts.iter().map(|(name, bytes)| ((*name).to_owned(), *bytes)).collect()
    };
    Peer {
        bind_port: 28_820,
        local_address: "127.0.0.1:28820".to_owned(),
        connected_at: now,
        last_send: now,
        last_recv: now,
        user_agent: "/golden:0.1/".to_owned(),
        sent: counted(&[
            ("feefilter", 32),
            ("getheaders", 637),
            ("ping", 32),
            ("sendaddrv2", 24),
            ("sendcmpct", 33),
            ("verack", 24),
            ("version", 127),
            ("wtxidrelay", 24),
        ]),
        received: counted(&[("pong", 32), ("verack", 24), ("version", 122)]),
        starting_height: 132,
        time_offset: -80_407,
        ..Peer::inbound_from(NetAddress::ipv4([127, 0, 0, 1]), PEER_PORT)
    }
}

fn connect_peer(replay: &Replay) {
    let shared = replay.shared();
    let id = shared.change(|node| {
        let peer = peer(node.now());
        node.peers_mut().connect(peer)
    });
    assert!(id.is_some());
}

#[test]
fn the_node_of_february_2026() {
    let deaths = with_node(LABEL, recorded_node(LABEL, CHAIN), async |client: Client| {
        let mut replay = Replay::new(client);
        let mut settings_read = false;
        for record in lines(LABEL, &["node"]) {
            // Chain calls of this run are about settings, which other tests ask for.
            if record["interface"] == "Chain" {
                settings_read = true;
                continue;
            }
            let starts = match record["note"].as_str() {
                Some("one inbound peer") => replay.shared().node().peers().list().is_empty(),
                Some("the peer") => replay.shared().node().peers().list().is_empty(),
                _ => false,
            };
            if starts {
                connect_peer(&replay);
            }
            replay.line(&record).await;
        }
        assert!(settings_read);
        replay.finish(128);
    });
    // Three networks that do not exist, and the wallet loader of a node without a wallet.
    assert_eq!(deaths.count(), 4, "{:?}", deaths.causes());
}

#[test]
fn echo_and_mining_of_february_2026() {
    let deaths = with_node(LABEL, recorded_node(LABEL, CHAIN), async |client: Client| {
        let mut replay = Replay::new(client);
        for record in lines(LABEL, &["base"]) {
            if record["interface"] == "Echo" || record["interface"] == "Mining" {
                replay.line(&record).await;
            }
        }
        replay.finish(6);
    });
    assert_eq!(deaths.count(), 0);
}
