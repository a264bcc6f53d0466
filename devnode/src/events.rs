//! What happened, for those who listen.

use std::collections::VecDeque;
use std::sync::Arc;

use bitcoin::{Block, BlockHash, Transaction};

use crate::blocks::BlockEntry;
use crate::mempool::RemovalReason;

/// Events kept for a listener that does not fetch them.
pub const EVENT_CAPACITY: usize = 65_536;

/// A block in an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockNews {
    /// Its hash.
    pub hash: BlockHash,
    /// Hash of the block below it; zeros for genesis.
    pub prev_hash: BlockHash,
    /// Its height.
    pub height: u32,
    /// Byte position in the imagined block file number 0.
    pub data_position: u64,
    /// The block.
    pub block: Arc<Block>,
    /// Highest time of any block up to here, in seconds since 1970.
    pub max_time: u32,
}

impl BlockNews {
    pub(crate) fn new(entry: &BlockEntry, block: Arc<Block>) -> Self {
        Self {
            hash: entry.hash,
            prev_hash: entry.header.prev_blockhash,
            height: entry.height,
            data_position: entry.position(),
            block,
            max_time: entry.max_time,
        }
    }
}

/// A tip in an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TipNews {
    /// Its hash.
    pub hash: BlockHash,
    /// Its height.
    pub height: u32,
    /// Time of its header, in seconds since 1970.
    pub time: u32,
    /// Whether the node was still in its initial download.
    pub initial_download: bool,
}

impl TipNews {
    pub(crate) fn new(entry: &BlockEntry, initial_download: bool) -> Self {
        let (hash, height, time) = (entry.hash, entry.height, entry.header.time);
        Self { hash, height, time, initial_download }
    }
}

/// One thing that happened. `ChainNotifications` handlers hear of the first six, handlers of a `Node` of the others.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A transaction came into the mempool.
    TransactionAdded(Arc<Transaction>),
    /// A transaction left the mempool for another reason than being mined.
    TransactionRemoved(Arc<Transaction>, RemovalReason),
    /// A block was put on the active chain.
    BlockConnected(BlockNews),
    /// A block was taken off the active chain.
    BlockDisconnected(BlockNews),
    /// The active chain found its new tip. Not told after an invalidation that connects nothing.
    TipUpdated(TipNews),
    /// The state was written out; the locator, newest first, leads to the tip.
    ChainStateFlushed(Vec<BlockHash>),
    /// The best known header changed.
    HeaderTip(TipNews),
    /// The tip changed, whichever way. The number is the share of all transactions that the chain holds.
    BlockTip(TipNews, f64),
    /// Long work went on: what it is, and how much of it is done, in percent. An empty title means that it is over.
    Progress(&'static str, i32),
    /// The number of peers changed to this.
    Connections(usize),
    /// The network was switched on or off.
    NetworkActive(bool),
    /// A ban was made or lifted.
    BannedList,
    /// The warnings changed.
    Alert,
}

impl Event {
    /// Whether handlers of a `Node` hear of it, not `ChainNotifications` handlers.
    pub fn is_for_the_operator(&self) -> bool {
        !matches!(
            self,
            Self::TransactionAdded(_)
                | Self::TransactionRemoved(..)
                | Self::BlockConnected(_)
                | Self::BlockDisconnected(_)
                | Self::TipUpdated(_)
                | Self::ChainStateFlushed(_)
        )
    }
}

/// The events that nobody fetched yet. When there are too many, the oldest are dropped and counted.
#[derive(Debug, Default)]
pub struct EventLog {
    events: VecDeque<Event>,
    dropped: u64,
}

impl EventLog {
    pub(crate) fn push(&mut self, event: Event) {
        if self.events.len() == EVENT_CAPACITY {
            self.events.pop_front();
            self.dropped += 1;
        }
        self.events.push_back(event);
    }

    /// Everything since the last time, oldest first.
    pub fn take(&mut self) -> Vec<Event> {
        self.events.drain(..).collect()
    }

    /// Number of events that were dropped unfetched.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}
