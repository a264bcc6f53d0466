//! `Mining`, as far as it makes no templates.

use std::time::Duration;

use bitcoin::consensus::encode::{deserialize, serialize};
use bitcoin::hashes::Hash;
use bitcoin::{Block, Txid, Wtxid};
use bitcoin_grpc_contract::{Profile, Reply, Request, v1};
use bytes::Bytes;

use super::{Answer, Fault, block_hash, hash_bytes};
use crate::consensus::BlockChecks;
use crate::mempool::MempoolEntry;
use crate::node::Node;
use crate::socket::Shared;

/// Longest wait, in milliseconds; a longer one is as good as for ever. Real nodes cap at a century.
const LONGEST_WAIT_MS: f64 = 1e12;

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

/// Waits until the tip is not the one given, or the time is up; then answers with the tip.
pub(super) async fn wait_tip_changed(
    shared: &Shared,
    request: &v1::MiningWaitTipChangedRequest,
) -> Reply {
    let known = block_hash(&request.current_tip);
    let mut changes = shared.changes();
    let changed = async {
        while shared.node().tip().hash() == known {
            if changes.changed().await.is_err() {
                return;
            }
        }
    };
    let milliseconds = request.timeout_ms.unwrap_or(LONGEST_WAIT_MS).clamp(0.0, LONGEST_WAIT_MS);
    // The time being up is an answer like any other.
    let _ = tokio::time::timeout(Duration::from_secs_f64(milliseconds / 1000.0), changed).await;
    let tip = Some(tip(&shared.node()));
    Reply::MiningWaitTipChanged(v1::MiningWaitTipChangedResponse { tip })
}

fn tip(node: &Node) -> v1::BlockRef {
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
