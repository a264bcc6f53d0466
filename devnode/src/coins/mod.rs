//! Unspent outputs.
//!
//! `set` keeps them and what each connected block spent, `codec` knows how a coin looks on the wire.

mod codec;
mod set;

use bitcoin::{OutPoint, Transaction, TxOut};

pub use codec::encode_coin;
pub use set::{BlockChange, UtxoSet};
pub(crate) use set::{BlockOverlay, overwrites};

/// The height that stands for "in the mempool" in a coin.
pub const MEMPOOL_HEIGHT: u32 = 0x7fff_ffff;

/// Largest script that can ever be spent, in bytes.
const MAX_SCRIPT_BYTES: usize = 10_000;

/// An unspent output and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coin {
    /// Amount and script.
    pub output: TxOut,
    /// Height of its block, or [`MEMPOOL_HEIGHT`].
    pub height: u32,
    /// Whether a coinbase made it.
    pub coinbase: bool,
}

/// Something that knows coins.
pub trait CoinView {
    /// The unspent output with this name.
    fn coin(&self, outpoint: &OutPoint) -> Option<Coin>;
}

/// The coins that a transaction makes, without those that nobody can ever spend.
pub(crate) fn created_by(
    tx: &Transaction,
    height: u32,
) -> impl Iterator<Item = (OutPoint, Coin)> + '_ {
    let txid = tx.compute_txid();
    let coinbase = tx.is_coinbase();
    tx.output.iter().enumerate().filter(|(_, output)| is_spendable(output)).map(
        move |(place, output)| {
            let vout = u32::try_from(place).unwrap_or(u32::MAX);
            (OutPoint { txid, vout }, Coin { output: output.clone(), height, coinbase })
        },
    )
}

fn is_spendable(output: &TxOut) -> bool {
    let script = &output.script_pubkey;
    !script.is_op_return() && script.len() <= MAX_SCRIPT_BYTES
}
