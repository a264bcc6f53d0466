//! How blocks and headers come in.

use std::sync::Arc;

use bitcoin::Block;
use bitcoin::block::Header;

use super::Node;
use crate::blocks::BlockId;
use crate::consensus::header::usable_parent;
use crate::consensus::{
    BlockChecks, check_block, check_contextual, check_header, check_work, connect_block,
};
use crate::events::{Event, TipNews};
use crate::reject::{Reject, RejectKind};
use crate::store::Record;

/// What became of a submitted block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockVerdict {
    /// It is part of the active chain now, or was until something better took its place.
    Connected,
    /// It was known before.
    Duplicate,
    /// It is stored, but its chain has not enough work to be tried.
    Inconclusive,
    /// It is invalid.
    Invalid {
        /// Why.
        reject: Reject,
        /// Whether it was stored before it was found invalid. Older generations call that success.
        stored: bool,
    },
}

impl BlockVerdict {
    /// Whether the block was new and connected.
    pub fn is_connected(&self) -> bool {
        *self == Self::Connected
    }

    /// Whether older generations report success: anything that was stored, now or before.
    pub fn is_processed(&self) -> bool {
        !matches!(self, Self::Invalid { stored: false, .. })
    }

    /// The code for a block that was not connected, empty for one that was.
    pub fn reason(&self) -> &str {
        match self {
            Self::Connected => "",
            Self::Duplicate => "duplicate",
            Self::Inconclusive => "inconclusive",
            Self::Invalid { reject, .. } => &reject.reason,
        }
    }

    /// Details, or empty.
    pub fn debug(&self) -> &str {
        match self {
            Self::Invalid { reject, .. } => &reject.debug,
            _ => "",
        }
    }
}

impl Node {
    /// Takes a block in, and follows the best chain.
    pub fn submit_block(&mut self, block: Block) -> BlockVerdict {
        let hash = block.block_hash();
        let best_header = self.index.best_header();
        let id = match self.store_block(block) {
            Ok(Some(id)) => id,
            Ok(None) => return BlockVerdict::Duplicate,
            Err(reject) => return BlockVerdict::Invalid { reject, stored: false },
        };
        self.tell_header(best_header);
        debug_assert_eq!(self.index.entry(id).hash, hash);
        let verdicts = self.activate_best_chain();
        match verdicts.into_iter().rfind(|(tried, _)| *tried == hash) {
            None => BlockVerdict::Inconclusive,
            Some((_, Ok(()))) => BlockVerdict::Connected,
            Some((_, Err(reject))) => BlockVerdict::Invalid { reject, stored: true },
        }
    }

    /// Takes a header in without its block.
    pub fn submit_header(&mut self, header: Header) -> Result<(), Reject> {
        let best_header = self.index.best_header();
        let known = self.index.len();
        self.accept_header(header)?;
        if self.index.len() > known {
            self.record(|| Record::Header(header));
        }
        self.tell_header(best_header);
        Ok(())
    }

    /// Whether a block could be the next one. Nothing changes.
    pub fn check_block(&self, block: &Block, checks: BlockChecks) -> Result<(), Reject> {
        let tip = self.index.tip();
        if block.header.prev_blockhash != self.index.entry(tip).hash {
            return Err(Reject::bare(RejectKind::MissingParent, "inconclusive-not-best-prevblk"));
        }
        check_block(block, checks)?;
        check_header(&block.header, self.index.entry(tip), self.now())?;
        check_contextual(block, &self.index, tip)?;
        connect_block(block, &self.index, tip, &self.coins, self.rules.block_script_reason)
            .map(|_| ())
    }

    /// Stores a block that passes all checks that do not need coins. None if it was stored before.
    fn store_block(&mut self, block: Block) -> Result<Option<BlockId>, Reject> {
        check_block(&block, BlockChecks::ALL)?;
        let id = self.accept_header(block.header)?;
        if self.index.entry(id).has_data() {
            return Ok(None);
        }
        let parent = self.index.entry(id).parent.unwrap_or(id);
        if let Err(reject) = check_contextual(&block, &self.index, parent) {
            // The block may be of any length, and is not kept.
            self.record(|| Record::Header(block.header));
            if reject.kind != RejectKind::Mutated {
                self.record(|| Record::Invalidate(block.block_hash()));
                self.index.mark_failed(id);
            }
            return Err(reject);
        }
        self.record(|| Record::Block(Box::new(block.clone())));
        self.index.attach(id, Arc::new(block));
        Ok(Some(id))
    }

    fn accept_header(&mut self, header: Header) -> Result<BlockId, Reject> {
        let hash = header.block_hash();
        if let Some(id) = self.index.find(&hash) {
            if self.index.entry(id).failed {
                let debug = format!("block {hash} was previously marked invalid");
                return Err(Reject::new(RejectKind::KnownInvalid, "duplicate-invalid", debug));
            }
            return Ok(id);
        }
        check_work(&header)?;
        let parent = usable_parent(&header, &self.index)?;
        check_header(&header, self.index.entry(parent), self.now())?;
        Ok(self.index.insert_header(header, parent))
    }

    fn tell_header(&mut self, before: BlockId) {
        let best = self.index.best_header();
        if best != before {
            let news = TipNews::new(self.index.entry(best), self.is_initial_block_download());
            self.events.push(Event::HeaderTip(news));
        }
    }
}
