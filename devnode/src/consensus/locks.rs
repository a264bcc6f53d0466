//! Time locks: absolute (BIP 113) and relative (BIP 68).

use bitcoin::{Sequence, Transaction};

use crate::blocks::{BlockId, BlockIndex};
use crate::coins::{CoinView, MEMPOOL_HEIGHT};

/// Lock times below this are heights, the others seconds since 1970.
const LOCK_TIME_THRESHOLD: u32 = 500_000_000;

/// Bits a relative lock counts in: units of 512 seconds.
const TIME_LOCK_SHIFT: u32 = 9;

/// Whether the lock time of a transaction lets it into a block of this height whose parent has this median time.
pub fn is_final(tx: &Transaction, height: u32, median_time: u32) -> bool {
    let lock = tx.lock_time.to_consensus_u32();
    let limit = if lock < LOCK_TIME_THRESHOLD { height } else { median_time };
    lock == 0 || lock < limit || tx.input.iter().all(|input| input.sequence == Sequence::MAX)
}

/// Whether the relative locks of a transaction let it into the block after `parent`. Coins of the mempool count as
/// made by that block.
pub fn sequence_locks_pass(
    tx: &Transaction,
    coins: &impl CoinView,
    index: &BlockIndex,
    parent: BlockId,
) -> bool {
    if (tx.version.0 as u32) < 2 {
        return true;
    }
    let height = index.entry(parent).height + 1;
    tx.input.iter().filter(|input| input.sequence.is_relative_lock_time()).all(|input| {
        let Some(coin) = coins.coin(&input.previous_output) else { return false };
        let made_at = if coin.height == MEMPOOL_HEIGHT { height } else { coin.height };
        let value = input.sequence.to_consensus_u32() & 0xffff;
        if input.sequence.is_height_locked() {
            return made_at + value <= height;
        }
        let since = index.ancestor(parent, made_at.saturating_sub(1)).unwrap_or(parent);
        let until =
            u64::from(index.entry(since).median_time) + (u64::from(value) << TIME_LOCK_SHIFT);
        until <= u64::from(index.entry(parent).median_time)
    })
}
