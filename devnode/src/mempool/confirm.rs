//! What blocks do to waiting transactions.

use std::collections::BTreeSet;
use std::sync::Arc;

use bitcoin::{Block, Transaction, Txid};

use super::pool::{Mempool, MempoolCoins};
use crate::blocks::BlockIndex;
use crate::coins::CoinView;
use crate::coins::UtxoSet;
use crate::consensus::{COINBASE_MATURITY, is_final, sequence_locks_pass};

impl Mempool {
    /// Takes out what a connected block holds, and what can no longer be mined because of it. Returns the latter, in
    /// the order in which the block's transactions put them out.
    pub(crate) fn confirm(&mut self, block: &Block) -> Vec<Arc<Transaction>> {
        let mut conflicted = Vec::new();
        for tx in &block.txdata {
            self.remove_one(&tx.compute_txid());
            let rivals: BTreeSet<Txid> =
                tx.input.iter().filter_map(|input| self.spender(&input.previous_output)).collect();
            conflicted.extend(self.remove_with_descendants(&rivals));
        }
        conflicted
    }

    /// Takes out what the chain's new tip no longer allows in the next block: lock times that are not reached yet,
    /// coinbases that are not mature any more. Descendants go too. What spends outputs that are gone has to be taken out
    /// before.
    pub(crate) fn evict_invalid(
        &mut self,
        index: &BlockIndex,
        coins: &UtxoSet,
    ) -> Vec<Arc<Transaction>> {
        let fragile = self.fragile.iter().filter_map(|txid| self.get(txid));
        let invalid: BTreeSet<Txid> = fragile
            .filter(|entry| !self.is_minable(&entry.tx, index, coins))
            .map(|entry| entry.txid)
            .collect();
        self.remove_with_descendants(&invalid)
    }

    fn is_minable(&self, tx: &Transaction, index: &BlockIndex, chain: &UtxoSet) -> bool {
        let tip = index.tip();
        let height = index.height() + 1;
        let coins = MempoolCoins { pool: self, chain };
        let mature = tx.input.iter().all(|input| {
            coins.coin(&input.previous_output).is_some_and(|coin| {
                !coin.coinbase || height.saturating_sub(coin.height) >= COINBASE_MATURITY
            })
        });
        mature
            && is_final(tx, height, index.entry(tip).median_time)
            && sequence_locks_pass(tx, &coins, index, tip)
    }
}
