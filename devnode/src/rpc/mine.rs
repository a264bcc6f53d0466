//! Commands that make blocks.

use bitcoin::block::Header;
use bitcoin::consensus::encode::{deserialize, deserialize_hex, serialize_hex};
use bitcoin::hex::FromHex;
use bitcoin::{Block, ScriptBuf, Transaction, Txid, Witness};
use serde::Serialize;

use super::chain::warnings;
use super::command::{Command, Kind, needed, optional};
use super::error::{RpcError, code};
use super::params::{Params, decode_transaction};
use super::value::{Btc, Double, RpcResult, result};
use super::{block, descriptor, gbt};
use crate::generation::Generation;
use crate::miner::witness_commitment_place;
use crate::node::{BlockVerdict, Node};
use crate::reject::Reject;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "generatetodescriptor",
        params: &[
            needed("num_blocks", Kind::Number),
            needed("descriptor", Kind::Text),
            optional("maxtries", Kind::Number),
        ],
        about: "Makes blocks at the present time that pay to raw(hex) or addr(address).",
        run: |node, params| {
            let script = descriptor::to_script(&params.get::<String>(1)?)?;
            generate(node, params, &script)
        },
    },
    Command {
        name: "generatetoaddress",
        params: &[
            needed("nblocks", Kind::Number),
            needed("address", Kind::Text),
            optional("maxtries", Kind::Number),
        ],
        about: "Makes blocks at the present time that pay to an address.",
        run: |node, params| {
            let script = descriptor::script_of_address(&params.get::<String>(1)?);
            let script = script.ok_or_else(|| RpcError::not_found("Error: Invalid address"))?;
            generate(node, params, &script)
        },
    },
    Command {
        name: "generateblock",
        params: &[
            needed("output", Kind::Text),
            needed("transactions", Kind::Array),
            optional("submit", Kind::Bool),
        ],
        about: "Makes a block out of these transactions, in hex or by the ids of waiting ones.",
        run: generate_block,
    },
    Command {
        name: "submitblock",
        params: &[needed("hexdata", Kind::Text), optional("dummy", Kind::Text)],
        about: "Takes a block in; says why if it is not accepted.",
        run: submit_block,
    },
    Command {
        name: "submitheader",
        params: &[needed("hexdata", Kind::Text)],
        about: "Takes a header in whose block is not known yet.",
        run: submit_header,
    },
    Command {
        name: "getblocktemplate",
        params: &[needed("template_request", Kind::Object)],
        about: "What a miner needs for the next block (BIP 22), without long polling.",
        run: gbt::run,
    },
    Command { name: "getmininginfo", params: &[], about: "The state of mining.", run: mining_info },
];

fn generate(node: &mut Node, params: &Params, script: &ScriptBuf) -> RpcResult {
    let count: i32 = params.get(0)?;
    let hashes = (0..count).map(|_| Ok(node.mine_one(script)?.to_string()));
    let hashes: Result<Vec<String>, Reject> = hashes.collect();
    result(hashes.map_err(|reject| RpcError::misc(reject.to_string()))?)
}

#[derive(Serialize)]
struct Generated {
    hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
}

fn generate_block(node: &mut Node, params: &Params) -> RpcResult {
    let output: String = params.get(0)?;
    let script = descriptor::to_script(&output).ok();
    let script = script
        .or_else(|| descriptor::script_of_address(&output))
        .ok_or_else(|| RpcError::not_found("Error: Invalid address or descriptor"))?;
    let names: Vec<String> = params.get(1)?;
    let txs = names.iter().map(|name| named(node, name)).collect::<Result<Vec<_>, _>>()?;
    let block = node.build_block(txs, &script).map_err(|reject| {
        RpcError::new(code::VERIFY, format!("TestBlockValidity failed: {reject}"))
    })?;
    let hash = block.block_hash().to_string();
    if !params.optional(2)?.unwrap_or(true) {
        return result(Generated { hash, hex: Some(serialize_hex(&block)) });
    }
    match node.submit_block(block) {
        BlockVerdict::Invalid { .. } => Err(RpcError::misc("Failed to make block.")),
        _ => result(Generated { hash, hex: None }),
    }
}

