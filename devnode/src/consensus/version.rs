//! The version of a new block, and what the versions of others say (BIP 9).
//!
//! Regtest has one deployment that blocks signal for: the test dummy on bit 28, open from the start and without end,
//! in periods of 144 blocks of which 108 must signal.

use crate::blocks::{BlockId, BlockIndex};

const TOP_BITS: i32 = 0x2000_0000;
const DUMMY: u8 = 28;
const DUMMY_BIT: i32 = 1 << DUMMY;
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

/// The last block of the newest finished period, up to `tip`.
pub fn period_end(index: &BlockIndex, tip: BlockId) -> Option<BlockId> {
    let finished = (index.entry(tip).height + 1) / PERIOD;
    index.ancestor(tip, (finished * PERIOD).checked_sub(1)?)
}

/// Bits by which blocks up to the end of a period brought in rules that are not known here: a period of signalling, and
/// one more. The first period is too early.
pub fn unknown_rules(index: &BlockIndex, period_end: BlockId) -> Vec<u8> {
    let periods = (index.entry(period_end).height + 1) / PERIOD;
    let signalled = |period| signals(index, period_end, period);
    let counts = (1..periods.saturating_sub(1)).map(signalled);
    let mut met = [false; DUMMY as usize];
    for counts in counts {
        for (met, count) in met.iter_mut().zip(counts) {
            *met |= count >= THRESHOLD;
        }
    }
    (0..DUMMY).filter(|bit| met[usize::from(*bit)]).collect()
}

/// How many blocks of a finished period signalled with each unknown bit.
fn signals(index: &BlockIndex, tip: BlockId, period: u32) -> [usize; DUMMY as usize] {
    let mut counts = [0; DUMMY as usize];
    let heights = period * PERIOD..(period + 1) * PERIOD;
    for id in heights.filter_map(|height| index.ancestor(tip, height)) {
        let version = index.entry(id).header.version.to_consensus();
        if version & 0xe000_0000_u32 as i32 == TOP_BITS {
            for (bit, count) in counts.iter_mut().enumerate() {
                *count += usize::from(version >> bit & 1 == 1);
            }
        }
    }
    counts
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
