//! The set of unspent outputs of the active chain.

use std::collections::{HashMap, HashSet};

use bitcoin::{Block, BlockHash, OutPoint, Transaction, VarInt};

use super::{Coin, CoinView, created_by, encode_coin};

/// What connecting a block does to the set: enough to do it, and to undo it.
#[derive(Clone, Debug, Default)]
pub struct BlockChange {
    /// Outputs the block spends, with what they were, in the order of its inputs.
    pub spent: Vec<(OutPoint, Coin)>,
    /// Outputs the block makes.
    pub created: Vec<(OutPoint, Coin)>,
}

/// Bytes around an undo record: network magic and size before it, a checksum behind it.
const UNDO_FRAME_BYTES: usize = 8 + 32;

impl BlockChange {
    /// Size of the record with which a node undoes the block: for every transaction but the coinbase the coins it
    /// spent, each with one byte that once was a version.
    pub(crate) fn undo_bytes(&self, block: &Block) -> u64 {
        let spenders = block.txdata.iter().skip(1);
        let counts = spenders.clone().map(|tx| VarInt::from(tx.input.len()).size());
        let coins = self
            .spent
            .iter()
            .map(|(_, coin)| encode_coin(coin).len() + usize::from(coin.height > 0));
        let count = VarInt::from(spenders.count()).size();
        (UNDO_FRAME_BYTES + count + counts.sum::<usize>() + coins.sum::<usize>()) as u64
    }
}

/// The unspent outputs of the active chain, and what every connected block changed.
#[derive(Debug, Default)]
pub struct UtxoSet {
    coins: HashMap<OutPoint, Coin>,
    undo: HashMap<BlockHash, BlockChange>,
}

impl CoinView for UtxoSet {
    fn coin(&self, outpoint: &OutPoint) -> Option<Coin> {
        self.coins.get(outpoint).cloned()
    }
}

impl UtxoSet {
    /// Number of unspent outputs.
    pub fn len(&self) -> usize {
        self.coins.len()
    }

    /// Whether nothing is unspent, as in a chain that has only its genesis.
    pub fn is_empty(&self) -> bool {
        self.coins.is_empty()
    }

    /// All unspent outputs, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&OutPoint, &Coin)> {
        self.coins.iter()
    }

    /// The coins that a block spent when it was connected; none if it is not connected now.
    pub fn spent_by(&self, block: &BlockHash) -> Option<&BlockChange> {
        self.undo.get(block)
    }

    /// Applies a checked block.
    pub(crate) fn connect(&mut self, block: BlockHash, change: BlockChange) {
        self.coins.extend(change.created.iter().cloned());
        for (outpoint, _) in &change.spent {
            self.coins.remove(outpoint);
        }
        self.undo.insert(block, change);
    }

    /// Takes a connected block back.
    pub(crate) fn disconnect(&mut self, block: BlockHash) {
        let Some(change) = self.undo.remove(&block) else { return };
        self.coins.extend(change.spent);
        for (outpoint, _) in &change.created {
            self.coins.remove(outpoint);
        }
    }
}

/// The set as it looks in the middle of a block: the coins below, plus and minus what the block's transactions did so
/// far.
pub(crate) struct BlockOverlay<'a> {
    below: &'a UtxoSet,
    height: u32,
    change: BlockChange,
    made: HashMap<OutPoint, Coin>,
    gone: HashSet<OutPoint>,
}

impl CoinView for BlockOverlay<'_> {
    fn coin(&self, outpoint: &OutPoint) -> Option<Coin> {
        if self.gone.contains(outpoint) {
            return None;
        }
        self.made.get(outpoint).cloned().or_else(|| self.below.coin(outpoint))
    }
}

impl<'a> BlockOverlay<'a> {
    pub(crate) fn new(below: &'a UtxoSet, height: u32) -> Self {
        Self {
            below,
            height,
            change: BlockChange::default(),
            made: HashMap::new(),
            gone: HashSet::new(),
        }
    }

    /// Spends the inputs of a transaction, which must exist, and adds its outputs.
    pub(crate) fn apply(&mut self, tx: &Transaction) {
        if !tx.is_coinbase() {
            for input in &tx.input {
                if let Some(coin) = self.coin(&input.previous_output) {
                    self.gone.insert(input.previous_output);
                    self.change.spent.push((input.previous_output, coin));
                }
            }
        }
        for (outpoint, coin) in created_by(tx, self.height) {
            self.made.insert(outpoint, coin.clone());
            self.change.created.push((outpoint, coin));
        }
    }

    pub(crate) fn into_change(self) -> BlockChange {
        self.change
    }
}

/// Whether any output of the block's transactions is unspent already (BIP 30).
pub(crate) fn overwrites(set: &UtxoSet, block: &Block, height: u32) -> bool {
    block
        .txdata
        .iter()
        .flat_map(|tx| created_by(tx, height))
        .any(|(outpoint, _)| set.coins.contains_key(&outpoint))
}
