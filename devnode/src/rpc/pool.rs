//! Commands about waiting transactions.

use std::collections::BTreeMap;
use std::sync::Arc;

use bitcoin::{OutPoint, Transaction, Txid};
use serde::Serialize;

use super::chain::since_2026;
use super::command::{Command, Kind, needed, optional};
use super::error::{RpcError, code};
use super::params::{Params, decode_transaction};
use super::pool_entry::{EntryJson, entry_json};
use super::script::{OutputScript, output_script};
use super::value::{Btc, RpcResult, result};
use crate::coins::{CoinView, MEMPOOL_HEIGHT};
use crate::feerate::FeeRate;
use crate::generation::Generation;
use crate::mempool::MempoolEntry;
use crate::node::{Broadcast, Node};
use crate::reject::RejectKind;

/// Highest fee rate of a transaction if the caller names none: 0.10 BTC per 1000 virtual bytes.
const DEFAULT_MAX_FEERATE: i64 = 10_000_000;

/// A fee rate from which on a limit can only be a mistake: 1 BTC per 1000 virtual bytes.
const ABSURD_FEERATE: i64 = 100_000_000;

/// Most transactions that are tested at once.
const MAX_TESTED: usize = 25;

/// Farthest target of fee estimates, in blocks.
const MAX_CONF_TARGET: i32 = 1008;

pub(super) const COMMANDS: &[Command] = &[
    Command { name: "getmempoolinfo", params: &[], about: "The state of the mempool.", run: info },
    Command {
        name: "getrawmempool",
        params: &[optional("verbose", Kind::Bool)],
        about: "Ids of all waiting transactions, or what is known of each.",
        run: list,
    },
    Command {
        name: "getmempoolentry",
        params: &[needed("txid", Kind::Text)],
        about: "What is known of a waiting transaction.",
        run: entry,
    },
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
    Command {
        name: "gettxout",
        params: &[
            needed("txid", Kind::Text),
            needed("n", Kind::Number),
            optional("include_mempool", Kind::Bool),
        ],
        about: "An unspent output.",
        run: tx_out,
    },
    Command {
        name: "estimatesmartfee",
        params: &[needed("conf_target", Kind::Number), optional("estimate_mode", Kind::Text)],
        about: "A fee rate for a target in blocks; there never are data for one.",
        run: estimate,
    },
];

#[derive(Serialize)]
struct Info {
    loaded: bool,
    size: usize,
    bytes: u64,
    usage: u64,
    total_fee: Btc,
    maxmempool: u64,
    mempoolminfee: Btc,
    minrelaytxfee: Btc,
    incrementalrelayfee: Btc,
    unbroadcastcount: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    fullrbf: Option<bool>,
    #[serde(flatten)]
    newer: Option<NewerInfo>,
}

/// What nodes tell since 2026.
#[derive(Serialize)]
struct NewerInfo {
    permitbaremultisig: bool,
    maxdatacarriersize: u64,
    limitclustercount: u64,
    limitclustersize: u64,
    optimal: bool,
}

/// Largest data carrying output, in bytes, by default.
const MAX_DATA_CARRIER: u64 = 100_000;

fn info(node: &mut Node, _: &Params) -> RpcResult {
    let (pool, limits) = (node.mempool(), node.limits());
    let relay = node.relay_min_feerate();
    let newer = since_2026(node.generation()).then_some(NewerInfo {
        permitbaremultisig: true,
        maxdatacarriersize: MAX_DATA_CARRIER,
        limitclustercount: limits.cluster,
        limitclustersize: limits.cluster_vsize,
        optimal: true,
    });
    result(Info {
        loaded: true,
        size: pool.len(),
        bytes: pool.entries().map(MempoolEntry::vsize).sum(),
        usage: node.mempool_usage(),
        total_fee: Btc(pool.entries().map(|entry| entry.fee).sum()),
        maxmempool: node.mempool_max_usage(),
        mempoolminfee: rate(node.mempool_min_feerate().max(relay)),
        minrelaytxfee: rate(relay),
        incrementalrelayfee: rate(node.relay_incremental_feerate()),
        // There is nobody to whom anything could have been announced.
        unbroadcastcount: pool.len(),
        fullrbf: (node.generation() != Generation::Core32).then_some(node.rules().full_replacement),
        newer,
    })
}

/// A fee rate per 1000 virtual bytes.
pub(super) fn rate(rate: FeeRate) -> Btc {
    Btc(rate.to_sat_per_kvb())
}

fn list(node: &mut Node, params: &Params) -> RpcResult {
    let entries = node.mempool_transactions();
    if !params.optional(0)?.unwrap_or(false) {
        return result(entries.iter().map(|e| e.txid.to_string()).collect::<Vec<_>>());
    }
    let json: BTreeMap<String, EntryJson> =
        entries.iter().map(|e| (e.txid.to_string(), entry_json(node, e))).collect();
    result(json)
}

fn entry(node: &mut Node, params: &Params) -> RpcResult {
    let txid = params.txid(0, "txid")?;
    let entry = node.mempool().get(&txid);
    let entry = entry.ok_or_else(|| RpcError::not_found("Transaction not in mempool"))?;
    result(entry_json(node, entry))
}

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

#[derive(Serialize)]
struct TxOutJson {
    bestblock: String,
    confirmations: u32,
    value: Btc,
    #[serde(rename = "scriptPubKey")]
    script_pubkey: OutputScript,
    coinbase: bool,
}

fn tx_out(node: &mut Node, params: &Params) -> RpcResult {
    let txid: Txid = params.txid(0, "txid")?;
    let outpoint = OutPoint { txid, vout: params.get(1)? };
    let coin = if params.optional(2)?.unwrap_or(true) {
        let spent = node.mempool().spender(&outpoint).is_some();
        node.find_coins(&[outpoint]).remove(&outpoint).flatten().filter(|_| !spent)
    } else {
        node.coins().coin(&outpoint)
    };
    let Some(coin) = coin else { return result(()) };
    let waits = coin.height == MEMPOOL_HEIGHT;
    result(TxOutJson {
        bestblock: node.tip().hash().to_string(),
        confirmations: if waits { 0 } else { node.height() - coin.height + 1 },
        value: Btc(coin.output.value.to_sat().cast_signed()),
        script_pubkey: output_script(&coin.output.script_pubkey),
        coinbase: coin.coinbase,
    })
}

#[derive(Serialize)]
struct Estimate {
    #[serde(skip_serializing_if = "Option::is_none")]
    feerate: Option<Btc>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<&'static str>,
    blocks: i32,
}

fn estimate(node: &mut Node, params: &Params) -> RpcResult {
    let target: i32 = params.get(0)?;
    if !(1..=MAX_CONF_TARGET).contains(&target) {
        return Err(RpcError::parameter(format!(
            "Invalid conf_target, must be between 1 and {MAX_CONF_TARGET}"
        )));
    }
    let mode = params.optional::<String>(1)?.unwrap_or_default().to_lowercase();
    if !["", "unset", "economical", "conservative"].contains(&mode.as_str()) {
        let message = "Invalid estimate_mode parameter, must be one of: \"unset\", \
                       \"economical\", \"conservative\"";
        return Err(RpcError::parameter(message));
    }
    let estimate = node.estimate_smart_fee(target);
    let found = estimate.feerate > FeeRate::ZERO;
    result(Estimate {
        feerate: found.then(|| rate(estimate.feerate)),
        errors: if found { Vec::new() } else { vec!["Insufficient data or no feerate found"] },
        blocks: estimate.returned_target,
    })
}
