//! A waiting transaction in JSON.

use std::collections::BTreeSet;

use bitcoin::{OutPoint, Txid};
use serde::Serialize;

use super::chain::since_2026;
use super::value::Btc;
use crate::generation::Generation;
use crate::mempool::{MempoolEntry, RbfState};
use crate::node::Node;

#[derive(Serialize)]
pub(super) struct EntryJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    vsize_adjusted: Option<u64>,
    vsize: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    vsize_bip141: Option<u64>,
    weight: u64,
    time: i64,
    height: u32,
    descendantcount: usize,
    descendantsize: u64,
    ancestorcount: usize,
    ancestorsize: u64,
    wtxid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    chunkweight: Option<u64>,
    fees: Fees,
    depends: Vec<String>,
    spentby: Vec<String>,
    #[serde(rename = "bip125-replaceable", skip_serializing_if = "Option::is_none")]
    replaceable: Option<bool>,
    unbroadcast: bool,
}

#[derive(Serialize)]
struct Fees {
    base: Btc,
    modified: Btc,
    ancestor: Btc,
    descendant: Btc,
    #[serde(skip_serializing_if = "Option::is_none")]
    chunk: Option<Btc>,
}

/// Numbers of a set of waiting transactions.
struct Totals {
    count: usize,
    vsize: u64,
    fees: Btc,
}

fn totals(node: &Node, txids: &BTreeSet<Txid>) -> Totals {
    let entries = || txids.iter().filter_map(|txid| node.mempool().get(txid));
    Totals {
        count: txids.len(),
        vsize: entries().map(MempoolEntry::vsize).sum(),
        fees: Btc(entries().map(|entry| entry.fee).sum()),
    }
}

pub(super) fn entry_json(node: &Node, entry: &MempoolEntry) -> EntryJson {
    let pool = node.mempool();
    let ancestors = totals(node, &pool.ancestors(&entry.txid));
    let descendants = totals(node, &pool.descendants(&entry.txid));
    let newest = node.generation() == Generation::Core32;
    let chunk = since_2026(node.generation()).then(|| pool.chunk_totals(&entry.txid)).flatten();
    let texts = |txids: BTreeSet<Txid>| {
        let mut texts: Vec<String> = txids.iter().map(Txid::to_string).collect();
        texts.sort_unstable();
        texts
    };
    let outpoints = (0..entry.tx.output.len() as u32)
        .map(|vout| OutPoint { txid: entry.txid, vout })
        .filter_map(|outpoint| pool.spender(&outpoint));
    EntryJson {
        vsize_adjusted: newest.then(|| entry.vsize()),
        vsize: entry.vsize(),
        vsize_bip141: newest.then(|| entry.tx.vsize() as u64),
        weight: entry.tx.weight().to_wu(),
        time: entry.time,
        height: entry.height,
        descendantcount: descendants.count,
        descendantsize: descendants.vsize,
        ancestorcount: ancestors.count,
        ancestorsize: ancestors.vsize,
        wtxid: entry.wtxid.to_string(),
        chunkweight: chunk.map(|(weight, _)| weight),
        fees: Fees {
            base: Btc(entry.fee),
            modified: Btc(entry.fee),
            ancestor: ancestors.fees,
            descendant: descendants.fees,
            chunk: chunk.map(|(_, fee)| Btc(fee)),
        },
        depends: texts(pool.parents_of(&entry.tx)),
        spentby: texts(outpoints.collect()),
        replaceable: (!newest).then(|| pool.rbf_state(&entry.tx) == RbfState::Replaceable),
        unbroadcast: entry.unbroadcast,
    }
}
