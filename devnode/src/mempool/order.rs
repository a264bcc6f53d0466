//! In which order the mempool is told.

use std::cmp::Ordering;

use super::entry::MempoolEntry;
use super::pool::Mempool;

impl Mempool {
    /// All transactions, parents before children: by number of ancestors, then fee rate, in older generations; in the
    /// order in which they would be mined in generations with a cluster mempool.
    pub fn in_order(&self, by_cluster: bool) -> Vec<&MempoolEntry> {
        if by_cluster {
            return self
                .linearised()
                .iter()
                .flat_map(|chunk| &chunk.txids)
                .filter_map(|txid| self.get(txid))
                .collect();
        }
        let mut entries: Vec<(usize, &MempoolEntry)> =
            self.entries().map(|entry| (self.ancestors(&entry.txid).len(), entry)).collect();
        entries.sort_by(|(count_a, a), (count_b, b)| {
            count_a
                .cmp(count_b)
                .then_with(|| by_feerate(b.fee, b.vsize(), a.fee, a.vsize()))
                .then(b.txid.cmp(&a.txid))
        });
        entries.into_iter().map(|(_, entry)| entry).collect()
    }
}

/// Compares two fee rates without rounding.
pub(super) fn by_feerate(fee_a: i64, size_a: u64, fee_b: i64, size_b: u64) -> Ordering {
    (i128::from(fee_a) * i128::from(size_b)).cmp(&(i128::from(fee_b) * i128::from(size_a)))
}
