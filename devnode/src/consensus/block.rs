//! Checks on whole blocks, in the order Bitcoin Core makes them.

use bitcoin::hashes::Hash;
use bitcoin::script::Builder;
use bitcoin::{Block, Transaction, TxMerkleNode};

use super::header::check_work;
use super::locks::{is_final, sequence_locks_pass};
use super::transaction::{check_inputs, check_transaction};
use super::{MAX_BLOCK_SIGOPS_COST, MAX_BLOCK_WEIGHT, WITNESS_SCALE, subsidy};
use crate::blocks::{BlockId, BlockIndex};
use crate::coins::{BlockChange, BlockOverlay, CoinView, UtxoSet, overwrites};
use crate::miner::{merkle_parent, witness_commitment_place};
use crate::reject::{Reject, RejectKind};
use crate::scripts::check_scripts;

/// Which of the costly promises of a block are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockChecks {
    /// Whether the hash meets the target.
    pub work: bool,
    /// Whether the merkle root fits the transactions.
    pub merkle_root: bool,
}

impl BlockChecks {
    /// Everything is checked.
    pub const ALL: Self = Self { work: true, merkle_root: true };
}

/// Checks that need nothing but the block.
pub fn check_block(block: &Block, checks: BlockChecks) -> Result<(), Reject> {
    if checks.work {
        check_work(&block.header)?;
    }
    if checks.merkle_root {
        check_merkle_root(block)?;
    }
    check_shape(block)?;
    for tx in &block.txdata {
        check_transaction(tx).map_err(|reject| {
            let debug = format!(
                "Transaction check failed (tx hash {}) {}",
                tx.compute_txid(),
                reject.debug
            );
            Reject { debug, ..reject }
        })?;
    }
    let sigops: u64 = block.txdata.iter().map(legacy_sigops).sum();
    if sigops * WITNESS_SCALE > MAX_BLOCK_SIGOPS_COST {
        return Err(consensus("bad-blk-sigops", "out-of-bounds SigOpCount"));
    }
    Ok(())
}

fn check_merkle_root(block: &Block) -> Result<(), Reject> {
    let root = block.compute_merkle_root().unwrap_or_else(TxMerkleNode::all_zeros);
    if root != block.header.merkle_root {
        return Err(Reject::new(RejectKind::Mutated, "bad-txnmrklroot", "hashMerkleRoot mismatch"));
    }
    if repeats_hashes(block) {
        return Err(Reject::new(
            RejectKind::Mutated,
            "bad-txns-duplicate",
            "duplicate transaction",
        ));
    }
    Ok(())
}

/// Whether two equal neighbours meet on any level of the merkle tree, which would let another list of transactions
/// have the same root (CVE-2012-2459).
fn repeats_hashes(block: &Block) -> bool {
    let mut level: Vec<TxMerkleNode> = block
        .txdata
        .iter()
        .map(|tx| TxMerkleNode::from_raw_hash(tx.compute_txid().to_raw_hash()))
        .collect();
    while level.len() > 1 {
        if level.chunks_exact(2).any(|pair| pair[0] == pair[1]) {
            return true;
        }
        level = level.chunks(2).map(|pair| merkle_parent(pair[0], pair[pair.len() - 1])).collect();
    }
    false
}

fn check_shape(block: &Block) -> Result<(), Reject> {
    let stripped: u64 = 80 + block.txdata.iter().map(|tx| tx.base_size() as u64).sum::<u64>();
    let count = block.txdata.len() as u64;
    if count == 0 || count.max(stripped) * WITNESS_SCALE > MAX_BLOCK_WEIGHT {
        return Err(consensus("bad-blk-length", "size limits failed"));
    }
    if !block.txdata[0].is_coinbase() {
        return Err(consensus("bad-cb-missing", "first tx is not coinbase"));
    }
    if block.txdata[1..].iter().any(Transaction::is_coinbase) {
        return Err(consensus("bad-cb-multiple", "more than one coinbase"));
    }
    Ok(())
}

/// Checks that need the headers below a block that passed [`check_block`].
pub fn check_contextual(block: &Block, index: &BlockIndex, parent: BlockId) -> Result<(), Reject> {
    let below = index.entry(parent);
    let height = below.height + 1;
    if !block.txdata.iter().all(|tx| is_final(tx, height, below.median_time)) {
        return Err(consensus("bad-txns-nonfinal", "non-final transaction"));
    }
    let prefix = Builder::new().push_int(i64::from(height)).into_script();
    let coinbase_input = block.txdata.first().and_then(|coinbase| coinbase.input.first());
    if !coinbase_input
        .is_some_and(|input| input.script_sig.as_bytes().starts_with(prefix.as_bytes()))
    {
        return Err(consensus("bad-cb-height", "block height mismatch in coinbase"));
    }
    check_witness_commitment(block)?;
    if block.weight().to_wu() > MAX_BLOCK_WEIGHT {
        return Err(consensus("bad-blk-weight", "ContextualCheckBlock : weight limit failed"));
    }
    Ok(())
}

