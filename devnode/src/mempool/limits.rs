//! How long chains of waiting transactions may get.

use std::collections::BTreeSet;

use bitcoin::{Transaction, Txid};

use super::pool::Mempool;

/// Limits on related waiting transactions. All counts and sizes include the transaction itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainLimits {
    /// Most ancestors (`-limitancestorcount`).
    pub ancestors: u64,
    /// Largest size of all ancestors, in virtual bytes (`-limitancestorsize`).
    pub ancestor_vsize: u64,
    /// Most descendants of any ancestor (`-limitdescendantcount`).
    pub descendants: u64,
    /// Largest size of all descendants of any ancestor, in virtual bytes (`-limitdescendantsize`).
    pub descendant_vsize: u64,
    /// Most transactions of a cluster (`-limitclustercount`); used by generations with a cluster mempool.
    pub cluster: u64,
    /// Largest size of a cluster, in virtual bytes (`-limitclustersize`).
    pub cluster_vsize: u64,
}

impl Default for ChainLimits {
    fn default() -> Self {
        Self {
            ancestors: 25,
            ancestor_vsize: 101_000,
            descendants: 25,
            descendant_vsize: 101_000,
            cluster: 64,
            cluster_vsize: 101_000,
        }
    }
}

impl Mempool {
    /// What the interfaces answer when asked whether a transaction of this size would make too long a chain: none if
    /// it would not. Answers of older generations are guesses and say so.
    pub fn chain_limit_error(
        &self,
        tx: &Transaction,
        vsize: u64,
        limits: &ChainLimits,
        by_cluster: bool,
    ) -> Option<String> {
        if by_cluster {
            let parents = self.parents_of(tx);
            let fits = self.cluster_fits(tx, vsize, parents, &BTreeSet::new(), limits);
            return (!fits).then(|| "too many unconfirmed transactions in cluster".to_owned());
        }
        self.package_error(vsize, limits).or_else(|| {
            let parents = self.parents_of(tx);
            if parents.len() as u64 + 1 > limits.ancestors {
                return Some(format!("too many unconfirmed parents [limit: {}]", limits.ancestors));
            }
            self.ancestor_error(tx, vsize, limits).map(|error| format!("possibly {error}"))
        })
    }

    fn package_error(&self, vsize: u64, limits: &ChainLimits) -> Option<String> {
        if limits.ancestors < 1 {
            return Some(format!(
                "package count 1 exceeds ancestor count limit [limit: {}]",
                limits.ancestors
            ));
        }
        if limits.descendants < 1 {
            return Some(format!(
                "package count 1 exceeds descendant count limit [limit: {}]",
                limits.descendants
            ));
        }
        if vsize > limits.ancestor_vsize {
            let limit = limits.ancestor_vsize;
            return Some(format!(
                "package size {vsize} exceeds ancestor size limit [limit: {limit}]"
            ));
        }
        (vsize > limits.descendant_vsize).then(|| {
            let limit = limits.descendant_vsize;
            format!("package size {vsize} exceeds descendant size limit [limit: {limit}]")
        })
    }

    /// Why a transaction would exceed the limits on ancestors and descendants, walking up from its parents in the
    /// order of their ids.
    pub(super) fn ancestor_error(
        &self,
        tx: &Transaction,
        vsize: u64,
        limits: &ChainLimits,
    ) -> Option<String> {
        let mut staged = self.parents_of(tx);
        let mut found: BTreeSet<Txid> = BTreeSet::new();
        let mut total = vsize;
        while let Some(txid) = staged.pop_first() {
            let Some(entry) = self.get(&txid) else { continue };
            found.insert(txid);
            total += entry.vsize();
            let descendants = self.descendants(&txid);
            if self.total_vsize(&descendants) + vsize > limits.descendant_vsize {
                let limit = limits.descendant_vsize;
                return Some(format!(
                    "exceeds descendant size limit for tx {txid} [limit: {limit}]"
                ));
            }
            if descendants.len() as u64 + 1 > limits.descendants {
                return Some(format!(
                    "too many descendants for tx {txid} [limit: {}]",
                    limits.descendants
                ));
            }
            if total > limits.ancestor_vsize {
                return Some(format!(
                    "exceeds ancestor size limit [limit: {}]",
                    limits.ancestor_vsize
                ));
            }
            staged.extend(self.parents_of(&entry.tx).difference(&found));
            if (staged.len() + found.len()) as u64 + 1 > limits.ancestors {
                return Some(format!(
                    "too many unconfirmed ancestors [limit: {}]",
                    limits.ancestors
                ));
            }
        }
        None
    }

    /// Whether the cluster that a transaction would join, without those it would replace, stays within the limits.
    pub(super) fn cluster_fits(
        &self,
        tx: &Transaction,
        vsize: u64,
        parents: BTreeSet<Txid>,
        replaced: &BTreeSet<Txid>,
        limits: &ChainLimits,
    ) -> bool {
        if self.contains(&tx.compute_txid()) {
            return true;
        }
        let mut cluster = self.cluster(parents);
        cluster.retain(|txid| !replaced.contains(txid));
        (cluster.len() as u64) < limits.cluster
            && self.total_vsize(&cluster) + vsize <= limits.cluster_vsize
    }
}
