//! The order in which a cluster mempool would be mined.
//!
//! Each cluster is put in order by picking, again and again, the set of ancestors with the best fee rate; neighbours
//! are then merged into chunks of falling fee rate. Real nodes search longer for a better order; for the small
//! clusters of tests the result is the same.

use std::collections::BTreeSet;

use bitcoin::Txid;

use super::entry::MempoolEntry;
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
    fn of<'a>(entries: impl Iterator<Item = &'a MempoolEntry>) -> Self {
        let mut chunk = Self::default();
        for entry in entries {
            chunk.txids.push(entry.txid);
            chunk.fee += entry.fee;
            chunk.weight += entry.weight;
            chunk.sigop_cost += entry.sigop_cost;
        }
        chunk
    }

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
        let members: Vec<_> = cluster.iter().filter_map(|txid| self.get(txid)).collect();
        let place = |txid| members.binary_search_by_key(&txid, |entry| entry.txid).ok();
        let families: Vec<Vec<usize>> = members
            .iter()
            .map(|entry| self.ancestors(&entry.txid).into_iter().filter_map(place).collect())
            .collect();
        let mut waits = vec![true; members.len()];
        let mut order = Vec::new();
        while let Some(mut best) = best_family(&members, &families, &waits) {
            best.iter().for_each(|member| waits[*member] = false);
            // Parents before children.
            best.sort_by_key(|member| (families[*member].len(), *member));
            order.push(Chunk::of(best.into_iter().map(|member| members[member])));
        }
        order
    }
}

/// What is left of the ancestors of one that waits: those with the best fee rate; of equal ones the smallest.
fn best_family(
    members: &[&MempoolEntry],
    families: &[Vec<usize>],
    waits: &[bool],
) -> Option<Vec<usize>> {
    let left = |family: &Vec<usize>| -> Vec<usize> {
        family.iter().copied().filter(|member| waits[*member]).collect()
    };
    let total = |family: &[usize]| {
        let add = |(fee, weight), member: &usize| {
            (fee + members[*member].fee, weight + members[*member].weight)
        };
        family.iter().fold((0_i64, 0_u64), add)
    };
    let sets = (0..members.len()).filter(|member| waits[*member]).map(|member| {
        let family = left(&families[member]);
        (total(&family), family)
    });
    let best = sets.reduce(|best, set| {
        let ((fee, weight), (best_fee, best_weight)) = (set.0, best.0);
        let better = by_feerate(fee, weight, best_fee, best_weight)
            .then_with(|| best_weight.cmp(&weight))
            .is_gt();
        if better { set } else { best }
    });
    best.map(|(_, family)| family)
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use bitcoin::hashes::Hash;
    use bitcoin::{
        Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness, absolute,
        transaction,
    };

    use super::*;

    fn child(of: OutPoint) -> Transaction {
        let script_pubkey = ScriptBuf::from_bytes(vec![0x51]);
        Transaction {
            version: transaction::Version::TWO,
            lock_time: absolute::LockTime::ZERO,
            input: vec![TxIn {
                previous_output: of,
                script_sig: ScriptBuf::new(),
                sequence: Sequence::MAX,
                witness: Witness::new(),
            }],
            output: vec![TxOut { value: Amount::from_sat(1000), script_pubkey }],
        }
    }

    /// A chain of 64, the longest that a node takes, of one fee rate: chunks do not merge unless that makes them better, and
    /// all of them are found before anybody gets tired of waiting.
    #[test]
    fn a_long_chain_of_one_fee_rate_stays_in_pieces() {
        let mut pool = Mempool::default();
        let mut tip = OutPoint { txid: Txid::all_zeros(), vout: 0 };
        let mut txids = Vec::new();
        for _ in 0..64 {
            let entry = MempoolEntry::new(Arc::new(child(tip)), 500, 0, 0, 0);
            tip = OutPoint { txid: entry.txid, vout: 0 };
            txids.push(entry.txid);
            pool.insert(entry);
        }
        let begin = Instant::now();
        let chunks = pool.linearised();
        assert_eq!(chunks.iter().map(|chunk| chunk.txids[0]).collect::<Vec<_>>(), txids);
        for txid in &txids {
            let weight = pool.get(txid).unwrap().weight;
            assert_eq!(pool.chunk_totals(txid), Some((weight, 500)));
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    }
}
