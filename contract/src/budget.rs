//! How many blocks one request may ask for.
//!
//! Each block that is wanted is read from disk and put into the reply; a real node's one event loop
//! then serves nobody else for about 20 ms per MB.

use crate::check::{Path, Violations};
use crate::glue::Request;
use crate::v1::FoundBlockParam;

/// Most blocks whose data one request may want: a block and the one after it.
const MAX_BLOCKS: usize = 2;

pub(crate) fn check(request: &Request, out: &mut Violations) {
    let (field, wanted) = match request {
        Request::ChainFindBlock(q) => ("block", vec![&q.block]),
        Request::ChainFindFirstBlockWithTimeAndHeight(q) => ("block", vec![&q.block]),
        Request::ChainFindAncestorByHeight(q) => ("ancestor", vec![&q.ancestor]),
        Request::ChainFindAncestorByHash(q) => ("ancestor", vec![&q.ancestor]),
        Request::ChainFindCommonAncestor(q) => {
            ("ancestor", vec![&q.ancestor, &q.block_1, &q.block_2])
        }
        _ => return,
    };
    let blocks: usize = wanted.into_iter().flatten().map(blocks).sum();
    if blocks > MAX_BLOCKS {
        let what =
            format!("wants the data of {blocks} blocks; at most {MAX_BLOCKS} are given at once");
        out.push(&Path::root().field(field), what);
    }
}

fn blocks(wanted: &FoundBlockParam) -> usize {
    let mut count = 0;
    let mut next = Some(wanted);
    while let Some(wanted) = next {
        count += usize::from(wanted.want_data);
        next = wanted.next_block.as_deref();
    }
    count
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::v1::ChainFindBlockRequest;

    fn nested(levels: usize, want_data: bool) -> Request {
        let mut block = FoundBlockParam { want_data, ..Default::default() };
        for _ in 1..levels {
            let next_block = Some(Box::new(block));
            block = FoundBlockParam { want_data, next_block, ..Default::default() };
        }
        let hash = Bytes::from_static(&[0; 32]);
        Request::ChainFindBlock(ChainFindBlockRequest { hash, block: Some(block) })
    }

    #[test]
    fn two_blocks_may_be_asked_for_and_no_more() {
        assert_eq!(nested(2, true).check(), Ok(()));
        let violations = nested(3, true).check().expect_err("three blocks");
        assert_eq!(violations[0].field, "block");
    }

    #[test]
    fn nesting_has_an_end() {
        assert_eq!(nested(15, false).check(), Ok(()));
        let violations = nested(17, false).check().expect_err("too deep");
        assert!(violations[0].description.contains("deep"), "{violations:?}");
        assert!(nested(90, false).check().is_err());
    }
}
