//! JSON-RPC commands and what real nodes replied to them.

use bitcoin_grpc_devnode::settings::Settings;
use bitcoin_grpc_devnode::{Generation, Node, NodeOptions, rpc};
use serde_json::{Value, json};

use crate::harness::{golden, lines};

/// Fields that are deliberately otherwise, by command: what a real node's memory, relay and miner keep count of.
const LEFT_OUT: [(&str, &str); 6] = [
    ("getblocktemplate", "longpollid"),
    ("getmempoolinfo", "usage"),
    ("getmininginfo", "currentblocktx"),
    ("getmininginfo", "currentblockweight"),
    ("getnetworkinfo", "inv_buckets"),
    ("getnetworkinfo", "tx_send_rate"),
];

/// The error of a wrong number of arguments is the help text, which is the devnode's own.
const MISUSED: i64 = -1;

fn node(label: &str, chain: &str) -> Node {
    let words = ["-acceptnonstdtxn=1", "-blockfilterindex=1", "-txindex=1", "-mocktime=1700080407"];
    let generation = Generation::from_label(label).unwrap();
    let settings = Settings::from_command_line(words);
    let mut node = Node::new(NodeOptions::from_settings(generation, settings));
    let blocks = golden(&format!("{chain}/blocks.jsonl"));
    node.load(&blocks, Some(&golden(&format!("{chain}/mempool.jsonl")))).unwrap();
    node
}

/// A reply without what is left out.
fn stripped(command: &str, reply: &str) -> Value {
    let mut reply: Value = serde_json::from_str(reply).unwrap();
    for (_, field) in LEFT_OUT.iter().filter(|(of, _)| *of == command) {
        if let Some(result) = reply["result"].as_object_mut() {
            result.remove(*field);
        }
    }
    let message = reply["error"]["message"].as_str().unwrap_or_default();
    if reply["error"]["code"] == MISUSED && message.starts_with(&format!("{command} ")) {
        reply["error"]["message"] = json!("help");
    }
    reply
}

fn check(label: &str, chain: &str) {
    let mut node = node(label, chain);
    let mut wrong = Vec::new();
    let mut exact = 0;
    for record in lines(&format!("{label}/rpc.jsonl")) {
        let (command, params) = (record["command"].as_str().unwrap(), &record["params"]);
        let request = json!({ "method": command, "params": params, "id": 1 });
        let ours = rpc::answer(&mut node, &request.to_string());
        let recorded = record["reply"].as_str().unwrap();
        if ours == recorded {
            exact += 1;
        } else if stripped(command, &ours) != stripped(command, recorded) {
            wrong.push(format!("{command} {params}\n  ours     {ours}\n  recorded {recorded}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(exact >= 190, "only {exact} agree to the letter");
}

#[test]
fn commands_of_february_2026() {
    check("pr10102-2026-02", "pr29409-2025-05");
}

#[test]
fn commands_of_august_2026() {
    check("core-32", "core-32");
}
