//! Compact block filters (BIP 158, the basic type).

use std::collections::HashMap;

use bitcoin::bip158::{BlockFilter, Error};
use bitcoin::{Block, BlockHash};

use crate::coins::BlockChange;

/// The number of the basic filter type.
pub const BASIC_FILTER: u8 = 0;

/// The filters of every block that ever was part of the active chain.
#[derive(Debug, Default)]
pub struct FilterIndex {
    filters: HashMap<BlockHash, BlockFilter>,
}

impl FilterIndex {
    /// Adds the filter of a block that is being connected. `change` holds the outputs it spends.
    pub(crate) fn add(&mut self, block: &Block, change: &BlockChange) {
        let spent: HashMap<_, _> =
            change.spent.iter().map(|(outpoint, coin)| (*outpoint, coin)).collect();
        let filter = BlockFilter::new_script_filter(block, |outpoint| {
            let coin = spent.get(outpoint).ok_or(Error::UtxoMissing(*outpoint))?;
            Ok(coin.output.script_pubkey.clone())
        });
        if let Ok(filter) = filter {
            self.filters.insert(block.block_hash(), filter);
        }
    }

    /// The filter of a block, as it goes over the wire in BIP 157.
    pub fn filter(&self, block: &BlockHash) -> Option<&[u8]> {
        self.filters.get(block).map(|filter| filter.content.as_slice())
    }

    /// Whether any of these scripts may be among the scripts of a block: none if the block has no filter. No scripts
    /// match nothing.
    pub fn matches_any(&self, block: &BlockHash, scripts: &[Vec<u8>]) -> Option<bool> {
        let filter = self.filters.get(block)?;
        if scripts.is_empty() {
            return Some(false);
        }
        filter.match_any(block, scripts.iter().map(Vec::as_slice)).ok()
    }
}
