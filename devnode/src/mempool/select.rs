//! Which waiting transactions the next block takes.

use std::cmp::Ordering;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

use bitcoin::Txid;

use super::entry::MempoolEntry;
use super::order::by_feerate;
use super::pool::Mempool;
use crate::consensus::{MAX_BLOCK_SIGOPS_COST, WITNESS_SCALE, is_final};
use crate::feerate::FeeRate;

/// The room in a block, and what it must pay.
#[derive(Clone, Copy, Debug)]
pub struct SelectionLimits {
    /// Weight the block must stay below.
    pub weight: u64,
    /// Weight that is taken already.
    pub reserved_weight: u64,
    /// Cost of signature checks that is taken already.
    pub reserved_sigops: u64,
    /// Lowest fee rate that is worth taking.
    pub min_feerate: FeeRate,
    /// Height of the block.
    pub height: u32,
    /// Median time past of its parent, in seconds since 1970.
    pub median_time: u32,
}

/// Sets of transactions in a row that do not fit any more before a nearly full block counts as full.
const MAX_FAILURES: u32 = 1_000;

/// Weight that may stay free in a block that counts as nearly full.
const NEARLY_FULL: u64 = 4_000;

/// Transactions picked for a block, parents before children.
pub type Selection<'a> = Vec<&'a MempoolEntry>;

/// The state of filling a block.
struct Filling<'a> {
    limits: SelectionLimits,
    weight: u64,
    sigops: u64,
    taken: Selection<'a>,
    /// Sets in a row that did not fit.
    failures: u32,
}

impl Mempool {
    /// Picks transactions for a block: by the fee rate of sets of ancestors in older generations, by chunks in those
    /// with a cluster mempool.
    pub fn select(&self, limits: SelectionLimits, by_cluster: bool) -> Selection<'_> {
        let filling = Filling {
            limits,
            weight: limits.reserved_weight,
            sigops: limits.reserved_sigops,
            taken: Vec::new(),
            failures: 0,
        };
        if by_cluster { self.select_chunks(filling) } else { self.select_packages(filling) }
    }

    fn select_chunks<'a>(&'a self, mut filling: Filling<'a>) -> Selection<'a> {
        let mut blocked = BTreeSet::new();
        for chunk in self.linearised() {
            let min = filling.limits.min_feerate.to_sat_per_kvb();
            if by_feerate(chunk.fee, chunk.weight, min, 1000 * WITNESS_SCALE).is_lt() {
                break;
            }
            let entries: Vec<_> = chunk.txids.iter().filter_map(|txid| self.get(txid)).collect();
            let waits = !blocked.is_empty()
                && chunk.txids.iter().any(|txid| !self.ancestors(txid).is_disjoint(&blocked));
            if waits || !filling.add(entries, chunk.weight, chunk.sigop_cost) {
                blocked.extend(chunk.txids);
            }
            if filling.is_full() {
                break;
            }
        }
        filling.taken
    }

    /// Takes the best set of ancestors again and again. What is left of the sets that share some of it is worth another
    /// look then; everything else keeps its score.
    fn select_packages<'a>(&'a self, mut filling: Filling<'a>) -> Selection<'a> {
        let mut left: HashMap<Txid, Totals> =
            self.entries().map(|entry| (entry.txid, self.totals(&entry.txid))).collect();
        let mut best: BinaryHeap<Package<'a>> =
            self.entries().filter_map(|entry| Package::of(entry, &left)).collect();
        let mut failed = BTreeSet::new();
        while let Some(package) = best.pop() {
            let txid = package.last.txid;
            // It was taken, is worth another score by now, or did not fit before.
            if left.get(&txid) != Some(&package.totals) || failed.contains(&txid) {
                continue;
            }
            let totals = package.totals;
            if filling.is_full() || totals.fee < filling.limits.min_feerate.fee(totals.vsize) {
                break;
            }
            let entries = self.untaken(&txid, &left);
            if filling.add(entries.clone(), totals.vsize * WITNESS_SCALE, totals.sigop_cost) {
                best.extend(self.take(&entries, &mut left));
            } else {
                failed.insert(txid);
            }
        }
        filling.taken
    }

    /// What a transaction and all its ancestors come to.
    fn totals(&self, txid: &Txid) -> Totals {
        let mut totals = Totals::default();
        self.ancestors(txid).iter().filter_map(|txid| self.get(txid)).for_each(|e| totals.add(e));
        totals
    }

    /// A transaction and its ancestors as far as they are not in the block, parents before children.
    fn untaken(&self, txid: &Txid, left: &HashMap<Txid, Totals>) -> Vec<&MempoolEntry> {
        let ancestors = self.ancestors(txid);
        let mut entries: Vec<_> = ancestors
            .iter()
            .filter(|txid| left.contains_key(*txid))
            .filter_map(|txid| self.get(txid))
            .collect();
        if entries.len() > 1 {
            entries.sort_by_cached_key(|entry| (self.ancestors(&entry.txid).len(), entry.txid));
        }
        entries
    }

    /// Takes transactions out of what is left, and gives those whose score changed by that.
    fn take<'a>(
        &'a self,
        entries: &[&'a MempoolEntry],
        left: &mut HashMap<Txid, Totals>,
    ) -> Vec<Package<'a>> {
        let mut changed = BTreeSet::new();
        for entry in entries {
            left.remove(&entry.txid);
            for txid in self.descendants(&entry.txid) {
                if let Some(totals) = left.get_mut(&txid) {
                    totals.subtract(entry);
                    changed.insert(txid);
                }
            }
        }
        let entries = changed.iter().filter_map(|txid| self.get(txid));
        entries.filter_map(|entry| Package::of(entry, left)).collect()
    }
}

