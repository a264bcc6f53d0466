//! The set of waiting transactions.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bitcoin::{OutPoint, Transaction, Txid, Wtxid};

use super::entry::MempoolEntry;
use crate::coins::{Coin, CoinView, MEMPOOL_HEIGHT};

/// Why a transaction left the mempool; the numbers are those of the interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum RemovalReason {
    /// Too old, or removed by hand.
    Expiry = 0,
    /// The mempool is full.
    SizeLimit = 1,
    /// It became invalid, or lost a parent, in a reorganisation.
    Reorg = 2,
    /// It is in a block. Never reported.
    Block = 3,
    /// A block spent one of its inputs.
    Conflict = 4,
    /// Another transaction took its place.
    Replaced = 5,
}

impl RemovalReason {
    /// The number on the wire.
    pub fn number(self) -> i32 {
        self as i32
    }
}

/// All waiting transactions. They never conflict with each other, and their parents are in the chain or here.
#[derive(Debug, Default)]
pub struct Mempool {
    pub(super) entries: BTreeMap<Txid, MempoolEntry>,
    pub(super) spenders: HashMap<OutPoint, Txid>,
    wtxids: HashMap<Wtxid, Txid>,
    /// Those that reorganisations can make unfit by themselves.
    pub(super) fragile: BTreeSet<Txid>,
}

impl Mempool {
    /// Number of transactions.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The transaction with this id.
    pub fn get(&self, txid: &Txid) -> Option<&MempoolEntry> {
        self.entries.get(txid)
    }

    /// The transaction with this id including witnesses.
    pub fn get_by_wtxid(&self, wtxid: &Wtxid) -> Option<&MempoolEntry> {
        self.entries.get(self.wtxids.get(wtxid)?)
    }

    /// Whether a transaction with this id waits. The id including witnesses does not count.
    pub fn contains(&self, txid: &Txid) -> bool {
        self.entries.contains_key(txid)
    }

    /// All transactions, in the order of their ids.
    pub fn entries(&self) -> impl Iterator<Item = &MempoolEntry> {
        self.entries.values()
    }

    /// The waiting transaction that spends an output.
    pub fn spender(&self, outpoint: &OutPoint) -> Option<Txid> {
        self.spenders.get(outpoint).copied()
    }

    /// Notes that others know a transaction, as it was in a block.
    pub(crate) fn note_broadcast(&mut self, txid: &Txid) {
        if let Some(entry) = self.entries.get_mut(txid) {
            entry.unbroadcast = false;
        }
    }

    /// Adds a transaction, whatever it is. Whether it may come in is decided before.
    pub fn insert(&mut self, entry: MempoolEntry) {
        for input in &entry.tx.input {
            self.spenders.insert(input.previous_output, entry.txid);
        }
        self.wtxids.insert(entry.wtxid, entry.txid);
        if entry.fragile {
            self.fragile.insert(entry.txid);
        }
        self.entries.insert(entry.txid, entry);
    }

    /// Takes one transaction out and leaves its descendants.
    pub(super) fn remove_one(&mut self, txid: &Txid) -> Option<MempoolEntry> {
        let entry = self.entries.remove(txid)?;
        for input in &entry.tx.input {
            self.spenders.remove(&input.previous_output);
        }
        self.wtxids.remove(&entry.wtxid);
        self.fragile.remove(txid);
        Some(entry)
    }

    /// Takes these transactions out, and everything that spends their outputs.
    pub(crate) fn remove_with_descendants(
        &mut self,
        txids: &BTreeSet<Txid>,
    ) -> Vec<Arc<Transaction>> {
        let doomed: BTreeSet<Txid> = txids.iter().flat_map(|txid| self.descendants(txid)).collect();
        doomed.iter().filter_map(|txid| self.remove_one(txid)).map(|entry| entry.tx).collect()
    }
}

/// The coins of the chain, and those that waiting transactions make. Coins that waiting transactions spend are still
/// there.
#[derive(Clone, Copy)]
pub struct MempoolCoins<'a, V> {
    /// The waiting transactions.
    pub pool: &'a Mempool,
    /// The coins of the chain.
    pub chain: &'a V,
}

impl<V: CoinView> CoinView for MempoolCoins<'_, V> {
    fn coin(&self, outpoint: &OutPoint) -> Option<Coin> {
        match self.pool.get(&outpoint.txid) {
            Some(entry) => entry.tx.output.get(outpoint.vout as usize).map(|output| Coin {
                output: output.clone(),
                height: MEMPOOL_HEIGHT,
                coinbase: false,
            }),
            None => self.chain.coin(outpoint),
        }
    }
}
