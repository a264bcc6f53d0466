//! What it costs to bring the transactions behind outputs up to a fee rate.
//!
//! A block is filled with the relatives of those transactions, best sets of ancestors first, until the next set would
//! pay less than the rate. What made it in needs nothing; what did not needs the difference. Waiting transactions
//! that spend one of the outputs count as replaced, with all their descendants.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{OutPoint, Txid};

use super::order::by_feerate;
use super::pool::Mempool;
use crate::feerate::FeeRate;

impl Mempool {
    /// For each output on its own: the satoshi that a spender must pay on top for its ancestors. Outputs that are
    /// confirmed, unknown or about to vanish cost nothing. Sorted by output, without repetitions.
    pub fn bump_fees(&self, outpoints: &[OutPoint], target: FeeRate) -> BTreeMap<OutPoint, i64> {
        let block = MockBlock::build(self, outpoints, target);
        outpoints.iter().map(|outpoint| (*outpoint, block.bump_fee(&outpoint.txid))).collect()
    }

    /// For all outputs spent together: the satoshi on top, ancestors they share counted once.
    pub fn combined_bump_fee(&self, outpoints: &[OutPoint], target: FeeRate) -> i64 {
        let block = MockBlock::build(self, outpoints, target);
        let mut needy = BTreeSet::new();
        for outpoint in outpoints.iter().filter(|outpoint| block.left_out.contains(&outpoint.txid))
        {
            needy.extend(self.ancestors(&outpoint.txid).intersection(&block.left_out));
        }
        target.fee(self.total_vsize(&needy)) - self.total_fees(&needy)
    }
}

/// The relatives of some outputs, divided into those that a block at a fee rate would take and those it would not.
struct MockBlock<'a> {
    pool: &'a Mempool,
    target: FeeRate,
    left_out: BTreeSet<Txid>,
}

impl<'a> MockBlock<'a> {
    fn build(pool: &'a Mempool, outpoints: &[OutPoint], target: FeeRate) -> Self {
        let wanted = outpoints.iter().map(|outpoint| outpoint.txid);
        let mut left_out = pool.cluster(wanted);
        for outpoint in outpoints.iter().filter(|outpoint| pool.contains(&outpoint.txid)) {
            if let Some(spender) = pool.spender(outpoint) {
                let replaced = pool.descendants(&spender);
                left_out.retain(|txid| !replaced.contains(txid));
            }
        }
        let mut block = Self { pool, target, left_out };
        while let Some(set) = block.best_set() {
            block.left_out.retain(|txid| !set.contains(txid));
        }
        block
    }

    /// The next set of ancestors that the block takes: the best one, if it pays the rate.
    fn best_set(&self) -> Option<BTreeSet<Txid>> {
        let best = self.left_out.iter().max_by(|a, b| {
            let (fee_a, size_a) = self.score(a);
            let (fee_b, size_b) = self.score(b);
            by_feerate(fee_a, size_a, fee_b, size_b).then(size_b.cmp(&size_a)).then(b.cmp(a))
        })?;
        let set = self.ancestors_left(best);
        let (fee, vsize) = self.totals(&set);
        (fee >= self.target.fee(vsize)).then_some(set)
    }

    /// The worse of a transaction's own fee rate and that of its ancestors, as fee and size.
    fn score(&self, txid: &Txid) -> (i64, u64) {
        let own = self.totals(&BTreeSet::from([*txid]));
        let all = self.totals(&self.ancestors_left(txid));
        let order = by_feerate(own.0, own.1, all.0, all.1).then(all.1.cmp(&own.1));
        if order.is_lt() { own } else { all }
    }

    fn bump_fee(&self, txid: &Txid) -> i64 {
        if !self.left_out.contains(txid) {
            return 0;
        }
        let missing = |txids: &BTreeSet<Txid>| {
            let (fee, vsize) = self.totals(txids);
            self.target.fee(vsize) - fee
        };
        missing(&self.ancestors_left(txid)).max(missing(&BTreeSet::from([*txid])))
    }

    fn ancestors_left(&self, txid: &Txid) -> BTreeSet<Txid> {
        self.pool.ancestors(txid).intersection(&self.left_out).copied().collect()
    }

    fn totals(&self, txids: &BTreeSet<Txid>) -> (i64, u64) {
        (self.pool.total_fees(txids), self.pool.total_vsize(txids))
    }
}
