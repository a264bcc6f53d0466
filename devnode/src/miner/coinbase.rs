//! The first transaction of a block.

use bitcoin::absolute::LockTime;
use bitcoin::hashes::{Hash, sha256d};
use bitcoin::opcodes::OP_0;
use bitcoin::script::Builder;
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, Block, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxMerkleNode, TxOut, Witness,
};

/// The beginning of the output that commits to the witnesses: OP_RETURN, a push of 36 bytes, and the tag of BIP 141.
const COMMITMENT_PREFIX: [u8; 6] = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];

/// Length of that output's script, in bytes.
const COMMITMENT_BYTES: usize = 38;

/// The witness of a coinbase, reserved for later use: 32 zero bytes.
const RESERVED_VALUE: [u8; 32] = [0; 32];

/// Heights up to this are one byte in a script, too short for a coinbase script on its own.
const LAST_SMALL_HEIGHT: u32 = 16;

/// What a coinbase is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoinbasePlan {
    /// Height of the block.
    pub height: u32,
    /// Subsidy and fees, in satoshi.
    pub reward: u64,
    /// Script that gets the reward.
    pub script_pubkey: ScriptBuf,
    /// Whether OP_0 follows the height also above height 16.
    pub extra_nonce: bool,
    /// Whether the coinbase is locked until the block before its own.
    pub time_locked: bool,
}

impl CoinbasePlan {
    /// The beginning of the input script: the height (BIP 34), and a byte to fill up where that is too short.
    pub fn script_sig(&self) -> ScriptBuf {
        let height = Builder::new().push_int(i64::from(self.height));
        let fill = self.extra_nonce || self.height <= LAST_SMALL_HEIGHT;
        if fill { height.push_opcode(OP_0).into_script() } else { height.into_script() }
    }

    /// The lock time: the height of the block before, or none.
    pub fn lock_time(&self) -> LockTime {
        LockTime::from_consensus(if self.time_locked { self.height.saturating_sub(1) } else { 0 })
    }

    /// The sequence of the only input: it makes the lock time count, or is final.
    pub fn sequence(&self) -> Sequence {
        if self.time_locked { Sequence::ENABLE_LOCKTIME_NO_RBF } else { Sequence::MAX }
    }

    /// The coinbase without a commitment to witnesses.
    pub fn build(&self) -> Transaction {
        Transaction {
            version: Version::TWO,
            lock_time: self.lock_time(),
            input: vec![TxIn {
                previous_output: OutPoint::null(),
                script_sig: self.script_sig(),
                sequence: self.sequence(),
                witness: Witness::new(),
            }],
            output: vec![TxOut {
                value: Amount::from_sat(self.reward),
                script_pubkey: self.script_pubkey.clone(),
            }],
        }
    }
}

/// The output of a coinbase that commits to the block's witnesses: the last one of that form.
pub fn witness_commitment_place(coinbase: &Transaction) -> Option<usize> {
    coinbase.output.iter().rposition(|output| {
        let script = output.script_pubkey.as_bytes();
        script.len() >= COMMITMENT_BYTES && script.starts_with(&COMMITMENT_PREFIX)
    })
}

/// Gives the coinbase of a block a new commitment to the block's witnesses, and the reserved value that goes with it.
pub(crate) fn commit_to_witnesses(block: &mut Block) {
    if let Some(place) = block.coinbase().and_then(witness_commitment_place) {
        block.txdata[0].output.remove(place);
    }
    let Some(root) = block.witness_root() else { return };
    let commitment = Block::compute_witness_commitment(&root, &RESERVED_VALUE);
    let mut script = COMMITMENT_PREFIX.to_vec();
    script.extend_from_slice(&commitment.to_byte_array());
    let coinbase = &mut block.txdata[0];
    coinbase
        .output
        .push(TxOut { value: Amount::ZERO, script_pubkey: ScriptBuf::from_bytes(script) });
    coinbase.input[0].witness = Witness::from_slice(&[RESERVED_VALUE]);
}

/// The hashes that lead from the coinbase to the merkle root, lowest level first, in internal byte order. The
/// coinbase's own hash is not among them.
pub fn merkle_path(block: &Block) -> Vec<TxMerkleNode> {
    let mut level: Vec<TxMerkleNode> = block
        .txdata
        .iter()
        .map(|tx| TxMerkleNode::from_raw_hash(tx.compute_txid().to_raw_hash()))
        .collect();
    let mut path = Vec::new();
    while let [_, neighbour, ..] = level.as_slice() {
        path.push(*neighbour);
        level = level.chunks(2).map(|pair| merkle_parent(pair[0], pair[pair.len() - 1])).collect();
    }
    path
}

/// The node above two nodes of a merkle tree.
pub(crate) fn merkle_parent(left: TxMerkleNode, right: TxMerkleNode) -> TxMerkleNode {
    let both = [left.to_byte_array(), right.to_byte_array()].concat();
    TxMerkleNode::from_raw_hash(sha256d::Hash::hash(&both))
}
