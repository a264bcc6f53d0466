//! The rules that blocks and transactions must obey, with the codes Bitcoin Core gives for breaking them.
//!
//! `transaction` looks at one transaction and its inputs, `locks` at time locks, `header` and `block` at blocks,
//! `version` at the version bits that a new block should signal. Scripts are run only as far as [`crate::scripts`]
//! goes.

pub(crate) mod block;
pub(crate) mod header;
mod locks;
mod transaction;
mod version;

pub use block::{BlockChecks, check_block, check_contextual, connect_block};
pub use header::{check_header, check_work};
pub use locks::{is_final, sequence_locks_pass};
pub use transaction::{check_inputs, check_transaction};
pub use version::{block_version, period_end, unknown_rules};

/// Blocks between two halvings of the subsidy on regtest.
pub const HALVING_INTERVAL: u32 = 150;

/// Confirmations that a coinbase needs before it can be spent.
pub const COINBASE_MATURITY: u32 = 100;

/// Largest amount that can exist, in satoshi.
pub const MAX_MONEY: u64 = 21_000_000 * 100_000_000;

/// Largest weight of a block (BIP 141).
pub const MAX_BLOCK_WEIGHT: u64 = 4_000_000;

/// Largest cost of signature checks in a block (BIP 141).
pub const MAX_BLOCK_SIGOPS_COST: u64 = 80_000;

/// Weight of a byte outside of witnesses (BIP 141).
pub const WITNESS_SCALE: u64 = 4;

/// What a block at this height may create, in satoshi.
pub fn subsidy(height: u32) -> u64 {
    let halvings = height / HALVING_INTERVAL;
    if halvings >= 64 { 0 } else { 5_000_000_000 >> halvings }
}
