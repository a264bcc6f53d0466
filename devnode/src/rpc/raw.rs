//! Commands about transactions as such.

use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{Transaction, Txid};
use serde::Serialize;

use super::block;
use super::chain::has_transaction_index;
use super::command::{Command, Kind, needed, optional};
use super::error::{RpcError, code};
use super::params::{Params, decode_transaction};
use super::transaction::{TransactionJson, transaction_json};
use super::value::{RpcResult, result};
use crate::blocks::BlockView;
use crate::generation::Generation;
use crate::mempool::MempoolEntry;
use crate::node::Node;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "getrawtransaction",
        params: &[
            needed("txid", Kind::Text),
            optional("verbosity", Kind::Any),
            optional("blockhash", Kind::Text),
        ],
        about: "A transaction that waits, is in the block given, or, with -txindex, in the chain: \
                in hex with verbosity 0, else its data.",
        run: get,
    },
    Command {
        name: "decoderawtransaction",
        params: &[needed("hexstring", Kind::Text), optional("iswitness", Kind::Bool)],
        about: "The data of a transaction in hex.",
        run: decode,
    },
];

#[derive(Serialize)]
struct Found {
    #[serde(skip_serializing_if = "Option::is_none")]
    in_active_chain: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vsize_adjusted: Option<u64>,
    #[serde(flatten)]
    tx: TransactionJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    blockhash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmations: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocktime: Option<u32>,
}

fn get(node: &mut Node, params: &Params) -> RpcResult {
    let txid = params.txid(0, "parameter 1")?;
    let verbose = match params.kind(1) {
        Kind::Bool => params.get::<bool>(1)?,
        Kind::Number => params.get::<i64>(1)? > 0,
        Kind::Null => false,
        _ => return Err(RpcError::new(code::TYPE, "JSON value is not a bool or number")),
    };
    let node = &*node;
    if node.index().entry(node.index().active_blocks()[0]).header.merkle_root.to_raw_hash()
        == txid.to_raw_hash()
    {
        return Err(RpcError::not_found(
            "The genesis block coinbase is not considered an ordinary transaction and cannot be \
             retrieved",
        ));
    }
    let (tx, block) = find(node, params, txid)?;
    if !verbose {
        return result(serialize_hex(&tx));
    }
    let active = block.filter(|block| block.in_active_chain());
    let named = params.kind(2) != Kind::Null;
    let newest = node.generation() == Generation::Core32;
    let waiting = node.mempool().get(&txid).filter(|_| newest && block.is_none());
    result(Found {
        in_active_chain: block.filter(|_| named).map(BlockView::in_active_chain),
        vsize_adjusted: waiting.map(MempoolEntry::vsize),
        tx: transaction_json(&tx, true),
        blockhash: block.map(|block| block.hash().to_string()),
        confirmations: block.map(|block| block::confirmations(node, block).max(0)),
        time: active.map(BlockView::time),
        blocktime: active.map(BlockView::time),
    })
}

type InBlock<'a> = (Transaction, Option<BlockView<'a>>);

/// A transaction, and its block if it is in one.
fn find<'a>(node: &'a Node, params: &Params, txid: Txid) -> Result<InBlock<'a>, RpcError> {
    if params.kind(2) != Kind::Null {
        let hash = params.block_hash(2, "parameter 3")?;
        let view = node.find_block(&hash);
        let view = view.ok_or_else(|| RpcError::not_found("Block hash not found"))?;
        let block = view.block().ok_or_else(|| RpcError::misc("Block not available"))?;
        let tx = block.txdata.iter().find(|tx| tx.compute_txid() == txid);
        let tx = tx.ok_or_else(|| missing("No such transaction found in the provided block"))?;
        return Ok((tx.clone(), Some(view)));
    }
    if let Some(entry) = node.mempool().get(&txid) {
        return Ok((entry.tx.as_ref().clone(), None));
    }
    if !has_transaction_index(node) {
        return Err(missing(
            "No such mempool transaction. Use -txindex or provide a block hash to enable \
             blockchain transaction queries",
        ));
    }
    search(node, txid).ok_or_else(|| missing("No such mempool or blockchain transaction"))
}

fn missing(what: &str) -> RpcError {
    RpcError::not_found(format!("{what}. Use gettransaction for wallet transactions."))
}

fn search(node: &Node, txid: Txid) -> Option<InBlock<'_>> {
    let index = node.index();
    index.active_blocks().iter().rev().find_map(|id| {
        let block = index.entry(*id).block()?;
        let tx = block.txdata.iter().find(|tx| tx.compute_txid() == txid)?;
        Some((tx.clone(), node.find_block(&index.entry(*id).hash)))
    })
}

fn decode(_: &mut Node, params: &Params) -> RpcResult {
    let tx = decode_transaction(&params.get::<String>(0)?);
    let tx = tx.ok_or_else(|| RpcError::new(code::DESERIALIZATION, "TX decode failed"))?;
    result(transaction_json(&tx, false))
}
