//! One waiting transaction.

use std::sync::Arc;

use bitcoin::{Transaction, Txid, Wtxid};

use crate::consensus::WITNESS_SCALE;

/// Virtual bytes that one signature check counts for at least.
const BYTES_PER_SIGOP: u64 = 20;

/// A transaction of the mempool, with what never changes about it.
#[derive(Clone, Debug)]
pub struct MempoolEntry {
    /// The transaction.
    pub tx: Arc<Transaction>,
    /// Its id.
    pub txid: Txid,
    /// Its id including witnesses.
    pub wtxid: Wtxid,
    /// Its fee, in satoshi.
    pub fee: i64,
    /// Its weight, raised to the cost of its signature checks if that is higher.
    pub weight: u64,
    /// Cost of its signature checks (BIP 141).
    pub sigop_cost: u64,
    /// When it came, in seconds since 1970.
    pub time: i64,
    /// Height of the chain when it came.
    pub height: u32,
    /// Whether a reorganisation can make it unfit for the next block although its inputs are there: it is locked, or
    /// spends a coinbase.
    pub fragile: bool,
    /// Whether it was given to this node first, and no other has asked for it. It came back from no block.
    pub unbroadcast: bool,
}

impl MempoolEntry {
    /// Puts an entry together. It counts as fragile until somebody finds out that it is not.
    pub fn new(tx: Arc<Transaction>, fee: i64, sigop_cost: u64, time: i64, height: u32) -> Self {
        Self {
            txid: tx.compute_txid(),
            wtxid: tx.compute_wtxid(),
            weight: tx.weight().to_wu().max(sigop_cost * BYTES_PER_SIGOP),
            tx,
            fee,
            sigop_cost,
            time,
            height,
            fragile: true,
            unbroadcast: true,
        }
    }

    /// Size in virtual bytes.
    pub fn vsize(&self) -> u64 {
        self.weight.div_ceil(WITNESS_SCALE)
    }
}