fn check_witness_commitment(block: &Block) -> Result<(), Reject> {
    let bad = |reason: &str, what: &str| {
        Err(Reject::new(RejectKind::Mutated, reason, format!("CheckWitnessMalleation : {what}")))
    };
    let coinbase = &block.txdata[0];
    let Some(place) = witness_commitment_place(coinbase) else {
        if block.txdata.iter().any(|tx| tx.input.iter().any(|input| !input.witness.is_empty())) {
            return bad("unexpected-witness", "unexpected witness data found");
        }
        return Ok(());
    };
    let witness = &coinbase.input[0].witness;
    let Some(reserved) = witness.nth(0).filter(|value| witness.len() == 1 && value.len() == 32)
    else {
        return bad("bad-witness-nonce-size", "invalid witness reserved value size");
    };
    let root = block.witness_root().map(|root| Block::compute_witness_commitment(&root, reserved));
    let claimed = &coinbase.output[place].script_pubkey.as_bytes()[6..38];
    if root.is_some_and(|root| root.to_byte_array() == claimed) {
        return Ok(());
    }
    bad("bad-witness-merkle-match", "witness merkle commitment mismatch")
}

/// Checks the transactions of a block that passed [`check_block`] against the coins of its parent, which must be the tip, and works out what
/// connecting it changes.
pub fn connect_block(
    block: &Block,
    index: &BlockIndex,
    parent: BlockId,
    coins: &UtxoSet,
    script_reason: &str,
) -> Result<BlockChange, Reject> {
    let height = index.entry(parent).height + 1;
    if overwrites(coins, block, height) {
        return Err(consensus("bad-txns-BIP30", "tried to overwrite transaction"));
    }
    let mut overlay = BlockOverlay::new(coins, height);
    let mut fees = 0;
    let mut sigops = 0;
    for tx in &block.txdata {
        if !tx.is_coinbase() {
            fees += check_in_block(tx, &overlay, index, parent, script_reason)?;
        }
        sigops += sigop_cost(tx, &overlay);
        if sigops > MAX_BLOCK_SIGOPS_COST {
            return Err(consensus("bad-blk-sigops", "too many sigops"));
        }
        overlay.apply(tx);
    }
    let limit = fees as u64 + subsidy(height);
    let actual: u64 = block.txdata[0].output.iter().map(|output| output.value.to_sat()).sum();
    if actual > limit {
        let debug = format!("coinbase pays too much (actual={actual} vs limit={limit})");
        return Err(consensus("bad-cb-amount", debug));
    }
    Ok(overlay.into_change())
}

fn check_in_block(
    tx: &Transaction,
    coins: &impl CoinView,
    index: &BlockIndex,
    parent: BlockId,
    script_reason: &str,
) -> Result<i64, Reject> {
    let fee = check_inputs(tx, coins, index.entry(parent).height + 1).map_err(|reject| {
        consensus(reject.reason, format!("{} in transaction {}", reject.debug, tx.compute_txid()))
    })?;
    if !sequence_locks_pass(tx, coins, index, parent) {
        let debug = format!("contains a non-BIP68-final transaction {}", tx.compute_txid());
        return Err(consensus("bad-txns-nonfinal", debug));
    }
    check_scripts(tx, coins, script_reason)?;
    Ok(fee)
}

/// Cost of the signature checks of a transaction (BIP 141).
pub(crate) fn sigop_cost(tx: &Transaction, coins: &impl CoinView) -> u64 {
    tx.total_sigop_cost(|outpoint| coins.coin(outpoint).map(|coin| coin.output)) as u64
}

fn legacy_sigops(tx: &Transaction) -> u64 {
    let inputs = tx.input.iter().map(|input| input.script_sig.count_sigops_legacy());
    let outputs = tx.output.iter().map(|output| output.script_pubkey.count_sigops_legacy());
    inputs.chain(outputs).sum::<usize>() as u64
}

fn consensus(reason: impl Into<String>, debug: impl Into<String>) -> Reject {
    Reject::new(RejectKind::Consensus, reason, debug)
}
