//! Which waiting transactions the next block takes.

use std::cmp::Ordering;
use std::collections::{BTreeSet, BinaryHeap};

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

    fn select_packages<'a>(&'a self, mut filling: Filling<'a>) -> Selection<'a> {
        let clusters = self.clusters().into_iter();
        let mut cursors: BinaryHeap<Cursor<'a>> =
            clusters.filter_map(|rest| Cursor::new(self, rest)).collect();
        while let Some(cursor) = cursors.pop() {
            let Cursor { mut rest, mut failed, head: package } = cursor;
            if filling.is_full() || package.fee < filling.limits.min_feerate.fee(package.vsize) {
                break;
            }
            if filling.add(
                package.entries.clone(),
                package.vsize * WITNESS_SCALE,
                package.sigop_cost,
            ) {
                for entry in &package.entries {
                    rest.remove(&entry.txid);
                }
            } else {
                failed.insert(package.last);
            }
            cursors.extend(Cursor::next(self, rest, failed));
        }
        filling.taken
    }

    fn package(&self, txid: &Txid, rest: &BTreeSet<Txid>) -> Option<Package<'_>> {
        let own = self.get(txid)?;
        let ancestors = self.ancestors(txid);
        let mut entries: Vec<_> =
            ancestors.intersection(rest).filter_map(|txid| self.get(txid)).collect();
        if entries.len() > 1 {
            entries.sort_by_key(|entry| (self.ancestors(&entry.txid).len(), entry.txid));
        }
        let fee = entries.iter().map(|entry| entry.fee).sum();
        let vsize = entries.iter().map(|entry| entry.vsize()).sum();
        let sigop_cost = entries.iter().map(|entry| entry.sigop_cost).sum();
        let alone_is_worse = by_feerate(own.fee, own.vsize(), fee, vsize).is_lt();
        let score = if alone_is_worse { (own.fee, own.vsize()) } else { (fee, vsize) };
        Some(Package { last: *txid, entries, fee, vsize, sigop_cost, score })
    }
}

/// What is left of a cluster, and the best that can be taken from it next. The greatest cursor has the best head.
struct Cursor<'a> {
    rest: BTreeSet<Txid>,
    failed: BTreeSet<Txid>,
    head: Package<'a>,
}

impl<'a> Cursor<'a> {
    fn new(pool: &'a Mempool, rest: BTreeSet<Txid>) -> Option<Self> {
        Self::next(pool, rest, BTreeSet::new())
    }

    fn next(pool: &'a Mempool, rest: BTreeSet<Txid>, failed: BTreeSet<Txid>) -> Option<Self> {
        let packages = rest.difference(&failed).filter_map(|txid| pool.package(txid, &rest));
        let head = packages.reduce(|best, package| if package > best { package } else { best })?;
        Some(Self { rest, failed, head })
    }
}

impl Ord for Cursor<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.head.cmp(&other.head)
    }
}

impl PartialOrd for Cursor<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Cursor<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Cursor<'_> {}

/// A transaction with all its ancestors that are not in the block yet.
struct Package<'a> {
    last: Txid,
    entries: Vec<&'a MempoolEntry>,
    fee: i64,
    vsize: u64,
    sigop_cost: u64,
    /// The worse of its own fee rate and the package's, as fee and size.
    score: (i64, u64),
}

/// By score; of two with the same, the one whose last transaction has the smaller id is the greater.
impl Ord for Package<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        by_feerate(self.score.0, self.score.1, other.score.0, other.score.1)
            .then(other.last.cmp(&self.last))
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
