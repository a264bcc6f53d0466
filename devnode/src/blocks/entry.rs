//! One header of the index, and what is known about its block.

use std::sync::Arc;

use bitcoin::block::Header;
use bitcoin::pow::Work;
use bitcoin::{Block, BlockHash};

/// The place of a header in the index. Ids are never reused, and an id of one index means nothing to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId(pub(super) usize);

/// What the node has of a block beyond its header.
#[derive(Clone, Debug)]
pub enum BlockData {
    /// Nothing was ever received.
    HeaderOnly,
    /// The whole block.
    Stored {
        /// The block, witnesses included.
        block: Arc<Block>,
        /// Byte position of the block in an imagined block file: every block is preceded by 8 bytes (network magic
        /// and size), in order of arrival.
        position: u64,
    },
    /// The block was there and has been thrown away.
    Pruned,
}

/// A known header with everything that follows from its place in the tree.
#[derive(Clone, Debug)]
pub struct BlockEntry {
    /// Hash of the header.
    pub hash: BlockHash,
    /// The header.
    pub header: Header,
    /// Distance from genesis.
    pub height: u32,
    /// The block it builds on; none for genesis.
    pub parent: Option<BlockId>,
    /// Work of the whole chain up to here.
    pub work: Work,
    /// Median of the times of the last eleven blocks up to here, in seconds since 1970 (BIP 113).
    pub median_time: u32,
    /// Highest time of any block up to here, in seconds since 1970.
    pub max_time: u32,
    /// The block, if the node has it.
    pub data: BlockData,
    /// Transactions in the chain up to here; zero as long as a block on the way was never received.
    pub chain_tx_count: u64,
    /// Whether this block, or one it builds on, is marked invalid.
    pub failed: bool,
    /// Whether it ever was on the active chain, and so all of its rules were checked.
    pub was_connected: bool,
    /// Transactions in this block; zero while unknown.
    pub(super) tx_count: u64,
    /// When the block became connectable, counted; breaks ties between chains of equal work.
    pub(super) sequence: i64,
}

impl BlockEntry {
    /// Number of transactions in the block; zero while it was never received.
    pub fn transactions(&self) -> u64 {
        self.tx_count
    }

    /// The block, if the node has it.
    pub fn block(&self) -> Option<&Arc<Block>> {
        match &self.data {
            BlockData::Stored { block, .. } => Some(block),
            BlockData::HeaderOnly | BlockData::Pruned => None,
        }
    }

    /// Whether the node has the block.
    pub fn has_data(&self) -> bool {
        matches!(self.data, BlockData::Stored { .. })
    }

    /// Position of the block in the imagined block file, zero if it is not there.
    pub fn position(&self) -> u64 {
        match self.data {
            BlockData::Stored { position, .. } => position,
            BlockData::HeaderOnly | BlockData::Pruned => 0,
        }
    }
}
