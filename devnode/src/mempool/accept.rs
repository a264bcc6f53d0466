//! Who gets in.

use std::collections::BTreeSet;
use std::sync::Arc;

use bitcoin::{OutPoint, Transaction, TxIn, Txid};

use super::entry::MempoolEntry;
use super::limits::ChainLimits;
use super::pool::{Mempool, MempoolCoins};
use super::replace::Replacement;
use super::signal::signals_replacement;
use crate::blocks::BlockIndex;
use crate::coins::{CoinView, UtxoSet};
use crate::consensus::block::sigop_cost;
use crate::consensus::{check_inputs, check_transaction, is_final, sequence_locks_pass};
use crate::feerate::FeeRate;
use crate::generation::Rules;
use crate::reject::{Reject, RejectKind};
use crate::scripts::check_scripts;

/// Smallest size of a transaction without witnesses, in bytes: anything smaller could pass for an inner node of a
/// merkle tree.
const MIN_BASE_SIZE: usize = 65;

/// Largest cost of signature checks of one waiting transaction.
const MAX_SIGOP_COST: u64 = 16_000;

/// Transactions up to this size may exceed the limit on descendants by one, if they have a single waiting ancestor.
const CARVE_OUT_VSIZE: u64 = 10_000;

/// The state of the node that a decision depends on.
pub(crate) struct AcceptContext<'a> {
    pub(crate) index: &'a BlockIndex,
    pub(crate) coins: &'a UtxoSet,
    pub(crate) rules: &'a Rules,
    pub(crate) limits: &'a ChainLimits,
    /// Lowest fee rate while the mempool is full, else zero.
    pub(crate) min_feerate: FeeRate,
    /// Seconds since 1970.
    pub(crate) now: i64,
    /// Whether the transaction comes back from a disconnected block: then fees and limits on ancestors do not matter.
    pub(crate) from_block: bool,
}

/// A transaction that may come in, and those that have to leave for it.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The new entry.
    pub entry: MempoolEntry,
    /// Transactions that it replaces, descendants included.
    pub replaced: BTreeSet<Txid>,
}

impl Mempool {
    /// Decides whether a transaction may come in. Nothing changes.
    pub(crate) fn check(
        &self,
        tx: Arc<Transaction>,
        context: &AcceptContext<'_>,
    ) -> Result<Candidate, Reject> {
        check_transaction(&tx)?;
        check_alone(&tx, context.index)?;
        self.check_not_here(&tx)?;
        let conflicts = self.replaceable_conflicts(&tx, context.rules)?;
        let coins = MempoolCoins { pool: self, chain: context.coins };
        check_inputs_exist(&tx, &coins, context.coins)?;
        let tip = context.index.tip();
        if !sequence_locks_pass(&tx, &coins, context.index, tip) {
            return Err(Reject::bare(RejectKind::Policy, "non-BIP68-final"));
        }
        let fee = check_inputs(&tx, &coins, context.index.height() + 1)?;
        let sigops = sigop_cost(&tx, &coins);
        let fragile = is_fragile(&tx, &coins);
        let entry = MempoolEntry {
            fragile,
            ..MempoolEntry::new(tx, fee, sigops, context.now, context.index.height())
        };
        if sigops > MAX_SIGOP_COST {
            return Err(Reject::new(
                RejectKind::Policy,
                "bad-txns-too-many-sigops",
                sigops.to_string(),
            ));
        }
        if !context.from_block {
            check_fee(&entry, context)?;
        }
        let replaced = self.check_relatives(&entry, &conflicts, context)?;
        let code = context.rules.pool_script_reason;
        check_scripts(&entry.tx, &coins, code).map_err(|reject| {
            let debug = if context.rules.script_debug { reject.debug } else { String::new() };
            Reject { debug, ..reject }
        })?;
        Ok(Candidate { entry, replaced })
    }

    fn check_not_here(&self, tx: &Transaction) -> Result<(), Reject> {
        if self.get_by_wtxid(&tx.compute_wtxid()).is_some() {
            return Err(Reject::bare(RejectKind::Conflict, "txn-already-in-mempool"));
        }
        if self.contains(&tx.compute_txid()) {
            return Err(Reject::bare(RejectKind::Conflict, "txn-same-nonwitness-data-in-mempool"));
        }
        Ok(())
    }

    /// Waiting transactions that spend the same outputs, if they may be replaced.
    fn replaceable_conflicts(
        &self,
        tx: &Transaction,
        rules: &Rules,
    ) -> Result<BTreeSet<Txid>, Reject> {
        let conflicts: BTreeSet<Txid> =
            tx.input.iter().filter_map(|input| self.spender(&input.previous_output)).collect();
        let stubborn = |txid| self.get(txid).is_some_and(|entry| !signals_replacement(&entry.tx));
        if !rules.full_replacement && conflicts.iter().any(stubborn) {
            return Err(Reject::bare(RejectKind::Policy, "txn-mempool-conflict"));
        }
        Ok(conflicts)
    }

