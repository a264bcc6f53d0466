//! Coins that anyone can spend.

use bitcoin::{OutPoint, ScriptBuf, Transaction, TxOut};

use super::build::Guard;
use crate::consensus::COINBASE_MATURITY;
use crate::node::Node;

/// Coins to have at hand. With fewer, transactions split more than they join.
const WANTED: usize = 2_000;

/// Coins that are remembered at most; further ones are left lying.
const MAX_COINS: usize = 4 * WANTED;

/// Smallest coin that is worth spending, in satoshi; its fee is paid several times over.
pub(super) const MIN_SAT: u64 = 20_000;

/// A coin that anyone can spend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spendable {
    pub(super) outpoint: OutPoint,
    pub(super) sat: u64,
    pub(super) guard: Guard,
}

/// The coins that transactions are made of.
#[derive(Debug, Default)]
pub(super) struct Purse {
    coins: Vec<Spendable>,
    /// Coins that were refused; tried again after the next block.
    parked: Vec<Spendable>,
    /// Height at which the node was looked at last.
    height: Option<u32>,
}

impl Purse {
    /// After a block: tries again what was refused, and looks for coins in the chain if there are none.
    pub(super) fn refresh(&mut self, node: &Node) {
        if self.height.replace(node.height()) == Some(node.height()) {
            return;
        }
        self.coins.append(&mut self.parked);
        if self.coins.is_empty() {
            self.coins = found_in(node);
        }
    }

    /// How many coins the next transaction spends.
    pub(super) fn inputs(&self, random: &mut fastrand::Rng) -> usize {
        if self.coins.len() < WANTED { 1 } else { random.usize(1..=4) }
    }

    /// How many it makes.
    pub(super) fn outputs(&self, random: &mut fastrand::Rng) -> usize {
        if self.coins.len() < WANTED { random.usize(2..=4) } else { random.usize(1..=3) }
    }

    /// Takes coins out, at most as many as there are.
    pub(super) fn take(&mut self, count: usize, random: &mut fastrand::Rng) -> Vec<Spendable> {
        let count = count.min(self.coins.len());
        (0..count).map(|_| self.coins.swap_remove(random.usize(..self.coins.len()))).collect()
    }

    /// Keeps coins for later.
    pub(super) fn park(&mut self, coins: Vec<Spendable>) {
        self.parked.extend(coins);
    }

    /// Adds the coins that a transaction makes.
    pub(super) fn add(&mut self, tx: &Transaction) {
        let txid = tx.compute_txid();
        for (vout, output) in (0u32..).zip(&tx.output) {
            if self.coins.len() + self.parked.len() < MAX_COINS {
                self.coins.extend(spendable(OutPoint { txid, vout }, output));
            }
        }
    }

    /// Removes the coins that a transaction makes.
    pub(super) fn forget(&mut self, tx: &Transaction) {
        let txid = tx.compute_txid();
        self.coins.retain(|coin| coin.outpoint.txid != txid);
        self.parked.retain(|coin| coin.outpoint.txid != txid);
    }
}

fn spendable(outpoint: OutPoint, output: &TxOut) -> Option<Spendable> {
    let sat = output.value.to_sat();
    let guard = Guard::of(&output.script_pubkey)?;
    (sat >= MIN_SAT).then_some(Spendable { outpoint, sat, guard })
}

/// Coins of the chain that no waiting transaction spends, in the order of their names.
fn found_in(node: &Node) -> Vec<Spendable> {
    let next = node.height() + 1;
    let mut coins: Vec<Spendable> = node
        .coins()
        .iter()
        .filter(|(_, coin)| !coin.coinbase || next.saturating_sub(coin.height) >= COINBASE_MATURITY)
        .filter(|(outpoint, _)| node.mempool().spender(outpoint).is_none())
        .filter_map(|(outpoint, coin)| spendable(*outpoint, &coin.output))
        .collect();
    coins.sort_unstable_by_key(|coin| coin.outpoint);
    coins.truncate(WANTED);
    coins
}

impl Guard {
    /// The guard that a script is, if anyone can pass it.
    fn of(script: &ScriptBuf) -> Option<Self> {
        [Self::Bare, Self::Witness].into_iter().find(|guard| guard.script() == *script)
    }
}
