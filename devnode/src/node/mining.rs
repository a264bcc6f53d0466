//! How blocks are made.

use bitcoin::{Block, BlockHash, ScriptBuf, Transaction};

use super::{BlockVerdict, Node};
use crate::consensus::BlockChecks;
use crate::miner::{BlockTemplate, TemplateContext, TemplateOptions, fork_block, solve};
use crate::reject::{Reject, RejectKind};

impl Node {
    /// A block on the tip without proof of work.
    pub fn create_template(&self, options: &TemplateOptions) -> BlockTemplate {
        BlockTemplate::build(&self.template_context(), options)
    }

    fn template_context(&self) -> TemplateContext<'_> {
        TemplateContext {
            index: &self.index,
            pool: &self.pool,
            rules: &self.rules,
            now: self.now(),
            block_version: self.settings.number("blockversion"),
        }
    }

    /// Makes blocks, one interval of the mock clock apart, that pay to a script anyone can spend. Returns their
    /// hashes.
    pub fn generate(&mut self, count: u32) -> Result<Vec<BlockHash>, Reject> {
        self.generate_to(count, &TemplateOptions::default().script_pubkey)
    }

    /// Makes blocks, one interval of the mock clock apart, that pay to a script.
    pub fn generate_to(
        &mut self,
        count: u32,
        script_pubkey: &ScriptBuf,
    ) -> Result<Vec<BlockHash>, Reject> {
        (0..count)
            .map(|_| {
                self.step_clock();
                self.mine_one(script_pubkey)
            })
            .collect()
    }

    /// Makes one block at the present time that pays to a script.
    pub fn mine_one(&mut self, script_pubkey: &ScriptBuf) -> Result<BlockHash, Reject> {
        let options = self.own_options(script_pubkey);
        let template = self.create_template(&options);
        self.take_own(solved(template.with_merkle_root())?)
    }

    /// Makes one block at the present time out of these transactions, in this order. Their fees are left unclaimed.
    pub fn mine_transactions(
        &mut self,
        txs: Vec<Transaction>,
        script_pubkey: &ScriptBuf,
    ) -> Result<BlockHash, Reject> {
        let block = self.build_block(txs, script_pubkey)?;
        self.take_own(block)
    }

    /// The same block, with its proof of work, but not submitted.
    pub fn build_block(
        &self,
        txs: Vec<Transaction>,
        script_pubkey: &ScriptBuf,
    ) -> Result<Block, Reject> {
        let options = TemplateOptions { use_mempool: false, ..self.own_options(script_pubkey) };
        let mut template = self.create_template(&options);
        template.replace_transactions(txs);
        let block = template.with_merkle_root();
        self.check_block(&block, BlockChecks { work: false, merkle_root: false })?;
        solved(block)
    }

    /// Makes a branch that leaves the active chain `depth` blocks below its tip (at most at genesis) and is one block
    /// longer, so that the node changes over to it. The blocks of the branch are empty. Returns the new tip.
    pub fn reorganise(&mut self, depth: u32) -> Result<BlockHash, Reject> {
        let below = self.height().saturating_sub(depth);
        let Some(mut parent) = self.index.active_at(below) else { return Ok(self.tip().hash()) };
        for _ in below..=self.height() {
            // No two blocks find the same number of headers.
            let tag = self.index.len() as u64;
            let block = fork_block(&self.template_context(), parent, tag);
            let hash = self.take_own(solved(block)?)?;
            parent = self.index.find(&hash).unwrap_or(parent);
        }
        Ok(self.tip().hash())
    }

    fn own_options(&self, script_pubkey: &ScriptBuf) -> TemplateOptions {
        TemplateOptions {
            script_pubkey: script_pubkey.clone(),
            extra_nonce: Some(self.rules.extra_nonce_when_generating),
            ..TemplateOptions::default()
        }
    }

    fn take_own(&mut self, block: Block) -> Result<BlockHash, Reject> {
        let hash = block.block_hash();
        match self.submit_block(block) {
            BlockVerdict::Invalid { reject, .. } => Err(reject),
            BlockVerdict::Connected | BlockVerdict::Duplicate | BlockVerdict::Inconclusive => {
                Ok(hash)
            }
        }
    }
}

fn solved(mut block: Block) -> Result<Block, Reject> {
    match solve(&mut block.header) {
        true => Ok(block),
        false => Err(Reject::new(RejectKind::Header, "high-hash", "no nonce meets the target")),
    }
}
