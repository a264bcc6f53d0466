//! `BlockTemplate`.

use bitcoin::Transaction;
use bitcoin::consensus::encode::{deserialize, serialize};
use bitcoin::hashes::Hash;
use bitcoin_grpc_contract::{Reply, Request, v1};
use bytes::Bytes;

use super::Fault;
use crate::miner::merkle_path;
use crate::socket::object::Object;
use crate::socket::template::Template;

/// The only witness element of a coinbase whose block commits to witnesses.
const RESERVED_VALUE: [u8; 32] = [0; 32];

/// Answers what a template knows by itself.
pub(super) fn answer(template: &Template, request: &Request) -> Option<Reply> {
    let made = &template.made;
    Some(match request {
        Request::BlockTemplateGetBlockHeader(_) => {
            let header = Bytes::from(serialize(&template.block.borrow().header));
            Reply::BlockTemplateGetBlockHeader(v1::BlockTemplateGetBlockHeaderResponse { header })
        }
        Request::BlockTemplateGetBlock(_) => {
            let block = Bytes::from(serialize(&*template.block.borrow()));
            Reply::BlockTemplateGetBlock(v1::BlockTemplateGetBlockResponse { block })
        }
        Request::BlockTemplateGetTxFees(_) => {
            let fees_sat = made.fees.clone();
            Reply::BlockTemplateGetTxFees(v1::BlockTemplateGetTxFeesResponse { fees_sat })
        }
        Request::BlockTemplateGetTxSigops(_) => {
            let sigop_costs = made.sigop_costs.iter().map(|cost| cost.cast_signed()).collect();
            Reply::BlockTemplateGetTxSigops(v1::BlockTemplateGetTxSigopsResponse { sigop_costs })
        }
        Request::BlockTemplateGetCoinbaseTx(_) => {
            let coinbase_tx = Some(coinbase(template));
            Reply::BlockTemplateGetCoinbaseTx(v1::BlockTemplateGetCoinbaseTxResponse {
                coinbase_tx,
            })
        }
        Request::BlockTemplateGetCoinbaseMerklePath(_) => {
            let path = merkle_path(&template.block.borrow());
            let merkle_path =
                path.iter().map(|node| Bytes::copy_from_slice(node.as_byte_array())).collect();
            Reply::BlockTemplateGetCoinbaseMerklePath(
                v1::BlockTemplateGetCoinbaseMerklePathResponse { merkle_path },
            )
        }
        _ => return None,
    })
}

fn coinbase(template: &Template) -> v1::CoinbaseTx {
    let (plan, commitment) = (&template.made.coinbase, template.made.witness_commitment());
    let required = commitment.map(|script| v1::TxOut {
        value_sat: 0,
        script_pubkey: Bytes::copy_from_slice(script.as_bytes()),
    });
    v1::CoinbaseTx {
        version: template.made.block.txdata.first().map_or(2, |tx| tx.version.0.cast_unsigned()),
        sequence: plan.sequence().0,
        script_sig_prefix: Bytes::copy_from_slice(plan.script_sig().as_bytes()),
        witness: required.is_some().then(|| Bytes::from_static(&RESERVED_VALUE)),
        block_reward_remaining_sat: plan.reward.cast_signed(),
        required_outputs: required.into_iter().collect(),
        lock_time: plan.lock_time().to_consensus_u32(),
    }
}

/// Completes the block and submits it. From then on it is the template's block, whatever became of it.
pub(super) fn submit(
    object: &Object,
    template: &Template,
    q: &v1::BlockTemplateSubmitSolutionRequest,
) -> Result<Reply, Fault> {
    let judged = object.connection.rules.solutions_are_judged;
    if q.coinbase.is_empty() {
        return match judged {
            true => Ok(reply(String::new(), String::new(), false)),
            false => Err(Fault::Dies("a solution without a coinbase".to_owned())),
        };
    }
    let coinbase: Transaction =
        deserialize(&q.coinbase).map_err(|error| object.end_of_data(error))?;
    let version = q.version.cast_signed();
    let block = template.made.solution(version, q.timestamp, q.nonce, coinbase);
    template.block.replace(block.clone());
    let verdict = object.connection.shared.change(|node| node.submit_block(block));
    let accepted = if judged { verdict.is_connected() } else { verdict.is_processed() };
    Ok(reply(verdict.reason().to_owned(), verdict.debug().to_owned(), accepted))
}

fn reply(reason: String, debug: String, accepted: bool) -> Reply {
    Reply::BlockTemplateSubmitSolution(v1::BlockTemplateSubmitSolutionResponse {
        reason,
        debug,
        accepted,
    })
}
