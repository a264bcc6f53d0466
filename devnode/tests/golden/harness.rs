//! Nodes as they were when the recordings began.

use std::fs;
use std::path::PathBuf;

use bitcoin_grpc_devnode::estimate::{EstimateBucket, FeeHistory};
use bitcoin_grpc_devnode::settings::Settings;
use bitcoin_grpc_devnode::{Generation, Node, NodeOptions};
use serde_json::Value;

/// The folder whose chain and mempool both recorded generations share.
const CHAIN: &str = "pr29409-2025-05";

pub(crate) fn golden(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(path)
}

pub(crate) fn lines(path: &str) -> Vec<Value> {
    let text = fs::read_to_string(golden(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn chain_info(generation: Generation) -> Value {
    let text = fs::read_to_string(golden(&format!("{}/chain.json", generation.label()))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A node with these command line words and the recorded chain and mempool.
pub(crate) fn recorded_node(generation: Generation, words: &[&str]) -> Node {
    let settings = Settings::from_command_line(words.iter().copied());
    let mut node = Node::new(NodeOptions::from_settings(generation, settings));
    let (blocks, mempool) =
        (golden(&format!("{CHAIN}/blocks.jsonl")), golden(&format!("{CHAIN}/mempool.jsonl")));
    node.load(&blocks, Some(&mempool)).unwrap();
    node.set_fee_history(recorded_history());
    node.take_events();
    node
}

/// The node of the run `base`.
pub(crate) fn base_node(generation: Generation) -> Node {
    let info = chain_info(generation);
    let words: Vec<&str> = info["command_line"]
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap())
        .collect();
    recorded_node(generation, &words)
}

/// A node of the newest generation on the chain of the older ones.
pub(crate) fn newest_node() -> Node {
    recorded_node(Generation::Core32, &["-blockfilterindex=1", "-mocktime=1700080407"])
}

/// What the recorded nodes' estimators had seen: too little. It is not in the blocks, so it is set.
fn recorded_history() -> FeeHistory {
    FeeHistory {
        usable_target: 9,
        seen: EstimateBucket {
            start: 0.0,
            end: 1e99,
            within_target: 3.820139795242901,
            total_confirmed: 3.820139795242901,
            in_mempool: 0.0,
            left_mempool: 0.0,
        },
        decay: 0.962,
        scale: 1,
    }
}
