//! Fee estimation, as far as a node goes that has seen next to nothing.
//!
//! The devnode does not watch how long transactions wait. It answers as a node without data does: fee rate zero. What
//! such a node says about its failure can be set from a recording.

use crate::feerate::FeeRate;

/// The farthest target of estimates, in blocks.
pub const MAX_TARGET: i32 = 1008;

/// A range of fee rates and how its transactions fared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EstimateBucket {
    /// Lowest fee rate, in satoshi per 1000 virtual bytes; -1 if there is no such range.
    pub start: f64,
    /// Highest fee rate, likewise.
    pub end: f64,
    /// Transactions confirmed within the target, aged.
    pub within_target: f64,
    /// Transactions confirmed at all, aged.
    pub total_confirmed: f64,
    /// Transactions that wait at least as long as the target.
    pub in_mempool: f64,
    /// Transactions that left unconfirmed after at least as long as the target, aged.
    pub left_mempool: f64,
}

impl Default for EstimateBucket {
    fn default() -> Self {
        Self {
            start: -1.0,
            end: -1.0,
            within_target: 0.0,
            total_confirmed: 0.0,
            in_mempool: 0.0,
            left_mempool: 0.0,
        }
    }
}

/// An estimate and how it came about.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FeeEstimate {
    /// The estimate; zero if there is none.
    pub feerate: FeeRate,
    /// The range that was found good enough.
    pub pass: EstimateBucket,
    /// The range below, that was not.
    pub fail: EstimateBucket,
    /// Factor by which data age per block.
    pub decay: f64,
    /// Blocks per unit of the statistics used.
    pub scale: u32,
    /// 0 none, 1 half of the target, 2 the target, 3 twice the target, 4 conservative, 5 lowest of the mempool, 6 pay
    /// fee.
    pub reason: i32,
    /// Target that was asked for, in blocks.
    pub desired_target: i32,
    /// Target that the answer is for, in blocks.
    pub returned_target: i32,
    /// Height of the chain; told by newer generations.
    pub best_height: u32,
}

/// What a node without enough data to estimate anything has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FeeHistory {
    /// The farthest target that the time it watched allows, in blocks; zero if it watched nothing.
    pub usable_target: i32,
    /// The range of fee rates that all its data fell into.
    pub seen: EstimateBucket,
    /// Factor by which data age per block.
    pub decay: f64,
    /// Blocks per unit of the statistics used.
    pub scale: u32,
}

impl FeeHistory {
    /// The answer for a target in blocks. Targets out of range are returned as they came.
    pub fn estimate(&self, target: i32, best_height: u32) -> FeeEstimate {
        let none = FeeEstimate {
            desired_target: target,
            returned_target: target,
            best_height,
            ..Default::default()
        };
        if !(1..=MAX_TARGET).contains(&target) {
            return none;
        }
        let returned_target = target.max(2).min(self.usable_target);
        let none = FeeEstimate { returned_target, ..none };
        if returned_target <= 1 {
            return none;
        }
        FeeEstimate { fail: self.seen, decay: self.decay, scale: self.scale, reason: 1, ..none }
    }
}
