//! Headers and blocks in JSON.

use bitcoin::block::Header;
use bitcoin::{Block, Transaction};
use serde::Serialize;

use super::chain::since_2026;
use super::error::RpcError;
use super::transaction::{TransactionJson, transaction_json};
use super::value::Double;
use crate::blocks::BlockView;
use crate::generation::Generation;
use crate::node::Node;

#[derive(Serialize)]
pub(super) struct HeaderJson {
    hash: String,
    confirmations: i64,
    height: u32,
    version: i32,
    #[serde(rename = "versionHex")]
    version_hex: String,
    merkleroot: String,
    time: u32,
    mediantime: u32,
    nonce: u32,
    bits: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    difficulty: Double,
    chainwork: String,
    #[serde(rename = "nTx")]
    transactions: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    previousblockhash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nextblockhash: Option<String>,
}

pub(super) fn header_json(node: &Node, view: BlockView<'_>) -> HeaderJson {
    let entry = view.entry();
    let header = &entry.header;
    HeaderJson {
        hash: view.hash().to_string(),
        confirmations: confirmations(node, view),
        height: view.height(),
        version: header.version.to_consensus(),
        version_hex: format!("{:08x}", header.version.to_consensus()),
        merkleroot: header.merkle_root.to_string(),
        time: header.time,
        mediantime: view.median_time(),
        nonce: header.nonce,
        bits: bits(header),
        target: shows_target(node.generation()).then(|| target(header)),
        difficulty: difficulty(header),
        chainwork: work(view),
        transactions: entry.transactions(),
        previousblockhash: entry.parent.map(|_| header.prev_blockhash.to_string()),
        nextblockhash: view.next().map(|next| next.hash().to_string()),
    }
}

/// Blocks from this one to the tip, both counted; -1 for a block off the active chain.
pub(super) fn confirmations(node: &Node, view: BlockView<'_>) -> i64 {
    if view.in_active_chain() {
        i64::from(node.height()) - i64::from(view.height()) + 1
    } else {
        -1
    }
}

#[derive(Serialize)]
pub(super) struct BlockJson {
    #[serde(flatten)]
    header: HeaderText,
    strippedsize: usize,
    size: usize,
    weight: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    coinbase_tx: Option<CoinbaseJson>,
    tx: Vec<BlockTransaction>,
}

/// A header inside of a block. A flattened struct is written field by field, in order.
type HeaderText = HeaderJson;

#[derive(Serialize)]
#[serde(untagged)]
enum BlockTransaction {
    Id(String),
    Whole(Box<TransactionJson>),
}

#[derive(Serialize)]
struct CoinbaseJson {
    version: i32,
    locktime: u32,
    sequence: u32,
    coinbase: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    witness: Option<String>,
}

pub(super) fn block_json(
    node: &Node,
    view: BlockView<'_>,
    block: &Block,
    whole: bool,
) -> Result<BlockJson, RpcError> {
    let newer = since_2026(node.generation());
    let tx = |(place, tx): (usize, &Transaction)| match whole {
        true => BlockTransaction::Whole(Box::new(with_fee(node, view, place, tx))),
        false => BlockTransaction::Id(tx.compute_txid().to_string()),
    };
    Ok(BlockJson {
        header: header_json(node, view),
        strippedsize: (block.weight().to_wu() as usize - block.total_size()) / 3,
        size: block.total_size(),
        weight: block.weight().to_wu(),
        coinbase_tx: block.txdata.first().filter(|_| newer).and_then(coinbase_json),
        tx: block.txdata.iter().enumerate().map(tx).collect(),
    })
}

fn coinbase_json(tx: &Transaction) -> Option<CoinbaseJson> {
    let input = tx.input.first()?;
    Some(CoinbaseJson {
        version: tx.version.0,
        locktime: tx.lock_time.to_consensus_u32(),
        sequence: input.sequence.0,
        coinbase: input.script_sig.to_hex_string(),
        witness: input.witness.iter().next().map(hex),
    })
}

/// A transaction of a block with its fee, which is known while the block is connected.
fn with_fee(node: &Node, view: BlockView<'_>, place: usize, tx: &Transaction) -> TransactionJson {
    let spent = node.coins().spent_by(&view.hash()).filter(|_| place > 0);
    let fee = spent.map(|change| {
        let inputs = tx.input.iter().filter_map(|input| {
            change.spent.iter().find(|(name, _)| *name == input.previous_output)
        });
        let paid: u64 = inputs.map(|(_, coin)| coin.output.value.to_sat()).sum();
        let kept: u64 = tx.output.iter().map(|output| output.value.to_sat()).sum();
        paid.cast_signed() - kept.cast_signed()
    });
    let mut json = transaction_json(tx, true);
    json.fee = fee.map(super::value::Btc);
    json
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bitcoin::hex::DisplayHex::to_lower_hex_string(bytes)
}

/// Whether headers are shown with their target; nodes of 2024 do not.
pub(super) fn shows_target(generation: Generation) -> bool {
    generation != Generation::Pr10102July2024
}

pub(super) fn bits(header: &Header) -> String {
    format!("{:08x}", header.bits.to_consensus())
}

pub(super) fn target(header: &Header) -> String {
    hex(&header.target().to_be_bytes())
}

pub(super) fn work(view: BlockView<'_>) -> String {
    hex(&view.entry().work.to_be_bytes())
}

/// How often the easiest target of the main network goes into the header's: mantissa by mantissa, and a factor of 256
/// for each step of the exponent.
pub(super) fn difficulty(header: &Header) -> Double {
    const EASIEST_MANTISSA: f64 = 65_535.0;
    const EASIEST_EXPONENT: i32 = 29;
    let bits = header.bits.to_consensus();
    let exponent = (bits >> 24) as i32;
    let quotient = EASIEST_MANTISSA / f64::from(bits & 0x00ff_ffff);
    Double(quotient * 256_f64.powi(EASIEST_EXPONENT - exponent))
}
