//! Blocks of our own.
//!
//! `template` puts a block together without its proof of work, `coinbase` makes its first transaction, `solve` finds
//! the nonce.

mod coinbase;
mod solve;
mod template;

pub(crate) use coinbase::merkle_parent;
pub use coinbase::{CoinbasePlan, merkle_path, witness_commitment_place};
pub use solve::solve;
pub(crate) use template::TemplateContext;
pub use template::{
    BlockTemplate, DEFAULT_RESERVED_SIGOPS, DEFAULT_RESERVED_WEIGHT, TemplateOptions,
};
