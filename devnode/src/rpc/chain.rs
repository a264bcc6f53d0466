//! Commands about blocks and the chain.

use bitcoin::consensus::encode::serialize_hex;
use serde::Serialize;

use super::block::{self, header_json};
use super::command::{Command, Kind, needed, optional};
use super::error::{RpcError, code};
use super::params::Params;
use super::value::{Double, RpcResult, result};
use crate::blocks::{BlockData, BlockView};
use crate::generation::Generation;
use crate::node::{Node, NodeError};

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "getblockcount",
        params: &[],
        about: "Height of the tip; genesis has height 0.",
        run: |node, _| result(node.height()),
    },
    Command {
        name: "getbestblockhash",
        params: &[],
        about: "Hash of the tip.",
        run: |node, _| result(node.tip().hash().to_string()),
    },
    Command {
        name: "getblockhash",
        params: &[needed("height", Kind::Number)],
        about: "Hash of the block at a height of the active chain.",
        run: block_hash,
    },
    Command {
        name: "getblock",
        params: &[needed("blockhash", Kind::Text), optional("verbosity", Kind::Any)],
        about: "A block: in hex with verbosity 0, its data with 1, and those of its transactions with 2.",
        run: get_block,
    },
    Command {
        name: "getblockheader",
        params: &[needed("blockhash", Kind::Text), optional("verbose", Kind::Bool)],
        about: "The data of a header, or its hex unless verbose.",
        run: get_header,
    },
    Command {
        name: "getblockchaininfo",
        params: &[],
        about: "The state of the chain.",
        run: chain_info,
    },
    Command {
        name: "getchaintips",
        params: &[],
        about: "The ends of all known branches.",
        run: chain_tips,
    },
    Command {
        name: "verifychain",
        params: &[optional("checklevel", Kind::Number), optional("nblocks", Kind::Number)],
        about: "Checks the last blocks of the chain, six unless told otherwise; 0 means all.",
        run: verify_chain,
    },
    Command {
        name: "invalidateblock",
        params: &[needed("blockhash", Kind::Text)],
        about: "Treats a block as invalid, and everything on top of it.",
        run: |node, params| move_chain(node, params, Node::invalidate),
    },
    Command {
        name: "reconsiderblock",
        params: &[needed("blockhash", Kind::Text)],
        about: "Takes the effect of invalidateblock back.",
        run: |node, params| move_chain(node, params, Node::reconsider),
    },
    Command {
        name: "preciousblock",
        params: &[needed("blockhash", Kind::Text)],
        about: "Prefers a block to others with the same work.",
        run: |node, params| move_chain(node, params, Node::prefer),
    },
    Command {
        name: "getindexinfo",
        params: &[optional("index_name", Kind::Text)],
        about: "The state of the indexes that are switched on.",
        run: index_info,
    },
];

fn block_hash(node: &mut Node, params: &Params) -> RpcResult {
    let height: i32 = params.get(0)?;
    let hash = node.block_hash_at(height);
    result(hash.map_err(|_| RpcError::parameter("Block height out of range"))?.to_string())
}

/// The block that an argument names.
fn named<'a>(node: &'a Node, params: &Params, name: &str) -> Result<BlockView<'a>, RpcError> {
    let hash = params.block_hash(0, name)?;
    node.find_block(&hash).ok_or_else(|| RpcError::not_found("Block not found"))
}

fn get_block(node: &mut Node, params: &Params) -> RpcResult {
    let verbosity = match params.kind(1) {
        Kind::Bool => i64::from(params.get::<bool>(1)?),
        Kind::Number | Kind::Null => params.optional(1)?.unwrap_or(1),
        _ => return Err(RpcError::new(code::TYPE, "JSON value is not an integer as expected")),
    };
    let view = named(node, params, "blockhash")?;
    let Some(data) = view.block() else {
        return Err(RpcError::misc(match view.entry().data {
            BlockData::Pruned => "Block not available (pruned data)",
            _ => "Block not available (not fully downloaded)",
        }));
    };
    match verbosity {
        ..=0 => result(serialize_hex(data.as_ref())),
        1 => result(block::block_json(node, view, data, false)?),
        _ => result(block::block_json(node, view, data, true)?),
    }
}

fn get_header(node: &mut Node, params: &Params) -> RpcResult {
    let view = named(node, params, "hash")?;
    match params.optional(1)?.unwrap_or(true) {
        true => result(header_json(node, view)),
        false => result(serialize_hex(&view.entry().header)),
    }
}

