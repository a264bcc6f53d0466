//! Transactions in JSON.

use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{Transaction, TxIn, TxOut};
use serde::Serialize;

use super::block::hex;
use super::script::{OutputScript, ScriptSig, output_script};
use super::value::Btc;

#[derive(Serialize)]
pub(super) struct TransactionJson {
    txid: String,
    hash: String,
    version: u32,
    size: usize,
    vsize: usize,
    weight: u64,
    locktime: u32,
    vin: Vec<InputJson>,
    vout: Vec<OutputJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fee: Option<Btc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hex: Option<String>,
}

#[derive(Serialize)]
struct InputJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    coinbase: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    txid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vout: Option<u32>,
    #[serde(rename = "scriptSig", skip_serializing_if = "Option::is_none")]
    script_sig: Option<ScriptSig>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    txinwitness: Vec<String>,
    sequence: u32,
}

#[derive(Serialize)]
struct OutputJson {
    value: Btc,
    n: usize,
    #[serde(rename = "scriptPubKey")]
    script_pubkey: OutputScript,
}

/// A transaction, with its hex if wanted.
pub(super) fn transaction_json(tx: &Transaction, with_hex: bool) -> TransactionJson {
    TransactionJson {
        txid: tx.compute_txid().to_string(),
        hash: tx.compute_wtxid().to_string(),
        version: tx.version.0.cast_unsigned(),
        size: tx.total_size(),
        vsize: tx.vsize(),
        weight: tx.weight().to_wu(),
        locktime: tx.lock_time.to_consensus_u32(),
        vin: tx.input.iter().map(|input| input_json(input, tx.is_coinbase())).collect(),
        vout: tx.output.iter().enumerate().map(output_json).collect(),
        fee: None,
        hex: with_hex.then(|| serialize_hex(tx)),
    }
}

fn input_json(input: &TxIn, coinbase: bool) -> InputJson {
    let spends = (!coinbase).then_some(input.previous_output);
    InputJson {
        coinbase: coinbase.then(|| input.script_sig.to_hex_string()),
        txid: spends.map(|outpoint| outpoint.txid.to_string()),
        vout: spends.map(|outpoint| outpoint.vout),
        script_sig: spends.map(|_| ScriptSig::of(&input.script_sig)),
        txinwitness: input.witness.iter().map(hex).collect(),
        sequence: input.sequence.0,
    }
}

fn output_json((n, output): (usize, &TxOut)) -> OutputJson {
    OutputJson {
        value: Btc(output.value.to_sat().cast_signed()),
        n,
        script_pubkey: output_script(&output.script_pubkey),
    }
}
