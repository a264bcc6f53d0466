//! How transactions come in, and what readers ask about those that wait.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bitcoin::{OutPoint, Transaction, Txid};

use super::Node;
use crate::coins::CoinView;
use crate::events::Event;
use crate::feerate::FeeRate;
use crate::mempool::{AcceptContext, Ancestry, Candidate, MempoolEntry, RbfState, RemovalReason};
use crate::reject::{Reject, RejectKind};

/// What became of a transaction that was to be broadcast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broadcast {
    /// It waits in the mempool, now or since before.
    Accepted,
    /// An input is unknown or spent; the text says so.
    MissingInputs(String),
    /// It is in the chain already.
    Confirmed,
    /// The mempool refused it, for this reason.
    Rejected(String),
    /// It pays more than the caller allowed.
    MaxFeeExceeded,
}

impl Broadcast {
    /// The number on the wire, in the `Node` interface.
    pub fn number(&self) -> i32 {
        match self {
            Self::Accepted => 0,
            Self::MissingInputs(_) => 1,
            Self::Confirmed => 2,
            Self::Rejected(_) => 3,
            Self::MaxFeeExceeded => 5,
        }
    }

    /// Whether it waits in the mempool: the answer of the `Chain` interface.
    pub fn is_accepted(&self) -> bool {
        *self == Self::Accepted
    }

    /// The error text, which is empty also for some failures.
    pub fn error(&self) -> &str {
        match self {
            Self::MissingInputs(error) | Self::Rejected(error) => error,
            _ => "",
        }
    }
}

impl From<Reject> for Broadcast {
    fn from(reject: Reject) -> Self {
        match reject.kind {
            RejectKind::MissingInputs => Self::MissingInputs(reject.to_string()),
            _ => Self::Rejected(reject.to_string()),
        }
    }
}

impl Node {
    /// Puts a transaction into the mempool unless it pays more than `max_fee` satoshi. Zero or less means no limit.
    pub fn submit_transaction(&mut self, tx: Transaction, max_fee: i64) -> Broadcast {
        let txid = tx.compute_txid();
        if self.has_unspent_output(&tx, txid) {
            return Broadcast::Confirmed;
        }
        if self.pool.contains(&txid) {
            return Broadcast::Accepted;
        }
        let tx = Arc::new(tx);
        if max_fee > 0 {
            match self.test_transaction(tx.clone()) {
                Ok(candidate) if candidate.entry.fee > max_fee => return Broadcast::MaxFeeExceeded,
                Ok(_) => {}
                Err(reject) => return reject.into(),
            }
        }
        match self.admit(tx, false) {
            Ok(()) => Broadcast::Accepted,
            Err(reject) => reject.into(),
        }
    }

    /// Whether the mempool would take a transaction, and what for. Nothing changes.
    pub fn test_transaction(&self, tx: Arc<Transaction>) -> Result<Candidate, Reject> {
        self.pool.check(tx, &self.accept_context(false))
    }

    /// Takes a transaction and its descendants out of the mempool. False if it was not there.
    pub fn remove_transaction(&mut self, txid: &Txid) -> bool {
        let removed = self.pool.remove_with_descendants(&BTreeSet::from([*txid]));
        let found = !removed.is_empty();
        for tx in removed {
            self.events.push(Event::TransactionRemoved(tx, RemovalReason::Expiry));
        }
        found
    }

    /// Lets a transaction in if it passes the checks.
    pub(super) fn admit(&mut self, tx: Arc<Transaction>, from_block: bool) -> Result<(), Reject> {
        self.admit_at(tx, from_block, self.now())
    }

    /// The same for a transaction that came at another time.
    pub(super) fn admit_at(
        &mut self,
        tx: Arc<Transaction>,
        from_block: bool,
        time: i64,
    ) -> Result<(), Reject> {
        let context = AcceptContext { now: time, ..self.accept_context(from_block) };
        let candidate = self.pool.check(tx, &context)?;
        for tx in self.pool.remove_with_descendants(&candidate.replaced) {
            self.events.push(Event::TransactionRemoved(tx, RemovalReason::Replaced));
        }
        self.events.push(Event::TransactionAdded(candidate.entry.tx.clone()));
        self.pool.insert(candidate.entry);
        Ok(())
    }

    fn accept_context(&self, from_block: bool) -> AcceptContext<'_> {
        AcceptContext {
            index: &self.index,
            coins: &self.coins,
            rules: &self.rules,
            limits: &self.limits,
            min_feerate: self.mempool_min_feerate(),
            now: self.now(),
            from_block,
        }
    }

    fn has_unspent_output(&self, tx: &Transaction, txid: Txid) -> bool {
        (0..tx.output.len())
            .any(|place| self.coins.coin(&OutPoint { txid, vout: place as u32 }).is_some())
    }

    /// Whether a transaction says, itself or through waiting ancestors, that it may be replaced.
    pub fn rbf_state(&self, tx: &Transaction) -> RbfState {
        self.pool.rbf_state(tx)
    }

    /// Whether a transaction with this id waits.
    pub fn is_in_mempool(&self, txid: &Txid) -> bool {
        self.pool.contains(txid)
    }

    /// Whether a waiting transaction has waiting descendants; false if it does not wait.
    pub fn has_descendants_in_mempool(&self, txid: &Txid) -> bool {
        self.pool.descendants(txid).len() > 1
    }

    /// The family of a waiting transaction in numbers; none if it does not wait. Real nodes then leave size and fees
    /// uninitialised.
    pub fn transaction_ancestry(&self, txid: &Txid) -> Option<Ancestry> {
        self.pool.ancestry(txid, self.rules.cluster_mempool)
    }

    /// Satoshi to pay on top, per output, to bring its transaction up to a fee rate; sorted by output.
    pub fn individual_bump_fees(
        &self,
        outpoints: &[OutPoint],
        target: FeeRate,
    ) -> BTreeMap<OutPoint, i64> {
        self.pool.bump_fees(outpoints, target)
    }

    /// Satoshi to pay on top when all these outputs are spent together.
    pub fn combined_bump_fee(&self, outpoints: &[OutPoint], target: FeeRate) -> i64 {
        self.pool.combined_bump_fee(outpoints, target)
    }

    /// Why a transaction would make too long a chain in the mempool; none if it would not.
    pub fn check_chain_limits(&self, tx: &Transaction) -> Option<String> {
        let vsize = tx.vsize() as u64;
        self.pool.chain_limit_error(tx, vsize, &self.limits, self.rules.cluster_mempool)
    }

    /// All waiting transactions, parents first, in the order in which the interfaces tell them.
    pub fn mempool_transactions(&self) -> Vec<&MempoolEntry> {
        self.pool.in_order(self.rules.cluster_mempool)
    }
}
