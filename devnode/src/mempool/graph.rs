//! Who needs whom.

use std::collections::BTreeSet;

use bitcoin::{OutPoint, Transaction, Txid};

use super::pool::Mempool;

/// A waiting transaction's family in numbers. All counts, sizes and fees include the transaction itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ancestry {
    /// Transactions that have to be mined for it, and itself.
    pub ancestors: u64,
    /// Older generations: the most descendants that any of its parentless ancestors has. Newer ones: the size of its
    /// cluster.
    pub descendants: u64,
    /// Size of its ancestors, in virtual bytes.
    pub ancestor_vsize: u64,
    /// Fees of its ancestors, in satoshi.
    pub ancestor_fees: i64,
}

impl Mempool {
    /// Waiting transactions whose outputs a transaction spends.
    pub fn parents_of(&self, tx: &Transaction) -> BTreeSet<Txid> {
        tx.input
            .iter()
            .map(|input| input.previous_output.txid)
            .filter(|txid| self.contains(txid))
            .collect()
    }

    fn parents(&self, txid: &Txid) -> BTreeSet<Txid> {
        self.get(txid).map(|entry| self.parents_of(&entry.tx)).unwrap_or_default()
    }

    fn children(&self, txid: &Txid) -> BTreeSet<Txid> {
        let Some(entry) = self.get(txid) else { return BTreeSet::new() };
        let outpoints =
            (0..entry.tx.output.len()).map(|place| OutPoint { txid: *txid, vout: place as u32 });
        outpoints.filter_map(|outpoint| self.spender(&outpoint)).collect()
    }

    /// Every waiting transaction that has to be mined before or with this one, itself included.
    pub fn ancestors(&self, txid: &Txid) -> BTreeSet<Txid> {
        self.reach([*txid], |txid| self.parents(txid))
    }

    /// Every waiting transaction that cannot be mined without this one, itself included.
    pub fn descendants(&self, txid: &Txid) -> BTreeSet<Txid> {
        self.reach([*txid], |txid| self.children(txid))
    }

    /// Every waiting transaction that is related to these in any way, themselves included.
    pub fn cluster(&self, txids: impl IntoIterator<Item = Txid>) -> BTreeSet<Txid> {
        self.reach(txids, |txid| {
            self.parents(txid).into_iter().chain(self.children(txid)).collect()
        })
    }

    /// Everything that waits, by cluster.
    pub(super) fn clusters(&self) -> Vec<BTreeSet<Txid>> {
        let mut seen = BTreeSet::new();
        let mut clusters = Vec::new();
        for txid in self.entries.keys() {
            if !seen.contains(txid) {
                let cluster = self.cluster([*txid]);
                seen.extend(cluster.iter().copied());
                clusters.push(cluster);
            }
        }
        clusters
    }

    /// The family of a waiting transaction in numbers.
    pub fn ancestry(&self, txid: &Txid, by_cluster: bool) -> Option<Ancestry> {
        self.get(txid)?;
        let ancestors = self.ancestors(txid);
        let descendants = if by_cluster {
            self.cluster([*txid]).len()
        } else {
            self.most_descendants(&ancestors)
        };
        Some(Ancestry {
            ancestors: ancestors.len() as u64,
            descendants: descendants as u64,
            ancestor_vsize: self.total_vsize(&ancestors),
            ancestor_fees: self.total_fees(&ancestors),
        })
    }

    fn most_descendants(&self, ancestors: &BTreeSet<Txid>) -> usize {
        let roots = ancestors.iter().filter(|txid| self.parents(txid).is_empty());
        roots.map(|root| self.descendants(root).len()).max().unwrap_or(0)
    }

    pub(super) fn total_vsize(&self, txids: &BTreeSet<Txid>) -> u64 {
        txids.iter().filter_map(|txid| self.get(txid)).map(|entry| entry.vsize()).sum()
    }

    pub(super) fn total_fees(&self, txids: &BTreeSet<Txid>) -> i64 {
        txids.iter().filter_map(|txid| self.get(txid)).map(|entry| entry.fee).sum()
    }

    fn reach(
        &self,
        from: impl IntoIterator<Item = Txid>,
        next: impl Fn(&Txid) -> BTreeSet<Txid>,
    ) -> BTreeSet<Txid> {
        let mut found = BTreeSet::new();
        let mut open: Vec<Txid> = from.into_iter().filter(|txid| self.contains(txid)).collect();
        while let Some(txid) = open.pop() {
            if found.insert(txid) {
                open.extend(next(&txid));
            }
        }
        found
    }
}
