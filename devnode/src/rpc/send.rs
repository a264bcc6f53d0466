//! Commands that offer transactions to the mempool.

use std::sync::Arc;

use bitcoin::Transaction;
use serde::Serialize;

use super::command::{Command, Kind, needed, optional};
use super::error::{RpcError, code};
use super::params::{Params, decode_transaction};
use super::pool::rate;
use super::value::{Btc, RpcResult, result};
use crate::feerate::FeeRate;
use crate::generation::Generation;
use crate::node::{Broadcast, Node};
use crate::reject::RejectKind;

/// Highest fee rate of a transaction if the caller names none: 0.10 BTC per 1000 virtual bytes.
const DEFAULT_MAX_FEERATE: i64 = 10_000_000;

/// A fee rate from which on a limit can only be a mistake: 1 BTC per 1000 virtual bytes.
const ABSURD_FEERATE: i64 = 100_000_000;

/// Most transactions that are tested at once.
const MAX_TESTED: usize = 25;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "sendrawtransaction",
        params: &[
            needed("hexstring", Kind::Text),
            optional("maxfeerate", Kind::Any),
            optional("maxburnamount", Kind::Any),
        ],
        about: "Puts a transaction into the mempool.",
        run: send,
    },
    Command {
        name: "testmempoolaccept",
        params: &[needed("rawtxs", Kind::Array), optional("maxfeerate", Kind::Any)],
        about: "Tells whether the mempool would take transactions, each for itself.",
        run: test,
    },
];

/// The highest fee rate that a caller allows, in satoshi per 1000 virtual bytes; zero for any.
fn max_feerate(params: &Params, place: usize) -> Result<i64, RpcError> {
    let rate = params.amount(place)?.unwrap_or(DEFAULT_MAX_FEERATE);
    match rate < ABSURD_FEERATE {
        true => Ok(rate),
        false => {
            Err(RpcError::parameter("Fee rates larger than or equal to 1BTC/kvB are not accepted"))
        }
    }
}

fn send(node: &mut Node, params: &Params) -> RpcResult {
    let tx = params.transaction(0)?;
    let max_fee = FeeRate::from_sat_per_kvb(max_feerate(params, 1)?).fee(tx.vsize() as u64);
    let max_burn = params.amount(2)?.unwrap_or(0);
    if tx.output.iter().any(|output| {
        output.script_pubkey.is_op_return() && output.value.to_sat().cast_signed() > max_burn
    }) {
        let message = "Unspendable output exceeds maximum configured by user (maxburnamount)";
        return Err(RpcError::new(code::VERIFY, message));
    }
    let txid = tx.compute_txid();
    match node.submit_transaction(tx, max_fee) {
        Broadcast::Accepted => result(txid.to_string()),
        Broadcast::MissingInputs(reason) => Err(RpcError::new(code::VERIFY, reason)),
        Broadcast::Rejected(reason) => Err(RpcError::new(code::VERIFY_REJECTED, reason)),
        Broadcast::Confirmed => {
            Err(RpcError::new(code::VERIFY_IN_CHAIN, "Transaction outputs already in utxo set"))
        }
        Broadcast::MaxFeeExceeded => Err(RpcError::new(
            code::VERIFY,
            "Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)",
        )),
    }
}

#[derive(Default, Serialize)]
struct Tested {
    txid: String,
    wtxid: String,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    vsize: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fees: Option<TestedFees>,
    #[serde(rename = "reject-reason", skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(rename = "reject-details", skip_serializing_if = "Option::is_none")]
    details: Option<String>,
}

#[derive(Serialize)]
struct TestedFees {
    base: Btc,
    #[serde(rename = "effective-feerate")]
    feerate: Btc,
    #[serde(rename = "effective-includes")]
    includes: [String; 1],
}

fn test(node: &mut Node, params: &Params) -> RpcResult {
    let raw: Vec<String> = params.get(0)?;
    if raw.is_empty() || raw.len() > MAX_TESTED {
        return Err(RpcError::parameter(format!(
            "Array must contain between 1 and {MAX_TESTED} transactions."
        )));
    }
    let limit = FeeRate::from_sat_per_kvb(max_feerate(params, 1)?);
    let decode = |hex: &String| {
        decode_transaction(hex).ok_or_else(|| {
            let message =
                format!("TX decode failed: {hex} Make sure the tx has at least one input.");
            RpcError::new(code::DESERIALIZATION, message)
        })
    };
    let txs = raw.iter().map(decode).collect::<Result<Vec<_>, _>>()?;
    result(txs.into_iter().map(|tx| tested(node, tx, limit)).collect::<Vec<_>>())
}

fn tested(node: &Node, tx: Transaction, limit: FeeRate) -> Tested {
    let (txid, wtxid) = (tx.compute_txid().to_string(), tx.compute_wtxid().to_string());
    let about = Tested { txid, wtxid: wtxid.clone(), ..Tested::default() };
    let shows_details = node.generation() != Generation::Pr10102July2024;
    match node.test_transaction(Arc::new(tx)) {
        Ok(candidate) => {
            let (fee, vsize) = (candidate.entry.fee, candidate.entry.vsize());
            let max_fee = limit.fee(vsize);
            if max_fee > 0 && fee > max_fee {
                return Tested { reason: Some("max-fee-exceeded".to_owned()), ..about };
            }
            let feerate = rate(FeeRate::from_fee(fee, vsize));
            let fees = Some(TestedFees { base: Btc(fee), feerate, includes: [wtxid] });
            Tested { allowed: true, vsize: Some(vsize), fees, ..about }
        }
        Err(reject) if reject.kind == RejectKind::MissingInputs => {
            Tested { reason: Some("missing-inputs".to_owned()), ..about }
        }
        Err(reject) => {
            let details = shows_details.then(|| reject.to_string());
            Tested { reason: Some(reject.reason), details, ..about }
        }
    }
}