/// A transaction by the id of a waiting one, or in hex.
fn named(node: &Node, name: &str) -> Result<Transaction, RpcError> {
    if let Ok(txid) = name.parse::<Txid>() {
        let entry = node.mempool().get(&txid);
        let missing = || RpcError::not_found(format!("Transaction {name} not in mempool."));
        return Ok(entry.ok_or_else(missing)?.tx.as_ref().clone());
    }
    decode_transaction(name).ok_or_else(|| {
        RpcError::new(
            code::DESERIALIZATION,
            format!(
                "Transaction decode failed for {name}. Make sure the tx has at least one input."
            ),
        )
    })
}

fn submit_header(node: &mut Node, params: &Params) -> RpcResult {
    let header: Header = deserialize_hex(&params.get::<String>(0)?)
        .map_err(|_| RpcError::new(code::DESERIALIZATION, "Block header decode failed"))?;
    let parent = header.prev_blockhash;
    if node.find_block(&parent).is_none() {
        let message = format!("Must submit previous header ({parent}) first");
        return Err(RpcError::new(code::VERIFY, message));
    }
    node.submit_header(header).map_err(|reject| RpcError::new(code::VERIFY, reject.to_string()))?;
    result(())
}

fn submit_block(node: &mut Node, params: &Params) -> RpcResult {
    let bytes = Vec::from_hex(&params.get::<String>(0)?).ok();
    let block = bytes.and_then(|bytes| deserialize::<Block>(&bytes).ok());
    let mut block =
        block.ok_or_else(|| RpcError::new(code::DESERIALIZATION, "Block decode failed"))?;
    fill_reserved_value(&mut block);
    match node.submit_block(block) {
        BlockVerdict::Connected => result(()),
        verdict => result(verdict.reason()),
    }
}

/// Gives the coinbase the witness that its commitment needs, which miners of old leave out.
fn fill_reserved_value(block: &mut Block) {
    let Some(coinbase) = block.txdata.first_mut() else { return };
    let commits = witness_commitment_place(coinbase).is_some();
    if let Some(input) = coinbase.input.first_mut().filter(|input| input.witness.is_empty())
        && commits
    {
        input.witness = Witness::from_slice(&[[0_u8; 32]]);
    }
}

#[derive(Serialize)]
struct MiningInfo<'a> {
    blocks: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    bits: Option<String>,
    difficulty: Double,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    networkhashps: Double,
    pooledtx: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    blockmintxfee: Option<Btc>,
    chain: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<NextBlock>,
    warnings: Vec<&'a str>,
}

#[derive(Serialize)]
struct NextBlock {
    height: u32,
    bits: String,
    difficulty: Double,
    target: String,
}

fn mining_info(node: &mut Node, _: &Params) -> RpcResult {
    let node = &*node;
    let header = &node.tip().entry().header;
    let shown = block::shows_target(node.generation());
    let newer = super::chain::since_2026(node.generation());
    result(MiningInfo {
        blocks: node.height(),
        bits: shown.then(|| block::bits(header)),
        difficulty: block::difficulty(header),
        target: shown.then(|| block::target(header)),
        networkhashps: Double(hash_rate(node)),
        pooledtx: node.mempool().len(),
        blockmintxfee: newer.then(|| super::pool::rate(node.rules().block_min_feerate)),
        chain: "regtest",
        // The target of regtest never changes.
        next: (node.generation() != Generation::Pr10102July2024).then(|| NextBlock {
            height: node.height() + 1,
            bits: block::bits(header),
            difficulty: block::difficulty(header),
            target: block::target(header),
        }),
        warnings: warnings(node),
    })
}

/// Blocks over which the hash rate is taken.
const HASH_RATE_BLOCKS: usize = 120;

/// Hashes per second that the last blocks took, by their work and times.
fn hash_rate(node: &Node) -> f64 {
    let index = node.index();
    let active = index.active_blocks();
    let first = active.len().saturating_sub(HASH_RATE_BLOCKS + 1);
    let times = || active[first..].iter().map(|id| index.entry(*id).header.time);
    let span = times().max().unwrap_or_default() - times().min().unwrap_or_default();
    let blocks = active.len() - first - 1;
    // A block of regtest takes two hashes on average.
    if span == 0 { 0.0 } else { (2 * blocks) as f64 / f64::from(span) }
}
