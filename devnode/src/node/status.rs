//! What readers ask about the node itself: time, fees, progress, pruning.

use bitcoin::BlockHash;

use super::Node;
use crate::clock::Clock;
use crate::estimate::{FeeEstimate, FeeHistory, MAX_TARGET};
use crate::feerate::FeeRate;
use crate::settings::Json;
use crate::store::Record;

/// Age of the tip, in seconds, beyond which a node that never caught up takes itself to be behind.
const MAX_TIP_AGE: i64 = 24 * 60 * 60;

/// Age of a block, in seconds, up to which its distance to the best header says more than its time.
const NEAR_TIP: u64 = 2 * 60 * 60;

/// Seconds between blocks that the rules aim for.
const BLOCK_SPACING: i64 = 600;

impl Node {
    /// Seconds since 1970.
    pub fn now(&self) -> i64 {
        self.clock.now()
    }

    /// The clock.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// How many blocks the best header is ahead of the tip; none if the tip is the best there is.
    pub fn blocks_ahead(&self) -> Option<u32> {
        let best = self.index.entry(self.index.best_header());
        let tip = self.tip();
        (best.work > tip.entry().work).then(|| best.height.saturating_sub(tip.height()))
    }

    /// Sets the clock.
    pub fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
        self.note_progress();
    }

    /// Moves a mock clock ahead by one block interval.
    pub fn step_clock(&mut self) {
        self.clock.step();
        self.note_progress();
    }

    /// Whether the tip has been old ever since the start.
    pub fn is_initial_block_download(&self) -> bool {
        !self.caught_up
    }

    /// The share of all transactions up to now that the chain up to a block holds, guessed; between 0 and 1. Zero for
    /// blocks that are unknown or not received.
    pub fn guess_verification_progress(&self, hash: &BlockHash) -> f64 {
        let Some(view) = self.find_block(hash) else { return 0.0 };
        let entry = view.entry();
        if entry.chain_tx_count == 0 {
            return 0.0;
        }
        let now = self.now();
        let age = now - i64::from(entry.header.time);
        let near_tip = self.rules.progress_by_height_near_tip && age.unsigned_abs() <= NEAR_TIP;
        let best_height = self.index.entry(self.index.best_header()).height;
        let age = match best_height.checked_sub(entry.height) {
            Some(distance) if near_tip => i64::from(distance) * BLOCK_SPACING,
            _ => age,
        };
        let done = entry.chain_tx_count as f64;
        let total = done + age as f64 * self.rules.transactions_per_second;
        (done / total).min(1.0)
    }

    /// Lowest fee rate that gets a transaction in while the mempool is full; zero, as this mempool never is.
    pub fn mempool_min_feerate(&self) -> FeeRate {
        FeeRate::ZERO
    }

    /// Lowest fee rate that is relayed.
    pub fn relay_min_feerate(&self) -> FeeRate {
        self.rules.min_relay_feerate
    }

    /// Fee rate that replacements pay on top.
    pub fn relay_incremental_feerate(&self) -> FeeRate {
        self.rules.incremental_relay_feerate
    }

    /// Fee rate that decides what is dust.
    pub fn relay_dust_feerate(&self) -> FeeRate {
        self.rules.dust_relay_feerate
    }

    /// A fee estimate for a target in blocks. There never are data for one.
    pub fn estimate_smart_fee(&self, target: i32) -> FeeEstimate {
        self.fee_history.estimate(target, self.height())
    }

    /// The farthest target of estimates, in blocks.
    pub fn estimate_max_blocks(&self) -> i32 {
        MAX_TARGET
    }

    /// Sets what the fee estimator has seen.
    pub fn set_fee_history(&mut self, history: FeeHistory) {
        self.fee_history = history;
    }

    /// Throws away the blocks of the active chain and others below a height, as a pruning node does.
    pub fn prune_below(&mut self, height: u32) {
        self.record(|| Record::Prune(height));
        self.pruned = true;
        self.index.prune_below(height);
    }

    /// Whether blocks were ever thrown away.
    pub fn have_pruned(&self) -> bool {
        self.pruned
    }

    /// Height of the last block of the active chain that was thrown away, if any was.
    pub fn prune_height(&self) -> Option<u32> {
        self.index.prune_height()
    }

    /// Whether the chain state came from a snapshot that is still to be verified; never.
    pub fn has_assumed_valid_chain(&self) -> bool {
        false
    }

    /// Whether the JSON-RPC server would run, which is so unless the node was started with `-server=0`.
    pub fn rpc_server_runs(&self) -> bool {
        self.serves_rpc
    }

    /// Whether a deprecated RPC method was enabled with `-deprecatedrpc`.
    pub fn rpc_enable_deprecated(&self, method: &str) -> bool {
        let wanted = Json::string(method);
        self.settings.list("deprecatedrpc").contains(&wanted)
    }

    /// Remembers that the node caught up once its tip is recent.
    pub(super) fn note_progress(&mut self) {
        let tip_time = i64::from(self.tip().time());
        self.caught_up = self.caught_up || tip_time >= self.now() - MAX_TIP_AGE;
    }
}
