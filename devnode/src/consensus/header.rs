//! Checks on headers.

use bitcoin::CompactTarget;
use bitcoin::block::Header;

use crate::blocks::{BlockEntry, BlockId, BlockIndex};
use crate::reject::{Reject, RejectKind};

/// The only target of regtest, in compact form; it never changes.
pub(crate) const REGTEST_BITS: u32 = 0x207f_ffff;

/// How far a block's time may be ahead of the node's clock, in seconds.
const MAX_FUTURE_SECONDS: i64 = 2 * 60 * 60;

/// Lowest version of a block: BIP 34, 65 and 66 apply from height 1 on regtest.
const MIN_VERSION: i32 = 4;

/// Whether a header carries the work that its own target asks for.
pub fn check_work(header: &Header) -> Result<(), Reject> {
    let known_target = header.bits == CompactTarget::from_consensus(REGTEST_BITS);
    if known_target && header.target().is_met_by(header.block_hash()) {
        return Ok(());
    }
    Err(Reject::new(RejectKind::Header, "high-hash", "proof of work failed"))
}

/// Checks a header against the block it builds on and the clock (seconds since 1970).
pub fn check_header(header: &Header, parent: &BlockEntry, now: i64) -> Result<(), Reject> {
    let bad = |reason: &str, debug: &str| Err(Reject::new(RejectKind::Header, reason, debug));
    if header.bits != CompactTarget::from_consensus(REGTEST_BITS) {
        return bad("bad-diffbits", "incorrect proof of work");
    }
    if header.time <= parent.median_time {
        return bad("time-too-old", "block's timestamp is too early");
    }
    if i64::from(header.time) > now.saturating_add(MAX_FUTURE_SECONDS) {
        return bad("time-too-new", "block timestamp too far in the future");
    }
    let version = header.version.to_consensus();
    if version < MIN_VERSION {
        return bad(
            &format!("bad-version(0x{version:08x})"),
            &format!("rejected nVersion=0x{version:08x} block"),
        );
    }
    Ok(())
}

/// The block a header builds on, or why there is none to build on.
pub(crate) fn usable_parent(header: &Header, index: &BlockIndex) -> Result<BlockId, Reject> {
    let Some(parent) = index.find(&header.prev_blockhash) else {
        return Err(Reject::bare(RejectKind::MissingParent, "prev-blk-not-found"));
    };
    if index.entry(parent).failed {
        return Err(Reject::bare(RejectKind::Header, "bad-prevblk"));
    }
    Ok(parent)
}
