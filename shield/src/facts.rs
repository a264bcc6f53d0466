//! What the node has, so that requests can speak of it.

use bitcoin::absolute::LockTime;
use bitcoin::consensus::encode::{deserialize, serialize};
use bitcoin::hashes::Hash;
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, Block, Network, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness,
};
use bitcoin_grpc_contract::{Reply, Request, v1};

/// Block templates that are remembered.
const HANDLES: usize = 8;

/// Heights of the blocks that are spoken of, and how far below the tip others are. None is so low that taking it back by
/// RPC would leave a chain on which nodes cannot make templates; see `docs/node-safety.md`.
const BELOW_TIP: [i32; 4] = [0, 1, 2, 9];

/// What requests speak of.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) tip: i32,
    pub(crate) hashes: Vec<Vec<u8>>,
    pub(crate) txids: Vec<Vec<u8>>,
    pub(crate) transactions: Vec<Vec<u8>>,
    pub(crate) blocks: Vec<Vec<u8>>,
    /// Leases on block templates, the latest last.
    pub(crate) handles: Vec<String>,
}

impl Facts {
    /// Asks for what there is. What the node's generation cannot tell is left out.
    pub(crate) async fn ask(asked: impl AsyncFn(Request) -> Option<Reply>) -> Self {
        let mut facts = Self::default();
        facts.add(&bitcoin::constants::genesis_block(Network::Regtest));
        let tip = asked(Request::MiningGetTip(v1::MiningGetTipRequest::default())).await;
        if let Some(Reply::MiningGetTip(v1::MiningGetTipResponse { tip: Some(tip) })) = tip {
            facts.tip = tip.height;
            facts.hashes.push(tip.hash.to_vec());
        }
        let height = asked(Request::ChainGetHeight(v1::ChainGetHeightRequest::default())).await;
        if let Some(Reply::ChainGetHeight(reply)) = height {
            facts.tip = reply.height.unwrap_or_default();
        }
        for below in BELOW_TIP {
            if let Some(block) = block_at(&asked, facts.tip - below).await {
                facts.add(&block);
            }
        }
        if let Some(first) = block_at(&asked, 1).await {
            let spend = spend(&first.txdata[0]);
            facts.txids.push(spend.compute_txid().to_byte_array().to_vec());
            facts.transactions.push(serialize(&spend));
        }
        facts
    }

    fn add(&mut self, block: &Block) {
        self.hashes.push(block.block_hash().to_byte_array().to_vec());
        for transaction in &block.txdata {
            self.txids.push(transaction.compute_txid().to_byte_array().to_vec());
            self.transactions.push(serialize(transaction));
        }
        self.blocks.push(serialize(block));
    }

    /// Remembers the lease that a reply gives.
    pub(crate) fn learn(&mut self, reply: &Reply) {
        let lease = match reply {
            Reply::MiningCreateNewBlock(reply) => &reply.template,
            Reply::BlockTemplateWaitNext(reply) => &reply.template,
            _ => return,
        };
        if let Some(lease) = lease {
            if self.handles.len() == HANDLES {
                self.handles.remove(0);
            }
            self.handles.push(lease.handle.clone());
        }
    }
}

async fn block_at(asked: &impl AsyncFn(Request) -> Option<Reply>, height: i32) -> Option<Block> {
    let request = v1::ChainFindFirstBlockWithTimeAndHeightRequest {
        min_height: height,
        block: Some(v1::FoundBlockParam { want_data: true, ..Default::default() }),
        ..Default::default()
    };
    match asked(Request::ChainFindFirstBlockWithTimeAndHeight(request)).await? {
        Reply::ChainFindFirstBlockWithTimeAndHeight(reply) => {
            deserialize(reply.block?.data.as_ref()?).ok()
        }
        _ => None,
    }
}

/// Spends the first output of a coinbase that anyone can spend.
fn spend(coinbase: &Transaction) -> Transaction {
    let output = &coinbase.output[0];
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint { txid: coinbase.compute_txid(), vout: 0 },
            script_sig: ScriptBuf::new(),
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            witness: Witness::new(),
        }],
        output: vec![TxOut {
            value: output.value.checked_sub(Amount::from_sat(10_000)).unwrap_or(Amount::ZERO),
            script_pubkey: ScriptBuf::from_bytes(vec![0x51]),
        }],
    }
}
