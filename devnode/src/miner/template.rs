//! A block on the tip that lacks only its proof of work.

use bitcoin::block::{Header, Version};
use bitcoin::hashes::Hash;
use bitcoin::{Block, CompactTarget, Script, ScriptBuf, Transaction, TxMerkleNode};

use super::coinbase::{CoinbasePlan, commit_to_witnesses, witness_commitment_place};
use crate::blocks::BlockIndex;
use crate::consensus::header::REGTEST_BITS;
use crate::consensus::{MAX_BLOCK_WEIGHT, block_version, subsidy};
use crate::generation::Rules;
use crate::mempool::{Mempool, SelectionLimits};

/// Weight kept free for header and coinbase.
pub const DEFAULT_RESERVED_WEIGHT: u64 = 8_000;

/// Cost of signature checks kept free for the coinbase.
pub const DEFAULT_RESERVED_SIGOPS: u64 = 400;

/// A script that anyone can spend, as in the recordings.
const OP_TRUE: u8 = 0x51;

/// How a template is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateOptions {
    /// Whether waiting transactions are taken in.
    pub use_mempool: bool,
    /// Weight kept free for header and coinbase.
    pub reserved_weight: u64,
    /// Cost of signature checks kept free for the coinbase.
    pub reserved_sigops: u64,
    /// Script that gets the reward.
    pub script_pubkey: ScriptBuf,
    /// Whether OP_0 follows the height in the coinbase above height 16; none leaves it to the generation.
    pub extra_nonce: Option<bool>,
}

impl Default for TemplateOptions {
    fn default() -> Self {
        Self {
            use_mempool: true,
            reserved_weight: DEFAULT_RESERVED_WEIGHT,
            reserved_sigops: DEFAULT_RESERVED_SIGOPS,
            script_pubkey: ScriptBuf::from_bytes(vec![OP_TRUE]),
            extra_nonce: None,
        }
    }
}

/// A block without proof of work, and what is known about its transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockTemplate {
    /// The block. Its merkle root is zero and its nonce too.
    pub block: Block,
    /// Height it would have.
    pub height: u32,
    /// What the coinbase was made from.
    pub coinbase: CoinbasePlan,
    /// Fee of every transaction but the coinbase, in satoshi.
    pub fees: Vec<i64>,
    /// Cost of signature checks of every transaction but the coinbase.
    pub sigop_costs: Vec<u64>,
}

/// The state of the node that a template depends on.
pub(crate) struct TemplateContext<'a> {
    pub(crate) index: &'a BlockIndex,
    pub(crate) pool: &'a Mempool,
    pub(crate) rules: &'a Rules,
    /// Seconds since 1970.
    pub(crate) now: i64,
    /// The version of new blocks, if it is not the one that the rules ask for.
    pub(crate) block_version: Option<i32>,
}

impl BlockTemplate {
    /// Puts a block together on top of the tip.
    pub(crate) fn build(context: &TemplateContext<'_>, options: &TemplateOptions) -> Self {
        let parent = context.index.entry(context.index.tip());
        let height = parent.height + 1;
        let limits = SelectionLimits {
            weight: MAX_BLOCK_WEIGHT,
            reserved_weight: options.reserved_weight,
            reserved_sigops: options.reserved_sigops,
            min_feerate: context.rules.block_min_feerate,
            height,
            median_time: parent.median_time,
        };
        let chosen = if options.use_mempool {
            context.pool.select(limits, context.rules.cluster_mempool)
        } else {
            Vec::new()
        };
        let fees: Vec<i64> = chosen.iter().map(|entry| entry.fee).collect();
        let coinbase = CoinbasePlan {
            height,
            reward: subsidy(height) + fees.iter().sum::<i64>().unsigned_abs(),
            script_pubkey: options.script_pubkey.clone(),
            time_locked: context.rules.time_locked_coinbase,
            extra_nonce: options.extra_nonce.unwrap_or(context.rules.extra_nonce_in_templates),
        };
        let mut txdata = vec![coinbase.build()];
        txdata.extend(chosen.iter().map(|entry| entry.tx.as_ref().clone()));
        let mut block = Block { header: context.header(), txdata };
        commit_to_witnesses(&mut block);
        let sigop_costs = chosen.iter().map(|entry| entry.sigop_cost).collect();
        Self { block, height, coinbase, fees, sigop_costs }
    }

    /// Puts these transactions, in this order, into the block in place of its own. The reward stays as it is.
    pub(crate) fn replace_transactions(&mut self, txs: Vec<Transaction>) {
        self.block.txdata.truncate(1);
        self.block.txdata.extend(txs);
        commit_to_witnesses(&mut self.block);
    }

    /// The script of the coinbase output that commits to the witnesses.
    pub fn witness_commitment(&self) -> Option<&Script> {
        let coinbase = self.block.coinbase()?;
        witness_commitment_place(coinbase)
            .map(|place| coinbase.output[place].script_pubkey.as_script())
    }

    /// The block with another coinbase, and with the header fields that a miner chooses. The merkle root follows from
    /// the transactions.
    pub fn solution(&self, version: i32, time: u32, nonce: u32, coinbase: Transaction) -> Block {
        let mut solved = self.clone();
        solved.block.txdata[0] = coinbase;
        let mut block = solved.with_merkle_root();
        block.header.version = Version::from_consensus(version);
        block.header.time = time;
        block.header.nonce = nonce;
        block
    }

    /// The block with its merkle root, still without proof of work.
    pub fn with_merkle_root(&self) -> Block {
        let mut block = self.block.clone();
        block.header.merkle_root =
            block.compute_merkle_root().unwrap_or_else(TxMerkleNode::all_zeros);
        block
    }
}

impl TemplateContext<'_> {
    /// A header on top of the tip, its time as early as the clock and the rules allow.
    fn header(&self) -> Header {
        let tip = self.index.tip();
        let parent = self.index.entry(tip);
        let earliest = i64::from(parent.median_time) + 1;
        Header {
            version: Version::from_consensus(
                self.block_version.unwrap_or_else(|| block_version(self.index, tip)),
            ),
            prev_blockhash: parent.hash,
            merkle_root: TxMerkleNode::all_zeros(),
            time: u32::try_from(self.now.max(earliest)).unwrap_or(u32::MAX),
            bits: CompactTarget::from_consensus(REGTEST_BITS),
            nonce: 0,
        }
    }
}
