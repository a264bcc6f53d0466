//! What readers ask about blocks and coins.

use std::collections::BTreeMap;

use bitcoin::{BlockHash, OutPoint};

use super::{Node, NodeError};
use crate::blocks::{BlockId, BlockView};
use crate::coins::{Coin, CoinView};
use crate::filters::BASIC_FILTER;
use crate::mempool::MempoolCoins;

/// Two blocks and the last block that both chains share; each is missing if it is unknown.
#[derive(Clone, Copy, Debug)]
pub struct CommonAncestor<'a> {
    /// The last shared block; missing unless both blocks are known.
    pub ancestor: Option<BlockView<'a>>,
    /// The first block.
    pub block1: Option<BlockView<'a>>,
    /// The second block.
    pub block2: Option<BlockView<'a>>,
}

impl Node {
    /// Height of the active chain.
    pub fn height(&self) -> u32 {
        self.index.height()
    }

    /// The last block of the active chain.
    pub fn tip(&self) -> BlockView<'_> {
        self.view(self.index.tip())
    }

    /// The hash at a height of the active chain. Real nodes die of a height that is not there.
    pub fn block_hash_at(&self, height: i32) -> Result<BlockHash, NodeError> {
        self.active_at(height).map(BlockView::hash).ok_or(NodeError::HeightOutOfRange(height))
    }

    /// Whether the node has the block at a height of the active chain.
    pub fn have_block_on_disk(&self, height: i32) -> bool {
        self.active_at(height).is_some_and(|view| view.block().is_some())
    }

    /// The locator of the tip.
    pub fn tip_locator(&self) -> Vec<BlockHash> {
        self.index.locator(self.index.tip())
    }

    /// The locator of a block on any chain, empty if it is unknown.
    pub fn locator_of(&self, hash: &BlockHash) -> Vec<BlockHash> {
        self.find_block(hash).map(BlockView::locator).unwrap_or_default()
    }

    /// Height of the last block that this chain shares with the sender of a locator.
    pub fn find_locator_fork(&self, locator: &[BlockHash]) -> u32 {
        self.index.entry(self.index.locator_fork(locator)).height
    }

    /// A known block, on any chain.
    pub fn find_block(&self, hash: &BlockHash) -> Option<BlockView<'_>> {
        self.index.find(hash).map(|id| self.view(id))
    }

    /// The first block of the active chain at this height or above up to which some block's time is at least
    /// `min_time`, in seconds since 1970.
    pub fn find_first_block(&self, min_time: i64, min_height: i32) -> Option<BlockView<'_>> {
        self.index.first_at_least(min_time, i64::from(min_height)).map(|id| self.view(id))
    }

    /// The block at a height on the chain that ends in a block; any height may be asked for.
    pub fn find_ancestor_by_height(&self, hash: &BlockHash, height: i32) -> Option<BlockView<'_>> {
        let id = self.index.find(hash)?;
        self.index.ancestor(id, u32::try_from(height).ok()?).map(|id| self.view(id))
    }

    /// The block `ancestor`, unless `hash` is known and does not build on it. A block is its own ancestor.
    pub fn find_ancestor_by_hash(
        &self,
        hash: &BlockHash,
        ancestor: &BlockHash,
    ) -> Option<BlockView<'_>> {
        let found = self.find_block(ancestor)?;
        match self.index.find(hash) {
            Some(id) if self.index.ancestor(id, found.height()) != Some(found.id()) => None,
            _ => Some(found),
        }
    }

    /// Two blocks and the last one that their chains share.
    pub fn find_common_ancestor(&self, hash1: &BlockHash, hash2: &BlockHash) -> CommonAncestor<'_> {
        let (block1, block2) = (self.find_block(hash1), self.find_block(hash2));
        let ancestor = block1
            .zip(block2)
            .and_then(|(one, other)| self.index.common_ancestor(one.id(), other.id()))
            .map(|id| self.view(id));
        CommonAncestor { ancestor, block1, block2 }
    }

    /// Whether the node has all blocks of the chain that ends in a block, between two heights. Heights outside the
    /// chain are clipped, but real nodes die of a negative upper one.
    pub fn has_blocks(
        &self,
        hash: &BlockHash,
        min: i32,
        max: Option<i32>,
    ) -> Result<bool, NodeError> {
        let Some(id) = self.index.find(hash) else { return Ok(false) };
        let max = match max {
            Some(height) => {
                Some(u32::try_from(height).map_err(|_| NodeError::HeightOutOfRange(height))?)
            }
            None => None,
        };
        Ok(self.index.has_blocks(id, i64::from(min), max))
    }

    /// The unspent outputs with these names, those of waiting transactions included. Whether a waiting transaction
    /// spends them does not matter.
    pub fn find_coins(&self, outpoints: &[OutPoint]) -> BTreeMap<OutPoint, Option<Coin>> {
        let coins = MempoolCoins { pool: &self.pool, chain: &self.coins };
        outpoints.iter().map(|outpoint| (*outpoint, coins.coin(outpoint))).collect()
    }

    /// The unspent output with this name, in the chain only.
    pub fn unspent_output(&self, outpoint: &OutPoint) -> Option<Coin> {
        self.coins.coin(outpoint)
    }

    /// Whether block filters of a type are kept.
    pub fn has_filter_index(&self, filter_type: u8) -> bool {
        filter_type == BASIC_FILTER && self.filters.is_some()
    }

    /// Whether any of these scripts may be in a block: none if there is no filter to ask.
    pub fn filter_matches_any(
        &self,
        filter_type: u8,
        hash: &BlockHash,
        scripts: &[Vec<u8>],
    ) -> Option<bool> {
        let filters = self.filters.as_ref().filter(|_| filter_type == BASIC_FILTER)?;
        filters.matches_any(hash, scripts)
    }

    fn active_at(&self, height: i32) -> Option<BlockView<'_>> {
        self.index.active_at(u32::try_from(height).ok()?).map(|id| self.view(id))
    }

    fn view(&self, id: BlockId) -> BlockView<'_> {
        BlockView::new(&self.index, id)
    }
}
