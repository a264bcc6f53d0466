//! Replacement of waiting transactions (BIP 125, without its opt-in: these generations replace anything).

use std::collections::BTreeSet;

use bitcoin::{Transaction, Txid};

use super::pool::Mempool;
use crate::feerate::{FeeRate, format_money};
use crate::generation::Rules;
use crate::reject::{Reject, RejectKind};

/// Most transactions, or clusters, that one replacement may put out.
const MAX_REPLACED: usize = 100;

/// A replacement that is being judged.
pub(super) struct Replacement<'a> {
    pub(super) tx: &'a Transaction,
    pub(super) txid: Txid,
    pub(super) fee: i64,
    pub(super) vsize: u64,
    /// Waiting transactions that spend the same outputs.
    pub(super) conflicts: &'a BTreeSet<Txid>,
}

impl Mempool {
    /// Everything that has to leave for a replacement to come in, or why it may not.
    pub(super) fn check_replacement(
        &self,
        new: &Replacement<'_>,
        rules: &Rules,
    ) -> Result<BTreeSet<Txid>, Reject> {
        if !rules.cluster_mempool {
            self.check_beats_conflicts(new)?;
        }
        self.check_replaced_count(new, rules.cluster_mempool)?;
        let replaced: BTreeSet<Txid> =
            new.conflicts.iter().flat_map(|txid| self.descendants(txid)).collect();
        if !rules.cluster_mempool {
            self.check_no_new_parents(new, &replaced)?;
        }
        check_pays(new, self.total_fees(&replaced), rules.incremental_relay_feerate)?;
        Ok(replaced)
    }

    fn check_beats_conflicts(&self, new: &Replacement<'_>) -> Result<(), Reject> {
        let rate = FeeRate::from_fee(new.fee, new.vsize);
        for entry in new.conflicts.iter().filter_map(|txid| self.get(txid)) {
            let old = FeeRate::from_fee(entry.fee, entry.vsize());
            if rate <= old {
                let debug = format!(
                    "rejecting replacement {}; new feerate {rate} <= old feerate {old}",
                    new.txid
                );
                return Err(Reject::new(RejectKind::Policy, "insufficient fee", debug));
            }
        }
        Ok(())
    }

    fn check_replaced_count(&self, new: &Replacement<'_>, by_cluster: bool) -> Result<(), Reject> {
        let (count, what) = if by_cluster {
            let clusters: BTreeSet<Option<Txid>> =
                new.conflicts.iter().map(|txid| self.cluster([*txid]).first().copied()).collect();
            (clusters.len(), "conflicting clusters")
        } else {
            (
                new.conflicts.iter().map(|txid| self.descendants(txid).len()).sum(),
                "potential replacements",
            )
        };
        if count <= MAX_REPLACED {
            return Ok(());
        }
        let debug = format!(
            "rejecting replacement {}; too many {what} ({count} > {MAX_REPLACED})",
            new.txid
        );
        Err(Reject::new(RejectKind::Policy, "too many potential replacements", debug))
    }

    fn check_no_new_parents(
        &self,
        new: &Replacement<'_>,
        replaced: &BTreeSet<Txid>,
    ) -> Result<(), Reject> {
        let known: BTreeSet<Txid> = replaced
            .iter()
            .filter_map(|txid| self.get(txid))
            .flat_map(|entry| entry.tx.input.iter().map(|input| input.previous_output.txid))
            .collect();
        for (place, input) in new.tx.input.iter().enumerate() {
            let parent = input.previous_output.txid;
            if !known.contains(&parent) && self.contains(&parent) {
                let debug = format!("replacement {} adds unconfirmed input, idx {place}", new.txid);
                return Err(Reject::new(RejectKind::Policy, "replacement-adds-unconfirmed", debug));
            }
        }
        Ok(())
    }
}

fn check_pays(new: &Replacement<'_>, replaced_fees: i64, relay: FeeRate) -> Result<(), Reject> {
    let refuse = |what: &str, have: i64, need: i64| {
        let (have, need) = (format_money(have), format_money(need));
        let debug = format!("rejecting replacement {}, {what}; {have} < {need}", new.txid);
        Err(Reject::new(RejectKind::Policy, "insufficient fee", debug))
    };
    if new.fee < replaced_fees {
        return refuse("less fees than conflicting txs", new.fee, replaced_fees);
    }
    let (extra, needed) = (new.fee - replaced_fees, relay.fee(new.vsize));
    if extra < needed {
        return refuse("not enough additional fees to relay", extra, needed);
    }
    Ok(())
}
