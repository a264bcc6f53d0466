//! The version of a new block (BIP 9).
//!
//! Regtest has one deployment that blocks signal for: the test dummy on bit 28, open from the start and without end,
//! in periods of 144 blocks of which 108 must signal.

use crate::blocks::{BlockId, BlockIndex};

const TOP_BITS: i32 = 0x2000_0000;
const DUMMY_BIT: i32 = 1 << 28;
const PERIOD: u32 = 144;
const THRESHOLD: usize = 108;

/// The version that a block on top of `parent` should have.
pub fn block_version(index: &BlockIndex, parent: BlockId) -> i32 {
    let height = index.entry(parent).height + 1;
    let period = height / PERIOD;
    let locked_in = (1..period).find(|earlier| threshold_met(index, parent, *earlier));
    let signalling = period >= 1 && locked_in.is_none_or(|earlier| period <= earlier + 1);
    if signalling { TOP_BITS | DUMMY_BIT } else { TOP_BITS }
}

/// Whether enough blocks of a finished period signalled.
fn threshold_met(index: &BlockIndex, parent: BlockId, period: u32) -> bool {
    let heights = period * PERIOD..(period + 1) * PERIOD;
    let signals = heights
        .filter_map(|height| index.ancestor(parent, height))
        .filter(|id| {
            let version = index.entry(*id).header.version.to_consensus();
            version & 0xe000_0000_u32 as i32 == TOP_BITS && version & DUMMY_BIT != 0
        })
        .count();
    signals >= THRESHOLD
}
