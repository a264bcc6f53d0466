//! The recorded scenario with blocks, replacements, an invalidation and a conflict, acted out again.

use bitcoin::ScriptBuf;
use bitcoin::consensus::encode::{deserialize_hex, serialize};
use bitcoin::hashes::Hash;
use bitcoin_grpc_devnode::clock::Clock;
use bitcoin_grpc_devnode::events::{BlockNews, Event};
use bitcoin_grpc_devnode::wire::encode_locator;
use bitcoin_grpc_devnode::{Generation, Node};
use serde_json::{Value, json};

use crate::harness::{base_node, lines};
use crate::params::hex;

fn act(node: &mut Node, record: &Value) {
    let action = record["action"].as_str().unwrap();
    let anyone = ScriptBuf::from_bytes(vec![0x51]);
    let word = action.split(' ').next().unwrap();
    if let Some(time) = record["mocktime"].as_i64() {
        node.set_clock(Clock::Mock(time));
    }
    let tx = || deserialize_hex(record["hex"].as_str().unwrap()).unwrap();
    let block = || record["block"].as_str().unwrap().parse().unwrap();
    match word {
        "sendrawtransaction" => assert!(node.submit_transaction(tx(), 0).is_accepted(), "{record}"),
        "generatetodescriptor" => {
            node.mine_one(&anyone).unwrap();
        }
        "generateblock" => {
            node.mine_transactions(vec![tx()], &anyone).unwrap();
        }
        "invalidateblock" => node.invalidate(&block()).unwrap(),
        "reconsiderblock" => node.reconsider(&block()).unwrap(),
        "Chain.removeTxFromMempool" => {
            assert!(node.remove_transaction(&record["txid"].as_str().unwrap().parse().unwrap()));
        }
        "gettxoutsetinfo" | "JSON-RPC" => node.flush(),
        _ => {}
    }
}

fn block(news: &BlockNews) -> Value {
    json!({
        "hash": hex(news.hash.as_byte_array()),
        "prevHash": hex(news.prev_hash.as_byte_array()),
        "height": news.height,
        "fileNumber": 0,
        "dataPos": news.data_position,
        "data": hex(&serialize(news.block.as_ref())),
        "undoData": null,
        "chainTimeMax": news.max_time,
    })
}

/// An event as a call of `ChainNotifications`; none for those that this interface does not have.
fn notification(event: &Event) -> Option<(&'static str, Value)> {
    Some(match event {
        Event::TransactionAdded(tx) => {
            ("transactionAddedToMempool", json!({ "tx": hex(&serialize(tx.as_ref())) }))
        }
        Event::TransactionRemoved(tx, reason) => {
            let params = json!({ "tx": hex(&serialize(tx.as_ref())), "reason": reason.number() });
            ("transactionRemovedFromMempool", params)
        }
        Event::BlockConnected(news) => {
            ("blockConnected", json!({ "role": 0, "block": block(news) }))
        }
        Event::BlockDisconnected(news) => ("blockDisconnected", json!({ "block": block(news) })),
        Event::TipUpdated(_) => ("updatedBlockTip", json!({})),
        Event::ChainStateFlushed(locator) => {
            ("chainStateFlushed", json!({ "role": 0, "locator": hex(&encode_locator(locator)) }))
        }
        _ => return None,
    })
}

/// What was recorded, with the role that newer generations send as a struct put back to its number.
fn recorded_params(record: &Value) -> Value {
    let mut params = record["params"].clone();
    if params["role"] == json!({ "validated": true, "historical": false }) {
        params["role"] = json!(0);
    }
    params
}

/// Acts the scenario out and compares everything that is told.
fn act_out(generation: Generation) {
    let records: Vec<Value> = lines(&format!("{}/events.jsonl", generation.label()))
        .into_iter()
        .filter(|record| record["scenario"] == "sequence")
        .collect();
    let mut node = base_node(generation);
    let mut ours = Vec::new();
    let mut told = 0;
    for record in &records {
        if record["action"].as_str().is_some_and(|action| !action.starts_with("done:")) {
            assert!(ours.is_empty(), "told too much before {record}: {ours:?}");
            act(&mut node, record);
            ours.extend(node.take_events().iter().filter_map(notification));
        }
        if record["interface"] == "ChainNotifications" {
            assert!(!ours.is_empty(), "not told: {record}");
            let (method, params) = ours.remove(0);
            let recorded = (record["method"].as_str().unwrap(), recorded_params(record));
            assert_eq!((method, params), recorded, "seq {}", record["seq"]);
            told += 1;
        }
    }
    assert!(told >= 26, "{told}");
}

#[test]
fn the_sequence_of_may_2025_is_told_as_recorded() {
    act_out(Generation::Pr29409May2025);
}

#[test]
fn the_sequence_of_february_2026_is_told_as_recorded() {
    act_out(Generation::Pr10102February2026);
}
