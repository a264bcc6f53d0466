//! Headers, blocks and the chain they make.
//!
//! `entry` is one header, `index` the tree of them, `active` the chain the node follows and the way from one to
//! another, `query` the questions that readers ask, `view` one block in a reader's hand. Validity is decided
//! elsewhere ([`crate::consensus`]); this room only keeps the verdicts.

mod active;
mod entry;
mod index;
mod query;
mod view;

#[cfg(test)]
mod tests;

pub use active::Reorganisation;
pub use entry::{BlockData, BlockEntry, BlockId};
pub use index::BlockIndex;
pub use view::BlockView;
