//! The tree of headers, and which of its leaves has the most work.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bitcoin::block::Header;
use bitcoin::consensus::encode::serialize;
use bitcoin::pow::Work;
use bitcoin::{Block, BlockHash};

use super::active::ActiveChain;
use super::entry::{BlockData, BlockEntry, BlockId};

/// Blocks that the median of times looks at (BIP 113).
const MEDIAN_SPAN: usize = 11;

/// Network magic and size before each block of a block file.
const FILE_PREFIX_BYTES: u64 = 8;

/// Every header the node knows, the blocks it has, and the chain it follows.
#[derive(Debug)]
pub struct BlockIndex {
    pub(super) entries: Vec<BlockEntry>,
    by_hash: HashMap<BlockHash, BlockId>,
    pub(super) active: ActiveChain,
    /// Blocks that could be the tip: whole chain received, none of it invalid. The last is the best: most work, then
    /// first connectable.
    candidates: BTreeSet<(Work, Reverse<i64>, BlockId)>,
    best_header: BlockId,
    next_sequence: i64,
    /// Counts down; preferred blocks come before all that came by themselves.
    next_precious: i64,
    file_end: u64,
    undo_bytes: u64,
}

impl BlockIndex {
    /// An index that holds, and follows, a genesis block only.
    pub fn new(genesis: Block) -> Self {
        let id = BlockId(0);
        let entry = BlockEntry {
            hash: genesis.block_hash(),
            header: genesis.header,
            height: 0,
            parent: None,
            work: genesis.header.work(),
            median_time: genesis.header.time,
            max_time: genesis.header.time,
            data: BlockData::HeaderOnly,
            chain_tx_count: 0,
            failed: false,
            was_connected: true,
            tx_count: 0,
            sequence: 0,
        };
        let mut index = Self {
            by_hash: HashMap::from([(entry.hash, id)]),
            entries: vec![entry],
            active: ActiveChain::new(id),
            candidates: BTreeSet::new(),
            best_header: id,
            next_sequence: 0,
            next_precious: 0,
            file_end: 0,
            undo_bytes: 0,
        };
        index.attach(id, Arc::new(genesis));
        index
    }

    /// The header with this hash.
    pub fn find(&self, hash: &BlockHash) -> Option<BlockId> {
        self.by_hash.get(hash).copied()
    }

    /// What is known of a header.
    pub fn entry(&self, id: BlockId) -> &BlockEntry {
        &self.entries[id.0]
    }

    /// Number of known headers.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes of the imagined files of blocks and of what they undo.
    pub fn stored_bytes(&self) -> u64 {
        self.file_end + self.undo_bytes
    }

    /// Counts what it takes to undo a block, which is written when the block is first connected.
    pub(crate) fn count_undo(&mut self, id: BlockId, bytes: u64) {
        if !self.entry(id).was_connected {
            self.undo_bytes += bytes;
        }
    }

    /// Makes a block the first come among those with its work, so that it is preferred from now on.
    pub(crate) fn prefer(&mut self, id: BlockId) {
        let was_candidate = self.candidates.remove(&self.key(id));
        self.next_precious -= 1;
        self.entries[id.0].sequence = self.next_precious;
        if was_candidate {
            self.candidates.insert(self.key(id));
        }
    }

    /// Never true: genesis is always known.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Every known header, in order of arrival.
    pub fn ids(&self) -> impl Iterator<Item = BlockId> + use<> {
        (0..self.entries.len()).map(BlockId)
    }

    /// The valid header with the most work, with or without its block.
    pub fn best_header(&self) -> BlockId {
        self.best_header
    }

    /// The block that deserves to be the tip: most work, and first come among equals.
    pub fn best_candidate(&self) -> BlockId {
        self.candidates.last().map_or(BlockId(0), |(_, _, id)| *id)
    }

    /// Adds a header below a known one, or finds it if it is there already.
    pub fn insert_header(&mut self, header: Header, parent: BlockId) -> BlockId {
        let hash = header.block_hash();
        if let Some(id) = self.find(&hash) {
            return id;
        }
        let id = BlockId(self.entries.len());
        let above = self.entry(parent);
        self.entries.push(BlockEntry {
            hash,
            header,
            height: above.height + 1,
            parent: Some(parent),
            work: above.work + header.work(),
            median_time: self.median_time(header.time, parent),
            max_time: above.max_time.max(header.time),
            data: BlockData::HeaderOnly,
            chain_tx_count: 0,
            failed: above.failed,
            was_connected: false,
            tx_count: 0,
            sequence: 0,
        });
        self.by_hash.insert(hash, id);
        if self.entry(id).work > self.entry(self.best_header).work && !self.entry(id).failed {
            self.best_header = id;
        }
        id
    }

