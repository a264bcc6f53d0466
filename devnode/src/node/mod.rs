//! The node: everything together.
//!
//! `options` is how it is set up, `submit` how blocks come in, `activate` how the chain moves, `transactions` how
//! transactions come in, `mining` how blocks are made, `chain` and `status` what readers ask, `operator` what its owner
//! sees and does, `import` how it becomes a recorded node, `keep` how it
//! outlives its process.

mod activate;
mod chain;
mod import;
mod keep;
mod mining;
mod operator;
mod options;
mod status;
mod submit;
mod transactions;

use std::sync::Arc;
use std::time::Instant;

use bitcoin::constants::genesis_block;
use bitcoin::{Block, Network};

pub use chain::CommonAncestor;
pub use operator::PRE_RELEASE_WARNING;
pub use options::NodeOptions;
pub use submit::BlockVerdict;
pub use transactions::Broadcast;

use crate::blocks::{BlockId, BlockIndex};
use crate::clock::Clock;
use crate::coins::{BlockChange, UtxoSet};
use crate::estimate::FeeHistory;
use crate::events::{Event, EventLog};
use crate::filters::FilterIndex;
use crate::generation::{Generation, Rules};
use crate::mempool::{ChainLimits, Mempool};
use crate::peers::Peers;
use crate::settings::Settings;
use crate::store::Journal;

/// A call that ends a real node, or makes it throw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// A height that the call does not allow.
    #[error("height {0} is out of range")]
    HeightOutOfRange(i32),
    /// A block that is not known.
    #[error("unknown block")]
    UnknownBlock,
    /// Genesis cannot be invalidated.
    #[error("genesis cannot be invalid")]
    Genesis,
}

/// A regtest node that runs in memory. It does nothing on its own: every change is a call.
#[derive(Debug)]
pub struct Node {
    generation: Generation,
    rules: Rules,
    limits: ChainLimits,
    clock: Clock,
    index: BlockIndex,
    coins: UtxoSet,
    pool: Mempool,
    filters: Option<FilterIndex>,
    settings: Settings,
    fee_history: FeeHistory,
    events: EventLog,
    pruned: bool,
    /// Whether the tip ever was recent; from then on the node is no longer in its initial download.
    caught_up: bool,
    /// The end of the last period of signalling that was looked at for unknown rules.
    period_looked_at: Option<BlockId>,
    peers: Peers,
    warnings: String,
    /// Set once and for good by whoever stops the node.
    shutdown_requested: bool,
    /// Decided at the start; what becomes of the setting later changes nothing.
    serves_rpc: bool,
    started: Instant,
    /// Where every change of the chain is written, if anywhere.
    journal: Option<Journal>,
}

impl Default for Node {
    fn default() -> Self {
        Self::new(NodeOptions::default())
    }
}

impl Node {
    /// A node that knows genesis only.
    pub fn new(options: NodeOptions) -> Self {
        let genesis = genesis_block(Network::Regtest);
        let mut node = Self {
            serves_rpc: options.serves_rpc(),
            generation: options.generation,
            rules: options.rules,
            limits: options.limits,
            clock: options.clock,
            index: BlockIndex::new(genesis.clone()),
            coins: UtxoSet::default(),
            pool: Mempool::default(),
            filters: options.filter_index.then(FilterIndex::default),
            settings: options.settings,
            fee_history: FeeHistory::default(),
            events: EventLog::default(),
            pruned: false,
            caught_up: false,
            period_looked_at: None,
            peers: Peers::default(),
            warnings: PRE_RELEASE_WARNING.to_owned(),
            shutdown_requested: false,
            started: Instant::now(),
            journal: None,
        };
        node.add_filter(&Arc::new(genesis), &BlockChange::default());
        node
    }

    /// The generation it plays.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The rules it follows.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The limits on chains of waiting transactions.
    pub fn limits(&self) -> &ChainLimits {
        &self.limits
    }

    /// Headers, blocks and the active chain.
    pub fn index(&self) -> &BlockIndex {
        &self.index
    }

    /// Unspent outputs of the active chain.
    pub fn coins(&self) -> &UtxoSet {
        &self.coins
    }

    /// Waiting transactions.
    pub fn mempool(&self) -> &Mempool {
        &self.pool
    }

    /// Settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Settings, to be changed.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// Everything that happened since the last call, oldest first.
    pub fn take_events(&mut self) -> Vec<Event> {
        let mut events = self.events.take();
        events.extend(self.peers.take_news());
        events
    }

    /// Number of events that were dropped because nobody took them in time.
    pub fn dropped_events(&self) -> u64 {
        self.events.dropped()
    }

    fn add_filter(&mut self, block: &Arc<Block>, change: &BlockChange) {
        if let Some(filters) = &mut self.filters {
            filters.add(block, change);
        }
    }
}
