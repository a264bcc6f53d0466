//! `getblocktemplate`.

use std::collections::{BTreeMap, HashMap};

use bitcoin::Txid;
use bitcoin::consensus::encode::serialize_hex;
use serde::{Deserialize, Serialize};

use super::block;
use super::error::RpcError;
use super::params::Params;
use super::value::{RpcResult, result};
use crate::consensus::{MAX_BLOCK_SIGOPS_COST, MAX_BLOCK_WEIGHT};
use crate::miner::{BlockTemplate, TemplateOptions};
use crate::node::Node;

/// Largest block in bytes; its weight limits it further.
const MAX_BLOCK_BYTES: u64 = 4_000_000;

/// The version bit that regtest's test deployment is signalled with.
const TEST_BIT: u8 = 28;

#[derive(Default, Deserialize)]
struct Wanted {
    #[serde(default)]
    mode: Option<String>,
    #[serde(default)]
    rules: Vec<String>,
}

#[derive(Serialize)]
struct Template {
    capabilities: [&'static str; 1],
    version: i32,
    rules: [&'static str; 3],
    vbavailable: BTreeMap<&'static str, u8>,
    vbrequired: u32,
    previousblockhash: String,
    transactions: Vec<Entry>,
    coinbaseaux: BTreeMap<String, String>,
    coinbasevalue: u64,
    longpollid: String,
    target: String,
    mintime: u32,
    mutable: [&'static str; 3],
    noncerange: &'static str,
    sigoplimit: u64,
    sizelimit: u64,
    weightlimit: u64,
    curtime: u32,
    bits: String,
    height: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_witness_commitment: Option<String>,
}

#[derive(Serialize)]
struct Entry {
    data: String,
    txid: String,
    hash: String,
    depends: Vec<usize>,
    fee: i64,
    sigops: u64,
    weight: u64,
}

pub(super) fn run(node: &mut Node, params: &Params) -> RpcResult {
    let wanted: Wanted = params.get(0)?;
    if wanted.mode.is_some_and(|mode| mode != "template") {
        return Err(RpcError::parameter("Invalid mode"));
    }
    if !wanted.rules.iter().any(|rule| rule == "segwit") {
        return Err(RpcError::parameter(
            "getblocktemplate must be called with the segwit rule set (call with {\"rules\": \
             [\"segwit\"]})",
        ));
    }
    let options = TemplateOptions { extra_nonce: Some(true), ..TemplateOptions::default() };
    let template = node.create_template(&options);
    let tip = node.tip();
    let header = &template.block.header;
    let version = header.version.to_consensus();
    let signals = version >> TEST_BIT & 1 == 1;
    result(Template {
        capabilities: ["proposal"],
        version,
        rules: ["csv", "!segwit", "taproot"],
        vbavailable: signals.then_some(("testdummy", TEST_BIT)).into_iter().collect(),
        vbrequired: 0,
        previousblockhash: tip.hash().to_string(),
        transactions: entries(&template),
        coinbaseaux: BTreeMap::new(),
        coinbasevalue: template.coinbase.reward,
        longpollid: format!("{}{}", tip.hash(), node.mempool().len()),
        target: block::target(header),
        mintime: tip.median_time() + 1,
        mutable: ["time", "transactions", "prevblock"],
        noncerange: "00000000ffffffff",
        sigoplimit: MAX_BLOCK_SIGOPS_COST,
        sizelimit: MAX_BLOCK_BYTES,
        weightlimit: MAX_BLOCK_WEIGHT,
        curtime: header.time,
        bits: block::bits(header),
        height: template.height,
        default_witness_commitment: template.witness_commitment().map(|s| s.to_hex_string()),
    })
}

/// Everything but the coinbase; `depends` counts from the coinbase, which is 0.
fn entries(template: &BlockTemplate) -> Vec<Entry> {
    let txs = &template.block.txdata;
    let places: HashMap<Txid, usize> =
        txs.iter().enumerate().map(|(place, tx)| (tx.compute_txid(), place)).collect();
    let numbers = template.fees.iter().zip(&template.sigop_costs);
    let entries = txs.iter().skip(1).zip(numbers).map(|(tx, (fee, sigops))| Entry {
        data: serialize_hex(tx),
        txid: tx.compute_txid().to_string(),
        hash: tx.compute_wtxid().to_string(),
        depends: tx
            .input
            .iter()
            .filter_map(|input| places.get(&input.previous_output.txid).copied())
            .collect(),
        fee: *fee,
        sigops: *sigops,
        weight: tx.weight().to_wu(),
    });
    entries.collect()
}