    /// Stores the block of a known header. Blocks that waited for it become candidates for the tip too.
    pub fn attach(&mut self, id: BlockId, block: Arc<Block>) {
        let position = self.file_end + FILE_PREFIX_BYTES;
        self.file_end = position + serialize(block.as_ref()).len() as u64;
        let entry = &mut self.entries[id.0];
        entry.tx_count = block.txdata.len() as u64;
        entry.data = BlockData::Stored { block, position };
        let mut waiting = vec![id];
        while let Some(id) = waiting.pop() {
            if self.link(id) {
                waiting.extend(self.children(id).filter(|child| self.entry(*child).tx_count > 0));
            }
        }
    }

    /// Drops the blocks below a height, keeping their headers. Genesis goes too, as on real nodes.
    pub fn prune_below(&mut self, height: u32) {
        for entry in
            self.entries.iter_mut().filter(|entry| entry.height < height && entry.has_data())
        {
            entry.data = BlockData::Pruned;
        }
    }

    /// Marks a block and everything on top of it invalid. The active chain is not touched.
    pub fn mark_failed(&mut self, id: BlockId) {
        for other in self.family(id) {
            self.candidates.remove(&self.key(other));
            self.entries[other.0].failed = true;
        }
        self.find_best_header();
    }

    /// Takes the invalid mark off a block, everything below it and everything on top of it.
    pub fn clear_failed(&mut self, id: BlockId) {
        let mut affected = self.family(id);
        let mut below = Some(id);
        while let Some(ancestor) = below {
            affected.push(ancestor);
            below = self.entry(ancestor).parent;
        }
        for other in affected {
            self.entries[other.0].failed = false;
            if self.entry(other).chain_tx_count > 0 {
                self.candidates.insert(self.key(other));
            }
        }
        self.find_best_header();
    }

    /// Blocks that nothing builds on: the tips of all branches, the highest first.
    pub fn leaves(&self) -> Vec<BlockId> {
        let parents: BTreeSet<BlockId> =
            self.entries.iter().filter_map(|entry| entry.parent).collect();
        let mut leaves: Vec<BlockId> =
            self.ids().filter(|id| !parents.contains(id) || *id == self.active.tip()).collect();
        leaves.sort_by_key(|id| Reverse(self.entry(*id).height));
        leaves
    }

    fn children(&self, id: BlockId) -> impl Iterator<Item = BlockId> + '_ {
        self.ids().skip(id.0 + 1).filter(move |child| self.entry(*child).parent == Some(id))
    }

    /// A block and everything on top of it. Parents come before their children, as ids grow with arrival.
    fn family(&self, id: BlockId) -> Vec<BlockId> {
        let mut family = BTreeSet::from([id]);
        for other in self.ids().skip(id.0 + 1) {
            if self.entry(other).parent.is_some_and(|parent| family.contains(&parent)) {
                family.insert(other);
            }
        }
        family.into_iter().collect()
    }

    fn key(&self, id: BlockId) -> (Work, Reverse<i64>, BlockId) {
        let entry = self.entry(id);
        (entry.work, Reverse(entry.sequence), id)
    }

    /// Counts the transactions up to a received block, if everything below is received too.
    fn link(&mut self, id: BlockId) -> bool {
        let entry = self.entry(id);
        let below = match entry.parent.map(|parent| self.entry(parent).chain_tx_count) {
            Some(0) => return false,
            Some(count) => count,
            None => 0,
        };
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let entry = &mut self.entries[id.0];
        entry.chain_tx_count = below + entry.tx_count;
        entry.sequence = sequence;
        if !entry.failed {
            self.candidates.insert(self.key(id));
        }
        true
    }

    fn find_best_header(&mut self) {
        let mut best = BlockId(0);
        for id in self.ids() {
            if !self.entry(id).failed && self.entry(id).work > self.entry(best).work {
                best = id;
            }
        }
        self.best_header = best;
    }

    fn median_time(&self, time: u32, parent: BlockId) -> u32 {
        let mut times = vec![time];
        let mut below = Some(parent);
        while let Some(id) = below
            && times.len() < MEDIAN_SPAN
        {
            times.push(self.entry(id).header.time);
            below = self.entry(id).parent;
        }
        times.sort_unstable();
        times[times.len() / 2]
    }
}
