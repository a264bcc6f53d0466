//! Who says that they may be replaced (BIP 125).

use bitcoin::Transaction;

use super::pool::Mempool;

/// Whether a transaction may be replaced, as far as can be known. The numbers are those of the interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum RbfState {
    /// It does not wait here and does not say so itself: its ancestors cannot be looked at.
    Unknown = 0,
    /// It, or a waiting ancestor, says that it may be replaced.
    Replaceable = 1,
    /// Neither it nor any waiting ancestor says so.
    Final = 2,
}

/// Whether the transaction itself says that it may be replaced.
pub fn signals_replacement(tx: &Transaction) -> bool {
    tx.is_explicitly_rbf()
}

impl Mempool {
    /// Whether a transaction says, itself or through its waiting ancestors, that it may be replaced. Nodes of these
    /// generations replace it either way.
    pub fn rbf_state(&self, tx: &Transaction) -> RbfState {
        if signals_replacement(tx) {
            return RbfState::Replaceable;
        }
        let txid = tx.compute_txid();
        if !self.contains(&txid) {
            return RbfState::Unknown;
        }
        let inherited = self
            .ancestors(&txid)
            .iter()
            .filter_map(|txid| self.get(txid))
            .any(|entry| signals_replacement(&entry.tx));
        if inherited { RbfState::Replaceable } else { RbfState::Final }
    }
}
