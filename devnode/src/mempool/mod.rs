//! Transactions that wait for a block.
//!
//! `entry` is one of them, `pool` the set, `graph` who needs whom, `limits` how long chains may get, `replace` and
//! `accept` who gets in, `confirm` what blocks do to it, `order` in which order it is told, `linear` and `select` in
//! which order it would be mined, `bump` what it costs to bring an output's transaction up to a fee rate.

mod accept;
mod bump;
mod confirm;
mod entry;
mod graph;
mod limits;
mod linear;
mod order;
mod pool;
mod replace;
mod select;
mod signal;

pub(crate) use accept::AcceptContext;
pub use accept::Candidate;
pub use entry::MempoolEntry;
pub use graph::Ancestry;
pub use limits::ChainLimits;
pub use pool::{Mempool, MempoolCoins, RemovalReason};
pub use select::{Selection, SelectionLimits};
pub use signal::{RbfState, signals_replacement};
