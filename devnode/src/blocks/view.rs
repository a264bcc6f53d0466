//! A block as seen by a reader: the answers of the interfaces' `FoundBlock`.

use std::sync::Arc;

use bitcoin::{Block, BlockHash};

use super::entry::{BlockEntry, BlockId};
use super::index::BlockIndex;

/// A known block, and everything that can be asked about it. Cheap to copy; nothing is computed before it is asked
/// for.
#[derive(Clone, Copy, Debug)]
pub struct BlockView<'a> {
    index: &'a BlockIndex,
    id: BlockId,
}

impl<'a> BlockView<'a> {
    pub(crate) fn new(index: &'a BlockIndex, id: BlockId) -> Self {
        Self { index, id }
    }

    /// Its place in the index.
    pub fn id(self) -> BlockId {
        self.id
    }

    /// Everything the index keeps about it.
    pub fn entry(self) -> &'a BlockEntry {
        self.index.entry(self.id)
    }

    /// Its hash.
    pub fn hash(self) -> BlockHash {
        self.entry().hash
    }

    /// Its height.
    pub fn height(self) -> u32 {
        self.entry().height
    }

    /// Time of its header, in seconds since 1970.
    pub fn time(self) -> u32 {
        self.entry().header.time
    }

    /// Highest time of any block up to it, in seconds since 1970.
    pub fn max_time(self) -> u32 {
        self.entry().max_time
    }

    /// Median time past including itself, in seconds since 1970.
    pub fn median_time(self) -> u32 {
        self.entry().median_time
    }

    /// Whether it is on the active chain.
    pub fn in_active_chain(self) -> bool {
        self.index.is_active(self.id)
    }

    /// A locator that starts with it.
    pub fn locator(self) -> Vec<BlockHash> {
        self.index.locator(self.id)
    }

    /// The next block of the active chain; none for the tip and for blocks off the chain.
    pub fn next(self) -> Option<Self> {
        self.index.next_active(self.id).map(|id| Self { id, ..self })
    }

    /// The block itself, if the node has it. Real nodes send a null block (80 zero bytes and a zero count) if not.
    pub fn block(self) -> Option<&'a Arc<Block>> {
        self.entry().block()
    }
}
