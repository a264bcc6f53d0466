//! Blocks beside the active chain.

use bitcoin::block::{Header, Version};
use bitcoin::hashes::Hash;
use bitcoin::script::PushBytes;
use bitcoin::{Block, CompactTarget, ScriptBuf, TxMerkleNode};

use super::coinbase::{CoinbasePlan, commit_to_witnesses};
use super::template::{TemplateContext, TemplateOptions};
use crate::blocks::BlockId;
use crate::consensus::header::REGTEST_BITS;
use crate::consensus::{block_version, subsidy};

/// A block without transactions and without proof of work on any known block. Another `tag` makes another block.
pub(crate) fn fork_block(context: &TemplateContext<'_>, parent: BlockId, tag: u64) -> Block {
    let below = context.index.entry(parent);
    let height = below.height + 1;
    let plan = CoinbasePlan {
        height,
        reward: subsidy(height),
        script_pubkey: TemplateOptions::default().script_pubkey,
        extra_nonce: true,
        time_locked: context.rules.time_locked_coinbase,
    };
    let mut coinbase = plan.build();
    coinbase.input[0].script_sig = tagged(coinbase.input[0].script_sig.clone(), tag);
    let earliest = i64::from(below.median_time) + 1;
    let header = Header {
        version: Version::from_consensus(block_version(context.index, parent)),
        prev_blockhash: below.hash,
        merkle_root: TxMerkleNode::all_zeros(),
        time: u32::try_from(context.now.max(earliest)).unwrap_or(u32::MAX),
        bits: CompactTarget::from_consensus(REGTEST_BITS),
        nonce: 0,
    };
    let mut block = Block { header, txdata: vec![coinbase] };
    commit_to_witnesses(&mut block);
    block.header.merkle_root = block.compute_merkle_root().unwrap_or_else(TxMerkleNode::all_zeros);
    block
}

fn tagged(mut script: ScriptBuf, tag: u64) -> ScriptBuf {
    let bytes = tag.to_le_bytes();
    script.push_slice::<&PushBytes>((&bytes).into());
    script
}
