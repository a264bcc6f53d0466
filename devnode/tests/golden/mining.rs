//! Block templates of the recorded run `mining`.

use bitcoin::consensus::encode::{deserialize, serialize};
use bitcoin::hashes::Hash;
use bitcoin_grpc_devnode::Generation;
use bitcoin_grpc_devnode::miner::{
    BlockTemplate, TemplateOptions, merkle_path, witness_commitment_place,
};
use serde_json::{Value, json};

use crate::harness::{base_node, lines};
use crate::params::{bytes, flag, hex};

fn options(recorded: &Value) -> TemplateOptions {
    TemplateOptions {
        use_mempool: flag(&recorded["useMempool"]),
        reserved_weight: recorded["blockReservedWeight"].as_u64().unwrap(),
        reserved_sigops: recorded["coinbaseOutputMaxAdditionalSigops"].as_u64().unwrap(),
        ..TemplateOptions::default()
    }
}

/// The answer of a template, or none for methods that change it or wait.
fn answer(template: &BlockTemplate, method: &str) -> Option<Value> {
    let coinbase = template.block.coinbase().unwrap();
    Some(match method {
        "getBlockHeader" => json!(hex(&serialize(&template.block.header))),
        "getBlock" => json!(hex(&serialize(&template.block))),
        "getTxFees" => json!(template.fees),
        "getTxSigops" => json!(template.sigop_costs),
        "getCoinbaseTx" => json!(hex(&serialize(coinbase))),
        "getCoinbaseCommitment" => json!(hex(template.witness_commitment().unwrap().as_bytes())),
        "getWitnessCommitmentIndex" => json!(witness_commitment_place(coinbase).unwrap()),
        "getCoinbaseMerklePath" => {
            let path = merkle_path(&template.block);
            json!(path.iter().map(|node| hex(node.as_byte_array())).collect::<Vec<_>>())
        }
        _ => return None,
    })
}

#[test]
fn templates_are_the_recorded_ones() {
    let records: Vec<Value> = lines("pr29409-2025-05/calls.jsonl")
        .into_iter()
        .filter(|record| record["run"] == "mining")
        .collect();
    let node = base_node(Generation::Pr29409May2025);
    let mut compared = 0;
    for creation in records.iter().take_while(|record| record["interface"] != "JSON-RPC") {
        if creation["method"] != "createNewBlock" {
            continue;
        }
        let template = node.create_template(&options(&creation["params"]["options"]));
        for record in records.iter().filter(|record| record["target"] == creation["seq"]) {
            if record["method"] == "submitSolution" {
                break;
            }
            let method = record["method"].as_str().unwrap();
            if let Some(ours) = answer(&template, method) {
                assert_eq!(ours, record["results"]["result"], "{record}");
                compared += 1;
            }
        }
    }
    assert!(compared >= 40, "{compared}");
}

#[test]
fn solutions_are_judged_as_recorded() {
    let records = lines("pr29409-2025-05/calls.jsonl");
    let mut node = base_node(Generation::Pr29409May2025);
    let mut judged = 0;
    for record in records.iter().filter(|record| record["run"] == "mining") {
        if record["interface"] == "JSON-RPC" && record["method"] == "setmocktime" {
            let time = record["params"][0].as_i64().unwrap();
            node.set_clock(bitcoin_grpc_devnode::clock::Clock::Mock(time));
        }
        if record["method"] != "submitSolution" {
            continue;
        }
        let p = &record["params"];
        let number = |name: &str| p[name].as_u64().unwrap() as u32;
        let coinbase = deserialize(&bytes(&p["coinbase"])).unwrap();
        let template = node.create_template(&TemplateOptions::default());
        let version = number("version").cast_signed();
        let mut block = template.solution(version, number("timestamp"), number("nonce"), coinbase);
        if judged == 2 {
            block = node.tip().block().unwrap().as_ref().clone();
        }
        let verdict = node.submit_block(block);
        assert_eq!(
            json!(verdict.is_processed()),
            record["results"]["result"],
            "{record} {verdict:?}"
        );
        judged += 1;
    }
    assert_eq!(judged, 3);
}
