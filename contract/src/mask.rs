//! A block's facts that were not asked for are absent, not zero.
//!
//! On the wire a fact that was not wanted reads as zero, and a block whose data the node has not
//! got reads as the null block. The contract has no values in band: what is not said is absent.

use crate::glue::{Reply, Request};
use crate::v1::{FoundBlockParam, FoundBlockResult};

/// Bytes of the null block: an empty header and no transactions (`primitives/block.h`, SetNull).
const NULL_BLOCK_LENGTH: usize = 81;

/// Takes from a reply what its request did not ask for.
pub fn mask(request: &Request, reply: &mut Reply) {
    match (request, reply) {
        (Request::ChainFindBlock(q), Reply::ChainFindBlock(r)) => {
            block(q.block.as_ref(), r.block.as_mut());
        }
        (
            Request::ChainFindFirstBlockWithTimeAndHeight(q),
            Reply::ChainFindFirstBlockWithTimeAndHeight(r),
        ) => block(q.block.as_ref(), r.block.as_mut()),
        (Request::ChainFindAncestorByHeight(q), Reply::ChainFindAncestorByHeight(r)) => {
            block(q.ancestor.as_ref(), r.ancestor.as_mut());
        }
        (Request::ChainFindAncestorByHash(q), Reply::ChainFindAncestorByHash(r)) => {
            block(q.ancestor.as_ref(), r.ancestor.as_mut());
        }
        (Request::ChainFindCommonAncestor(q), Reply::ChainFindCommonAncestor(r)) => {
            block(q.ancestor.as_ref(), r.ancestor.as_mut());
            block(q.block_1.as_ref(), r.block_1.as_mut());
            block(q.block_2.as_ref(), r.block_2.as_mut());
        }
        _ => {}
    }
}

fn block(wanted: Option<&FoundBlockParam>, found: Option<&mut FoundBlockResult>) {
    let Some(found) = found else { return };
    let nothing = FoundBlockParam::default();
    let wanted = if found.found { wanted.unwrap_or(&nothing) } else { &nothing };
    keep(wanted.want_hash, &mut found.hash);
    keep(wanted.want_height, &mut found.height);
    keep(wanted.want_time, &mut found.time);
    keep(wanted.want_max_time, &mut found.max_time);
    keep(wanted.want_median_time_past, &mut found.median_time_past);
    keep(wanted.want_in_active_chain, &mut found.in_active_chain);
    keep(wanted.want_locator, &mut found.locator);
    keep(wanted.want_data && !is_null_block(found.data.as_deref()), &mut found.data);
    match wanted.next_block.as_deref() {
        Some(next) => block(Some(next), found.next_block.as_deref_mut()),
        None => found.next_block = None,
    }
}

fn keep<T>(wanted: bool, fact: &mut Option<T>) {
    if !wanted {
        *fact = None;
    }
}

fn is_null_block(data: Option<&[u8]>) -> bool {
    data.is_some_and(|data| data.len() == NULL_BLOCK_LENGTH && data.iter().all(|byte| *byte == 0))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::v1::{ChainFindBlockRequest, ChainFindBlockResponse};

    fn masked(wanted: FoundBlockParam, found: FoundBlockResult) -> FoundBlockResult {
        let request = Request::ChainFindBlock(ChainFindBlockRequest {
            block: Some(wanted),
            ..Default::default()
        });
        let mut reply =
            Reply::ChainFindBlock(ChainFindBlockResponse { block: Some(found), found: true });
        mask(&request, &mut reply);
        match reply {
            Reply::ChainFindBlock(ChainFindBlockResponse { block: Some(block), .. }) => block,
            other => panic!("another reply: {other:?}"),
        }
    }

    #[test]
    fn only_what_was_asked_for_stays() {
        let full =
            FoundBlockResult { height: Some(0), time: Some(7), found: true, ..Default::default() };
        let wanted = FoundBlockParam { want_height: true, ..Default::default() };
        let found = masked(wanted, full);
        assert_eq!((found.height, found.time), (Some(0), None));
    }

    #[test]
    fn an_unknown_next_block_says_nothing() {
        let next = FoundBlockResult { height: Some(0), ..Default::default() };
        let full = FoundBlockResult {
            next_block: Some(Box::new(next)),
            found: true,
            ..Default::default()
        };
        let want_next = FoundBlockParam { want_height: true, ..Default::default() };
        let wanted =
            FoundBlockParam { next_block: Some(Box::new(want_next)), ..Default::default() };
        let next = masked(wanted, full).next_block.expect("asked for");
        assert_eq!((next.found, next.height), (false, None));
    }

    #[test]
    fn the_null_block_is_no_data() {
        let data = |data: Vec<u8>| FoundBlockResult {
            data: Some(Bytes::from(data)),
            found: true,
            ..Default::default()
        };
        let wanted = || FoundBlockParam { want_data: true, ..Default::default() };
        assert_eq!(masked(wanted(), data(vec![0; 81])).data, None);
        assert!(masked(wanted(), data(vec![0; 82])).data.is_some());
    }
}
