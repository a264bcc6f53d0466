//! How the chain moves: blocks are taken off and put on until the best one is the tip.

use std::collections::BTreeSet;
use std::sync::Arc;

use bitcoin::{BlockHash, OutPoint, Transaction, Txid};

use super::{Node, NodeError};
use crate::blocks::BlockId;
use crate::consensus::connect_block;
use crate::events::{BlockNews, Event, TipNews};
use crate::mempool::RemovalReason;
use crate::reject::{Reject, RejectKind};
use crate::store::Record;

/// Invalidating more blocks than this does not bring their transactions back into the mempool.
const MAX_BLOCKS_RESTORED: usize = 10;

/// What became of blocks that were tried as part of the chain.
pub(super) type Verdicts = Vec<(BlockHash, Result<(), Reject>)>;

impl Node {
    /// Follows the chain with the most work. Listeners hear of every tip that is better than the one before.
    pub(super) fn activate_best_chain(&mut self) -> Verdicts {
        let mut verdicts = Verdicts::new();
        loop {
            let start = self.index.tip();
            if !self.advance(&mut verdicts) {
                break;
            }
            let tip = self.index.tip();
            self.note_progress();
            self.look_for_unknown_rules();
            if self.index.common_ancestor(start, tip) != Some(tip) {
                self.tell_tip();
            }
            if tip == self.index.best_candidate() {
                break;
            }
        }
        verdicts
    }

    /// Moves until the tip is at least as good as it was. False if there was nothing to do.
    fn advance(&mut self, verdicts: &mut Verdicts) -> bool {
        let start = self.index.tip();
        let mut moved = false;
        while self.index.tip() != self.index.best_candidate() {
            self.step(self.index.best_candidate(), verdicts);
            moved = true;
            let work = |id| self.index.entry(id).work;
            if work(self.index.tip()) >= work(start) {
                break;
            }
        }
        moved
    }

    /// Takes off what is not below the target, and puts blocks on until the tip is better than before or a block
    /// turns out invalid.
    fn step(&mut self, target: BlockId, verdicts: &mut Verdicts) {
        let start_work = self.index.entry(self.index.tip()).work;
        let path = self.index.path_to(target);
        let mut returned = Vec::new();
        for _ in &path.disconnect {
            returned.push(self.disconnect_tip());
        }
        let mut connected = Vec::new();
        for id in path.connect {
            let verdict = self.connect_tip(id);
            let hash = self.index.entry(id).hash;
            match &verdict {
                Ok(news) => connected.push(news.clone()),
                Err(_) => self.index.mark_failed(id),
            }
            let failed = verdict.is_err();
            verdicts.push((hash, verdict.map(|_| ())));
            if failed || self.index.entry(self.index.tip()).work > start_work {
                break;
            }
        }
        if !returned.is_empty() {
            let mined = connected
                .iter()
                .flat_map(|news| news.block.txdata.iter().map(Transaction::compute_txid));
            self.restore(&returned, &mined.collect(), true);
        }
        connected.into_iter().for_each(|news| self.events.push(Event::BlockConnected(news)));
    }

    /// Puts a stored child of the tip on the chain.
    fn connect_tip(&mut self, id: BlockId) -> Result<BlockNews, Reject> {
        let parent = self.index.tip();
        let Some(block) = self.index.entry(id).block().cloned() else {
            return Err(Reject::bare(RejectKind::MissingParent, "block-data-missing"));
        };
        let change = connect_block(
            &block,
            &self.index,
            parent,
            &self.coins,
            self.rules.block_script_reason,
        )?;
        self.add_filter(&block, &change);
        self.index.count_undo(id, change.undo_bytes(&block));
        self.coins.connect(self.index.entry(id).hash, change);
        self.index.push_tip(id);
        for tx in self.pool.confirm(&block) {
            self.events.push(Event::TransactionRemoved(tx, RemovalReason::Conflict));
        }
        Ok(BlockNews::new(self.index.entry(id), block))
    }