#[derive(Serialize)]
struct ChainInfo<'a> {
    chain: &'static str,
    blocks: u32,
    headers: u32,
    bestblockhash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    bits: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    difficulty: Double,
    time: u32,
    mediantime: u32,
    verificationprogress: Double,
    initialblockdownload: bool,
    chainwork: String,
    size_on_disk: u64,
    pruned: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pruneheight: Option<u32>,
    warnings: Vec<&'a str>,
}

fn chain_info(node: &mut Node, _: &Params) -> RpcResult {
    let node = &*node;
    let tip = node.tip();
    let shows_target = block::shows_target(node.generation());
    let header = &tip.entry().header;
    result(ChainInfo {
        chain: "regtest",
        blocks: tip.height(),
        headers: node.index().entry(node.index().best_header()).height,
        bestblockhash: tip.hash().to_string(),
        bits: shows_target.then(|| block::bits(header)),
        target: shows_target.then(|| block::target(header)),
        difficulty: block::difficulty(header),
        time: tip.time(),
        mediantime: tip.median_time(),
        verificationprogress: Double(node.guess_verification_progress(&tip.hash())),
        initialblockdownload: node.is_initial_block_download(),
        chainwork: block::work(tip),
        size_on_disk: node.index().stored_bytes(),
        pruned: node.have_pruned(),
        pruneheight: node.prune_height().map(|height| height + 1),
        warnings: warnings(node),
    })
}

/// The warnings one by one; the operator's text joins them with a line.
pub(super) fn warnings(node: &Node) -> Vec<&str> {
    node.warnings().split("<hr />").filter(|warning| !warning.is_empty()).collect()
}

#[derive(Serialize)]
struct ChainTip {
    height: u32,
    hash: String,
    branchlen: u32,
    status: &'static str,
}

fn chain_tips(node: &mut Node, _: &Params) -> RpcResult {
    let index = node.index();
    let tips = index.leaves().into_iter().map(|id| {
        let entry = index.entry(id);
        let fork = index.path_to(id).fork;
        ChainTip {
            height: entry.height,
            hash: entry.hash.to_string(),
            branchlen: entry.height - index.entry(fork).height,
            status: match () {
                () if index.is_active(id) => "active",
                () if entry.failed => "invalid",
                () if entry.chain_tx_count == 0 => "headers-only",
                () if entry.was_connected => "valid-fork",
                () => "valid-headers",
            },
        }
    });
    result(tips.collect::<Vec<_>>())
}

fn move_chain(
    node: &mut Node,
    params: &Params,
    change: fn(&mut Node, &bitcoin::BlockHash) -> Result<(), NodeError>,
) -> RpcResult {
    let hash = params.block_hash(0, "blockhash")?;
    match change(node, &hash) {
        Ok(()) => result(()),
        Err(NodeError::UnknownBlock) => Err(RpcError::not_found("Block not found")),
        Err(error) => Err(RpcError::misc(error.to_string())),
    }
}

#[derive(Serialize)]
struct Indexes {
    #[serde(skip_serializing_if = "Option::is_none")]
    txindex: Option<IndexState>,
    #[serde(rename = "basic block filter index", skip_serializing_if = "Option::is_none")]
    basic: Option<IndexState>,
}

#[derive(Serialize)]
struct IndexState {
    synced: bool,
    best_block_height: u32,
}

fn index_info(node: &mut Node, params: &Params) -> RpcResult {
    let wanted = params.optional::<String>(0)?.unwrap_or_default();
    let state = |name: &str, there: bool| {
        let shown = there && (wanted.is_empty() || wanted == name);
        shown.then(|| IndexState { synced: true, best_block_height: node.height() })
    };
    result(Indexes {
        txindex: state("txindex", has_transaction_index(node)),
        basic: state(
            "basic block filter index",
            node.has_filter_index(crate::filters::BASIC_FILTER),
        ),
    })
}

/// Whether the node was started with an index of transactions. There is none, but the chain is short.
pub(super) fn has_transaction_index(node: &Node) -> bool {
    let value = node.settings().get("txindex");
    !value.is_null() && !value.is_false() && value.as_str() != "\"0\""
}

/// Whether a generation is newer than that of May 2025.
pub(super) fn since_2026(generation: Generation) -> bool {
    matches!(generation, Generation::Pr10102February2026 | Generation::Core32)
}

/// Checks below this level do not connect blocks again.
const CHECK_CONNECTING: i32 = 4;

fn verify_chain(node: &mut Node, params: &Params) -> RpcResult {
    let level = params.optional::<i32>(0)?.unwrap_or(3);
    let blocks = params.optional::<u32>(1)?.unwrap_or(6);
    node.verify_chain(blocks, level >= CHECK_CONNECTING);
    result(true)
}