    /// Checks what depends on other waiting transactions, and finds those to replace.
    fn check_relatives(
        &self,
        entry: &MempoolEntry,
        conflicts: &BTreeSet<Txid>,
        context: &AcceptContext<'_>,
    ) -> Result<BTreeSet<Txid>, Reject> {
        let by_cluster = context.rules.cluster_mempool;
        let (tx, vsize) = (&entry.tx, entry.vsize());
        if !by_cluster && !context.from_block {
            self.check_chain(entry, conflicts, context.limits)?;
        }
        if !by_cluster {
            self.check_own_conflicts(entry, conflicts)?;
        }
        let replaced = if conflicts.is_empty() {
            BTreeSet::new()
        } else {
            let new = Replacement { tx, txid: entry.txid, fee: entry.fee, vsize, conflicts };
            self.check_replacement(&new, context.rules)?
        };
        if by_cluster {
            if !self.cluster_fits(tx, vsize, self.parents_of(tx), &replaced, context.limits) {
                return Err(Reject::bare(RejectKind::Policy, "too-large-cluster"));
            }
            self.check_own_conflicts(entry, conflicts)?;
        }
        Ok(replaced)
    }

    fn check_chain(
        &self,
        entry: &MempoolEntry,
        conflicts: &BTreeSet<Txid>,
        limits: &ChainLimits,
    ) -> Result<(), Reject> {
        let mut limits = *limits;
        if let (Some(conflict), 1) = (conflicts.first(), conflicts.len()) {
            limits.descendants += 1;
            limits.descendant_vsize += self.total_vsize(&self.descendants(conflict));
        }
        let Some(error) = self.ancestor_error(&entry.tx, entry.vsize(), &limits) else {
            return Ok(());
        };
        let carve_out = ChainLimits {
            ancestors: 2,
            descendants: limits.descendants + 1,
            descendant_vsize: limits.descendant_vsize + CARVE_OUT_VSIZE,
            ..limits
        };
        let small = entry.vsize() <= CARVE_OUT_VSIZE && entry.tx.version.0 != 3;
        if small && self.ancestor_error(&entry.tx, entry.vsize(), &carve_out).is_none() {
            return Ok(());
        }
        Err(Reject::new(RejectKind::Policy, "too-long-mempool-chain", error))
    }

    /// A transaction cannot spend outputs of one that it replaces.
    fn check_own_conflicts(
        &self,
        entry: &MempoolEntry,
        conflicts: &BTreeSet<Txid>,
    ) -> Result<(), Reject> {
        if conflicts.is_empty() {
            return Ok(());
        }
        let parents = self.parents_of(&entry.tx);
        let ancestors: BTreeSet<Txid> =
            parents.iter().flat_map(|txid| self.ancestors(txid)).collect();
        let Some(both) = ancestors.intersection(conflicts).next() else { return Ok(()) };
        let debug = format!("{} spends conflicting transaction {both}", entry.txid);
        Err(Reject::new(RejectKind::Consensus, "bad-txns-spends-conflicting-tx", debug))
    }
}

fn check_alone(tx: &Transaction, index: &BlockIndex) -> Result<(), Reject> {
    if tx.is_coinbase() {
        return Err(Reject::bare(RejectKind::Consensus, "coinbase"));
    }
    if tx.base_size() < MIN_BASE_SIZE {
        return Err(Reject::bare(RejectKind::Policy, "tx-size-small"));
    }
    if !is_final(tx, index.height() + 1, index.entry(index.tip()).median_time) {
        return Err(Reject::bare(RejectKind::Policy, "non-final"));
    }
    Ok(())
}

/// Whether what the rules say of a transaction depends on height and time.
fn is_fragile(tx: &Transaction, coins: &impl CoinView) -> bool {
    let is_coinbase =
        |input: &TxIn| coins.coin(&input.previous_output).is_some_and(|coin| coin.coinbase);
    tx.lock_time.to_consensus_u32() != 0
        || tx.input.iter().any(|input| input.sequence.is_relative_lock_time())
        || tx.input.iter().any(is_coinbase)
}

fn check_inputs_exist(
    tx: &Transaction,
    coins: &impl CoinView,
    chain: &UtxoSet,
) -> Result<(), Reject> {
    if tx.input.iter().all(|input| coins.coin(&input.previous_output).is_some()) {
        return Ok(());
    }
    let txid = tx.compute_txid();
    let mined = (0..tx.output.len())
        .any(|place| chain.coin(&OutPoint { txid, vout: place as u32 }).is_some());
    if mined {
        return Err(Reject::bare(RejectKind::Conflict, "txn-already-known"));
    }
    Err(Reject::bare(RejectKind::MissingInputs, "bad-txns-inputs-missingorspent"))
}

fn check_fee(entry: &MempoolEntry, context: &AcceptContext<'_>) -> Result<(), Reject> {
    for (rate, reason) in [
        (context.min_feerate, "mempool min fee not met"),
        (context.rules.min_relay_feerate, "min relay fee not met"),
    ] {
        let needed = rate.fee(entry.vsize());
        if entry.fee < needed {
            return Err(Reject::new(
                RejectKind::Policy,
                reason,
                format!("{} < {needed}", entry.fee),
            ));
        }
    }
    Ok(())
}
