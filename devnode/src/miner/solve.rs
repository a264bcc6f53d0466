//! Proof of work.

use bitcoin::block::Header;

use crate::consensus::check_work;

/// Finds the lowest nonce from zero on that meets the header's target. On regtest that takes two tries on average.
/// False if there is none, and then the header is left as it was.
pub fn solve(header: &mut Header) -> bool {
    let mut attempt = *header;
    for nonce in 0..=u32::MAX {
        attempt.nonce = nonce;
        if check_work(&attempt).is_ok() {
            *header = attempt;
            return true;
        }
    }
    false
}
