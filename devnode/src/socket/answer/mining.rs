//! `Mining`, as far as it does not wait.

use bitcoin::consensus::encode::{deserialize, serialize};
use bitcoin::hashes::Hash;
use bitcoin::{Block, Txid, Wtxid};
use bitcoin_grpc_contract::{Profile, Reply, Request, v1};
use bytes::Bytes;

use super::{Answer, Fault, hash_bytes};
use crate::consensus::{BlockChecks, MAX_BLOCK_SIGOPS_COST, MAX_BLOCK_WEIGHT};
use crate::mempool::MempoolEntry;
use crate::miner::{DEFAULT_RESERVED_SIGOPS, DEFAULT_RESERVED_WEIGHT, TemplateOptions};
use crate::node::Node;
use crate::socket::object::Object;
use crate::socket::rules::Bounds;

/// Least weight that must stay free for header and coinbase (`policy/policy.h`, MINIMUM_BLOCK_RESERVED_WEIGHT).
const MIN_RESERVED_WEIGHT: u64 = 2_000;

pub(super) fn answer(node: &Node, _: &Profile, request: &Request) -> Answer {
    Some(Ok(match request {
        Request::MiningIsTestChain(_) => {
            Reply::MiningIsTestChain(v1::MiningIsTestChainResponse { test_chain: true })
        }
        Request::MiningIsInitialBlockDownload(_) => {
            Reply::MiningIsInitialBlockDownload(v1::MiningIsInitialBlockDownloadResponse {
                initial_block_download: node.is_initial_block_download(),
            })
        }
        Request::MiningGetTip(_) => {
            Reply::MiningGetTip(v1::MiningGetTipResponse { tip: Some(tip(node)) })
        }
        Request::MiningCheckBlock(q) => match deserialize::<Block>(&q.block) {
            Ok(block) => check(node, &block, q.options.as_ref()),
            Err(error) => return Some(Err(Fault::Exception(error.to_string()))),
        },
        Request::MiningGetTransactionsByTxId(q) => {
            let found = q.txids.iter().map(|id| Txid::from_slice(id).ok());
            let found = found.map(|id| id.and_then(|id| node.mempool().get(&id)));
            Reply::MiningGetTransactionsByTxId(v1::MiningGetTransactionsByTxIdResponse {
                transactions: found.map(entry).collect(),
            })
        }
        Request::MiningGetTransactionsByWitnessId(q) => {
            let found = q.wtxids.iter().map(|id| Wtxid::from_slice(id).ok());
            let found = found.map(|id| id.and_then(|id| node.mempool().get_by_wtxid(&id)));
            Reply::MiningGetTransactionsByWitnessId(v1::MiningGetTransactionsByWitnessIdResponse {
                transactions: found.map(entry).collect(),
            })
        }
        _ => return None,
    }))
}

pub(super) fn change(node: &mut Node, request: &Request) -> Answer {
    let Request::MiningSubmitBlock(q) = request else { return None };
    Some(match deserialize::<Block>(&q.block) {
        Ok(block) => {
            let verdict = node.submit_block(block);
            Ok(Reply::MiningSubmitBlock(v1::MiningSubmitBlockResponse {
                reason: verdict.reason().to_owned(),
                debug: verdict.debug().to_owned(),
                accepted: verdict.is_connected(),
            }))
        }
        Err(error) => Err(Fault::Exception(error.to_string())),
    })
}

/// The options of a template, within the bounds that the generation has.
pub(super) fn options(
    object: &Object,
    wanted: Option<&v1::BlockCreateOptions>,
) -> Result<TemplateOptions, Fault> {
    let rules = object.connection.rules;
    readable(object)?;
    let given = |value: Option<u64>, default| {
        value.unwrap_or(if rules.option_defaults { default } else { 0 })
    };
    let weight = given(wanted.and_then(|o| o.block_reserved_weight), DEFAULT_RESERVED_WEIGHT);
    let sigops = given(
        wanted.and_then(|o| o.coinbase_output_max_additional_sigops),
        DEFAULT_RESERVED_SIGOPS,
    );
    check_bounds(object, weight, sigops)?;
    let use_mempool = wanted.and_then(|o| o.use_mempool).unwrap_or(rules.option_defaults);
    Ok(TemplateOptions {
        use_mempool,
        reserved_weight: weight.min(MAX_BLOCK_WEIGHT),
        reserved_sigops: sigops.min(MAX_BLOCK_SIGOPS_COST),
        ..TemplateOptions::default()
    })
}

/// Settings that are read anew for every template, as texts.
const READ: [&str; 3] = ["blockmaxweight", "blockmintxfee", "printpriority"];

/// A node throws over a list in place of a text.
fn readable(object: &Object) -> Result<(), Fault> {
    let node = object.connection.shared.node();
    let list = |name: &&str| node.settings().get(name).elements().is_some();
    match READ.iter().any(list) {
        true => {
            let what = "JSON value of type array is not of expected type string";
            Err(object.thrown(what, what.to_owned()))
        }
        false => Ok(()),
    }
}

fn check_bounds(object: &Object, weight: u64, sigops: u64) -> Result<(), Fault> {
    let too_low = weight < MIN_RESERVED_WEIGHT;
    let bounds = object.connection.rules.bounds;
    let what = match (weight, sigops) {
        _ if too_low => format!(
            "block_reserved_weight ({weight}) is lower than minimum safety value of \
             ({MIN_RESERVED_WEIGHT})"
        ),
        _ if weight > MAX_BLOCK_WEIGHT => format!(
            "block_reserved_weight ({weight}) exceeds consensus maximum block weight \
             ({MAX_BLOCK_WEIGHT})"
        ),
        _ if sigops > MAX_BLOCK_SIGOPS_COST => format!(
            "coinbase_output_max_additional_sigops ({sigops}) exceeds consensus maximum block \
             sigops cost ({MAX_BLOCK_SIGOPS_COST})"
        ),
        _ => return Ok(()),
    };
    match bounds {
        Bounds::Clamp if !too_low => Ok(()),
        Bounds::Die => Err(Fault::Dies(what)),
        Bounds::Clamp | Bounds::Throw => Err(object.thrown(&what.clone(), what)),
    }
}

pub(super) fn tip(node: &Node) -> v1::BlockRef {
    let tip = node.tip();
    v1::BlockRef { hash: hash_bytes(tip.hash()), height: super::block::height(tip.height()) }
}

fn check(node: &Node, block: &Block, options: Option<&v1::BlockCheckOptions>) -> Reply {
    let on = |choice: Option<bool>| choice.unwrap_or(true);
    let checks = BlockChecks {
        work: on(options.and_then(|o| o.check_pow)),
        merkle_root: on(options.and_then(|o| o.check_merkle_root)),
    };
    let (reason, debug) = match node.check_block(block, checks) {
        Ok(()) => (String::new(), String::new()),
        Err(reject) => (reject.reason.to_string(), reject.debug.to_string()),
    };
    let valid = reason.is_empty();
    Reply::MiningCheckBlock(v1::MiningCheckBlockResponse { reason, debug, valid })
}

fn entry(entry: Option<&MempoolEntry>) -> v1::MempoolTransaction {
    let tx = entry.map(|entry| Bytes::from(serialize(entry.tx.as_ref())));
    v1::MempoolTransaction { tx }
}