/// What some transactions come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Totals {
    fee: i64,
    vsize: u64,
    sigop_cost: u64,
}

impl Totals {
    fn add(&mut self, entry: &MempoolEntry) {
        self.fee += entry.fee;
        self.vsize += entry.vsize();
        self.sigop_cost += entry.sigop_cost;
    }

    fn subtract(&mut self, entry: &MempoolEntry) {
        self.fee -= entry.fee;
        self.vsize -= entry.vsize();
        self.sigop_cost -= entry.sigop_cost;
    }
}

/// A transaction with all its ancestors that are not in the block yet.
struct Package<'a> {
    last: &'a MempoolEntry,
    totals: Totals,
    /// The worse of its own fee rate and the package's, as fee and size.
    score: (i64, u64),
}

impl<'a> Package<'a> {
    fn of(last: &'a MempoolEntry, left: &HashMap<Txid, Totals>) -> Option<Self> {
        let totals = *left.get(&last.txid)?;
        let alone_is_worse = by_feerate(last.fee, last.vsize(), totals.fee, totals.vsize).is_lt();
        let score =
            if alone_is_worse { (last.fee, last.vsize()) } else { (totals.fee, totals.vsize) };
        Some(Self { last, totals, score })
    }
}

/// By score; of two with the same, the one whose last transaction has the smaller id is the greater.
impl Ord for Package<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        by_feerate(self.score.0, self.score.1, other.score.0, other.score.1)
            .then(other.last.txid.cmp(&self.last.txid))
    }
}

impl PartialOrd for Package<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Package<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Package<'_> {}

impl<'a> Filling<'a> {
    /// Whether it is no use to try any further.
    fn is_full(&self) -> bool {
        self.failures > MAX_FAILURES && self.weight + NEARLY_FULL > self.limits.weight
    }

    /// Adds transactions if they fit and may be mined now.
    fn add(&mut self, entries: Vec<&'a MempoolEntry>, weight: u64, sigops: u64) -> bool {
        let limits = &self.limits;
        let fits =
            self.weight + weight < limits.weight && self.sigops + sigops < MAX_BLOCK_SIGOPS_COST;
        if !fits {
            self.failures += 1;
        }
        if !fits
            || !entries.iter().all(|entry| is_final(&entry.tx, limits.height, limits.median_time))
        {
            return false;
        }
        self.failures = 0;
        self.weight += entries.iter().map(|entry| entry.tx.weight().to_wu()).sum::<u64>();
        self.sigops += sigops;
        self.taken.extend(entries);
        true
    }
}
