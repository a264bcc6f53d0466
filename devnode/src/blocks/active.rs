//! The chain the node follows.

use bitcoin::BlockHash;

use super::entry::BlockId;
use super::index::BlockIndex;

/// The blocks of the active chain by height; genesis is always there.
#[derive(Debug)]
pub(super) struct ActiveChain {
    blocks: Vec<BlockId>,
    tip: BlockId,
}

impl ActiveChain {
    pub(super) fn new(genesis: BlockId) -> Self {
        Self { blocks: vec![genesis], tip: genesis }
    }

    pub(super) fn tip(&self) -> BlockId {
        self.tip
    }
}

/// The way from one tip to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reorganisation {
    /// Last block that both chains share.
    pub fork: BlockId,
    /// Blocks to take off, tip first.
    pub disconnect: Vec<BlockId>,
    /// Blocks to put on, lowest first.
    pub connect: Vec<BlockId>,
}

impl BlockIndex {
    /// The last block of the active chain.
    pub fn tip(&self) -> BlockId {
        self.active.tip()
    }

    /// Height of the active chain.
    pub fn height(&self) -> u32 {
        self.entry(self.tip()).height
    }

    /// The active chain, genesis first.
    pub fn active_blocks(&self) -> &[BlockId] {
        &self.active.blocks
    }

    /// The block of the active chain at a height.
    pub fn active_at(&self, height: u32) -> Option<BlockId> {
        self.active.blocks.get(height as usize).copied()
    }

    /// Whether a block is part of the active chain.
    pub fn is_active(&self, id: BlockId) -> bool {
        self.active_at(self.entry(id).height) == Some(id)
    }

    /// The block after this one on the active chain; none for the tip and for blocks elsewhere.
    pub fn next_active(&self, id: BlockId) -> Option<BlockId> {
        self.is_active(id).then(|| self.active_at(self.entry(id).height + 1)).flatten()
    }

    /// What has to happen for `target` to become the tip.
    pub fn path_to(&self, target: BlockId) -> Reorganisation {
        let mut connect = Vec::new();
        let mut fork = target;
        while !self.is_active(fork) {
            connect.push(fork);
            let Some(parent) = self.entry(fork).parent else { break };
            fork = parent;
        }
        connect.reverse();
        let first = self.entry(fork).height as usize + 1;
        let disconnect = self.active.blocks.iter().skip(first).rev().copied().collect();
        Reorganisation { fork, disconnect, connect }
    }

    /// Takes the tip off the active chain; genesis stays.
    pub(crate) fn pop_tip(&mut self) {
        if let Some(parent) = self.entry(self.tip()).parent {
            self.active.blocks.pop();
            self.active.tip = parent;
        }
    }

    /// Puts a child of the tip on the active chain.
    pub(crate) fn push_tip(&mut self, id: BlockId) {
        debug_assert_eq!(self.entry(id).parent, Some(self.tip()));
        self.entries[id.0].was_connected = true;
        self.active.blocks.push(id);
        self.active.tip = id;
    }

    /// Hashes that let another node find the last block it shares with this one: ten steps of one, then doubling
    /// steps, genesis last.
    pub fn locator(&self, id: BlockId) -> Vec<BlockHash> {
        let mut hashes = Vec::new();
        let mut step = 1;
        let mut at = Some(id);
        while let Some(id) = at {
            let entry = self.entry(id);
            hashes.push(entry.hash);
            if entry.height == 0 {
                break;
            }
            at = self.ancestor(id, entry.height.saturating_sub(step));
            if hashes.len() > 10 {
                step = step.saturating_mul(2);
            }
        }
        hashes
    }

    /// The block of the active chain that a locator leads to: the first of its hashes that is on the active chain or
    /// extends its tip, else genesis.
    pub fn locator_fork(&self, hashes: &[BlockHash]) -> BlockId {
        for id in hashes.iter().filter_map(|hash| self.find(hash)) {
            if self.is_active(id) {
                return id;
            }
            if self.ancestor(id, self.height()) == Some(self.tip()) {
                return self.tip();
            }
        }
        BlockId(0)
    }
}
