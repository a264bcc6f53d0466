//! Commands about waiting transactions and unspent outputs.

use bitcoin::{OutPoint, Txid};
use serde::Serialize;

use super::chain::since_2026;
use super::command::{Command, Kind, needed, optional};
use super::error::RpcError;
use super::params::Params;
use super::pool_entry::{EntryJson, entry_json};
use super::script::{OutputScript, output_script};
use super::value::{Btc, RpcResult, result};
use crate::coins::{CoinView, MEMPOOL_HEIGHT};
use crate::feerate::FeeRate;
use crate::generation::Generation;
use crate::mempool::MempoolEntry;
use crate::node::Node;

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
        unbroadcastcount: pool.entries().filter(|entry| entry.unbroadcast).count(),
        fullrbf: (node.generation() != Generation::Core32).then_some(node.rules().full_replacement),
        newer,
    })
}

/// Entries by id, in the order of the mempool.
struct Entries(Vec<(String, EntryJson)>);

impl Serialize for Entries {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(txid, entry)| (txid, entry)))
    }
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
    result(Entries(entries.iter().map(|e| (e.txid.to_string(), entry_json(node, e))).collect()))
}

fn entry(node: &mut Node, params: &Params) -> RpcResult {
    let txid = params.txid(0, "txid")?;
    let entry = node.mempool().get(&txid);
    let entry = entry.ok_or_else(|| RpcError::not_found("Transaction not in mempool"))?;
    result(entry_json(node, entry))
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