    /// Takes the tip off the chain and gives its transactions.
    fn disconnect_tip(&mut self) -> Vec<Transaction> {
        let entry = self.index.entry(self.index.tip()).clone();
        let Some(block) = entry.block() else { return Vec::new() };
        self.coins.disconnect(entry.hash);
        self.index.pop_tip();
        self.events.push(Event::BlockDisconnected(BlockNews::new(&entry, block.clone())));
        block.txdata.clone()
    }

    /// Brings transactions of disconnected blocks (tip first) back into the mempool, the oldest first, and drops what
    /// the new tip does not allow.
    fn restore(&mut self, blocks: &[Vec<Transaction>], mined: &BTreeSet<Txid>, wanted: bool) {
        for tx in blocks.iter().rev().flatten() {
            let txid = tx.compute_txid();
            if mined.contains(&txid) {
                continue;
            }
            let back =
                wanted && !tx.is_coinbase() && self.admit(Arc::new(tx.clone()), true).is_ok();
            if back {
                self.pool.note_broadcast(&txid);
            } else {
                self.drop_spenders(tx, txid);
            }
        }
        for tx in self.pool.evict_invalid(&self.index, &self.coins) {
            self.events.push(Event::TransactionRemoved(tx, RemovalReason::Reorg));
        }
    }

    fn drop_spenders(&mut self, tx: &Transaction, txid: Txid) {
        let outpoints = (0..tx.output.len()).map(|place| OutPoint { txid, vout: place as u32 });
        let spenders: BTreeSet<Txid> =
            outpoints.filter_map(|outpoint| self.pool.spender(&outpoint)).collect();
        for tx in self.pool.remove_with_descendants(&spenders) {
            self.events.push(Event::TransactionRemoved(tx, RemovalReason::Reorg));
        }
    }

    /// Declares a block and everything on top of it invalid, and follows the best chain that is left.
    pub fn invalidate(&mut self, hash: &BlockHash) -> Result<(), NodeError> {
        let id = self.index.find(hash).ok_or(NodeError::UnknownBlock)?;
        if self.index.entry(id).height == 0 {
            return Err(NodeError::Genesis);
        }
        self.record(|| Record::Invalidate(*hash));
        let was_active = self.index.is_active(id);
        let mut count = 0;
        while self.index.is_active(id) {
            count += 1;
            let txs = self.disconnect_tip();
            self.restore(&[txs], &BTreeSet::new(), count <= MAX_BLOCKS_RESTORED);
        }
        self.index.mark_failed(id);
        if was_active {
            self.tell_block_tip();
        }
        self.activate_best_chain();
        Ok(())
    }

    /// Takes such a declaration back, for the block, all below it and all on top of it, and follows the best chain.
    pub fn reconsider(&mut self, hash: &BlockHash) -> Result<(), NodeError> {
        let id = self.index.find(hash).ok_or(NodeError::UnknownBlock)?;
        self.record(|| Record::Reconsider(*hash));
        self.index.clear_failed(id);
        self.activate_best_chain();
        Ok(())
    }

    /// Prefers a block to others with the same work, and follows it if that is enough.
    pub fn prefer(&mut self, hash: &BlockHash) -> Result<(), NodeError> {
        let id = self.index.find(hash).ok_or(NodeError::UnknownBlock)?;
        self.record(|| Record::Prefer(*hash));
        if self.index.entry(id).work >= self.index.entry(self.index.tip()).work {
            self.index.prefer(id);
        }
        self.activate_best_chain();
        Ok(())
    }

    /// Writes the state out, which here only means to tell it.
    pub fn flush(&mut self) {
        let locator = self.index.locator(self.index.tip());
        self.events.push(Event::ChainStateFlushed(locator));
    }

    fn tell_tip(&mut self) {
        self.events.push(Event::TipUpdated(self.tip_news()));
        self.tell_block_tip();
    }

    fn tell_block_tip(&mut self) {
        let tip = self.tip_news();
        let progress = self.guess_verification_progress(&tip.hash);
        self.events.push(Event::BlockTip(tip, progress));
    }

    fn tip_news(&self) -> TipNews {
        TipNews::new(self.index.entry(self.index.tip()), self.is_initial_block_download())
    }
}
