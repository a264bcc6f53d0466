//! Blocks of our own.
//!
//! `template` puts a block together without its proof of work, `coinbase` makes its first transaction, `solve` finds
//! the nonce, `fork` makes blocks beside the active chain.

mod coinbase;
mod fork;
mod solve;
mod template;

pub(crate) use coinbase::merkle_parent;
pub use coinbase::{CoinbasePlan, merkle_path, witness_commitment_place};
pub(crate) use fork::fork_block;
pub use solve::solve;
pub(crate) use template::TemplateContext;
pub use template::{
    BlockTemplate, DEFAULT_RESERVED_SIGOPS, DEFAULT_RESERVED_WEIGHT, TemplateOptions,
};
