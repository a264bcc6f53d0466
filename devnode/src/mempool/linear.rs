//! The order in which a cluster mempool would be mined.
//!
//! Each cluster is put in order by picking, again and again, the set of ancestors with the best fee rate; neighbours
//! are then merged into chunks of falling fee rate. Real nodes search longer for a better order; for the small
//! clusters of tests the result is the same.

use std::collections::BTreeSet;

use bitcoin::Txid;

use super::order::by_feerate;
use super::pool::Mempool;

/// Transactions of one cluster that would be mined together.
#[derive(Clone, Debug, Default)]
pub(super) struct Chunk {
    pub(super) txids: Vec<Txid>,
    pub(super) fee: i64,
    pub(super) weight: u64,
    pub(super) sigop_cost: u64,
}

impl Chunk {
    fn absorb(&mut self, other: Self) {
        self.txids.extend(other.txids);
        self.fee += other.fee;
        self.weight += other.weight;
        self.sigop_cost += other.sigop_cost;
    }
}

impl Mempool {
    /// All chunks, best fee rate first; chunks of one cluster keep their order.
    pub(super) fn linearised(&self) -> Vec<Chunk> {
        let mut chunks: Vec<Chunk> = self
            .clusters()
            .iter()
            .flat_map(|cluster| merge_rising(self.linearise(cluster)))
            .collect();
        chunks.sort_by(|a, b| by_feerate(b.fee, b.weight, a.fee, a.weight));
        chunks
    }

    /// Weight and fee (in satoshi) of the chunk that a waiting transaction would be mined with.
    pub fn chunk_totals(&self, txid: &Txid) -> Option<(u64, i64)> {
        let chunks = merge_rising(self.linearise(&self.cluster([*txid])));
        let own = chunks.into_iter().find(|chunk| chunk.txids.contains(txid))?;
        Some((own.weight, own.fee))
    }

    /// One cluster in the order of its best sets of ancestors.
    fn linearise(&self, cluster: &BTreeSet<Txid>) -> Vec<Chunk> {
        let mut rest = cluster.clone();
        let mut order = Vec::new();
        while let Some(best) = self.best_ancestor_set(&rest) {
            rest.retain(|txid| !best.txids.contains(txid));
            order.push(best);
        }
        order
    }

    fn best_ancestor_set(&self, rest: &BTreeSet<Txid>) -> Option<Chunk> {
        let sets = rest
            .iter()
            .map(|txid| self.chunk_of(self.ancestors(txid).intersection(rest).copied().collect()));
        sets.reduce(|best, set| {
            if by_feerate(set.fee, set.weight, best.fee, best.weight).is_gt() { set } else { best }
        })
    }

    /// A chunk of these transactions, parents before children.
    fn chunk_of(&self, mut txids: Vec<Txid>) -> Chunk {
        txids.sort_by_key(|txid| (self.ancestors(txid).len(), *txid));
        let mut chunk = Chunk::default();
        for entry in txids.iter().filter_map(|txid| self.get(txid)) {
            chunk.fee += entry.fee;
            chunk.weight += entry.weight;
            chunk.sigop_cost += entry.sigop_cost;
        }
        chunk.txids = txids;
        chunk
    }
}

fn merge_rising(parts: Vec<Chunk>) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::new();
    for part in parts {
        chunks.push(part);
        while let [.., before, last] = chunks.as_slice()
            && by_feerate(last.fee, last.weight, before.fee, before.weight).is_gt()
        {
            let Some(last) = chunks.pop() else { break };
            let Some(before) = chunks.last_mut() else { break };
            before.absorb(last);
        }
    }
    chunks
}
