//! JSON-RPC commands and what real nodes replied to them.

use bitcoin_grpc_devnode::settings::Settings;
use bitcoin_grpc_devnode::{Generation, Node, NodeOptions, rpc};
use serde_json::{Value, json};

use crate::harness::{golden, lines};

/// What a field that is deliberately otherwise must be: ours and the recorded.
type Fits = fn(&Value, &Value) -> bool;

/// Fields that are deliberately otherwise, by command: what a real node's memory, relay and miner keep count of.
const EXCUSED: [(&str, &str, Fits); 6] = [
    ("getblocktemplate", "longpollid", |ours, recorded| {
        // The tip, and a number that counts the changes of the mempool.
        let tip = |id: &Value| id.as_str().unwrap()[..64].to_owned();
        tip(ours) == tip(recorded)
    }),
    ("getmempoolinfo", "usage", |ours, recorded| {
        let (ours, recorded) = (ours.as_u64().unwrap(), recorded.as_u64().unwrap());
        ours.abs_diff(recorded) * 10 < recorded
    }),
    ("getmininginfo", "currentblocktx", is_missing),
    ("getmininginfo", "currentblockweight", is_missing),
    ("getnetworkinfo", "inv_buckets", is_missing),
    ("getnetworkinfo", "tx_send_rate", is_missing),
];

fn is_missing(ours: &Value, recorded: &Value) -> bool {
    ours.is_null() && !recorded.is_null()
}

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

/// Puts the recorded values into the fields of our reply that may differ as they do.
fn excuse(command: &str, ours: &mut Value, recorded: &Value) {
    for (_, field, fits) in EXCUSED.iter().filter(|(of, _, _)| *of == command) {
        let (theirs, ours) = (&recorded["result"][*field], &mut ours["result"]);
        if !theirs.is_null() && fits(&ours[*field], theirs) {
            ours[*field] = theirs.clone();
        }
    }
    let help = |reply: &Value| {
        let message = reply["error"]["message"].as_str().unwrap_or_default().to_owned();
        let is_help =
            reply["error"]["code"] == MISUSED && message.starts_with(&format!("{command} "));
        is_help.then(|| message.lines().next().unwrap().to_owned())
    };
    if help(ours).is_some() && help(ours) == help(recorded) {
        ours["error"]["message"] = recorded["error"]["message"].clone();
    }
}

/// So many replies agree to the letter, so many in all but what is excused.
fn check(label: &str, chain: &str, (to_the_letter, excused): (usize, usize)) {
    let mut node = node(label, chain);
    let mut wrong = Vec::new();
    let mut counts = (0, 0);
    for record in lines(&format!("{label}/rpc.jsonl")) {
        let (command, params) = (record["command"].as_str().unwrap(), &record["params"]);
        let request = json!({ "method": command, "params": params, "id": 1 });
        let ours = rpc::answer(&mut node, &request.to_string());
        let recorded = record["reply"].as_str().unwrap();
        if ours == recorded {
            counts.0 += 1;
            continue;
        }
        let (mut parsed, recorded): (Value, Value) =
            (serde_json::from_str(&ours).unwrap(), serde_json::from_str(recorded).unwrap());
        excuse(command, &mut parsed, &recorded);
        if parsed == recorded {
            counts.1 += 1;
        } else {
            wrong.push(format!("{command} {params}\n  ours     {ours}\n  recorded {recorded}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(counts, (to_the_letter, excused));
}

#[test]
fn commands_of_february_2026() {
    check("pr10102-2026-02", "pr29409-2025-05", (196, 6));
}

#[test]
fn commands_of_august_2026() {
    check("core-32", "core-32", (195, 7));
}
