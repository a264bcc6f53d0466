//! Blocks, in `Chain`.

use bitcoin::consensus::encode::serialize;
use bitcoin_grpc_contract::{Reply, Request, v1};
use bytes::Bytes;

use super::{Answer, Fault, block_hash, hash_bytes};
use crate::blocks::BlockView;
use crate::node::Node;
use crate::wire::null_block;

pub(super) fn answer(node: &Node, request: &Request) -> Answer {
    Some(Ok(match request {
        Request::ChainGetHeight(_) => Reply::ChainGetHeight(v1::ChainGetHeightResponse {
            height: Some(height(node.height())),
        }),
        Request::ChainGetBlockHash(q) => match node.block_hash_at(q.height) {
            Ok(hash) => Reply::ChainGetBlockHash(v1::ChainGetBlockHashResponse {
                block_hash: hash_bytes(hash),
            }),
            Err(error) => return Some(Err(Fault::Dies(error.to_string()))),
        },
        Request::ChainHaveBlockOnDisk(q) => {
            Reply::ChainHaveBlockOnDisk(v1::ChainHaveBlockOnDiskResponse {
                on_disk: node.have_block_on_disk(q.height),
            })
        }
        Request::ChainFindLocatorFork(q) => {
            let hashes = q.locator.as_ref().map(|l| l.block_hashes.as_slice()).unwrap_or_default();
            let hashes: Vec<_> = hashes.iter().map(block_hash).collect();
            Reply::ChainFindLocatorFork(v1::ChainFindLocatorForkResponse {
                height: Some(height(node.find_locator_fork(&hashes))),
            })
        }
        Request::ChainFindBlock(q) => {
            let view = node.find_block(&block_hash(&q.hash));
            Reply::ChainFindBlock(v1::ChainFindBlockResponse {
                block: Some(found(view, q.block.as_ref())),
                found: view.is_some(),
            })
        }
        Request::ChainFindFirstBlockWithTimeAndHeight(q) => {
            let view = node.find_first_block(q.min_time, q.min_height);
            Reply::ChainFindFirstBlockWithTimeAndHeight(
                v1::ChainFindFirstBlockWithTimeAndHeightResponse {
                    block: Some(found(view, q.block.as_ref())),
                    found: view.is_some(),
                },
            )
        }
        Request::ChainFindAncestorByHeight(q) => {
            let view = node.find_ancestor_by_height(&block_hash(&q.block_hash), q.ancestor_height);
            Reply::ChainFindAncestorByHeight(v1::ChainFindAncestorByHeightResponse {
                ancestor: Some(found(view, q.ancestor.as_ref())),
                found: view.is_some(),
            })
        }
        Request::ChainFindAncestorByHash(q) => {
            let ancestor = block_hash(&q.ancestor_hash);
            let view = node.find_ancestor_by_hash(&block_hash(&q.block_hash), &ancestor);
            Reply::ChainFindAncestorByHash(v1::ChainFindAncestorByHashResponse {
                ancestor: Some(found(view, q.ancestor.as_ref())),
                found: view.is_some(),
            })
        }
        Request::ChainFindCommonAncestor(q) => common_ancestor(node, q),
        Request::ChainHasBlocks(q) => {
            match node.has_blocks(&block_hash(&q.block_hash), q.min_height, q.max_height) {
                Ok(all_available) => {
                    Reply::ChainHasBlocks(v1::ChainHasBlocksResponse { all_available })
                }
                Err(error) => return Some(Err(Fault::Dies(error.to_string()))),
            }
        }
        Request::ChainGuessVerificationProgress(q) => {
            Reply::ChainGuessVerificationProgress(v1::ChainGuessVerificationProgressResponse {
                progress: node.guess_verification_progress(&block_hash(&q.block_hash)),
            })
        }
        _ => return None,
    }))
}

fn common_ancestor(node: &Node, q: &v1::ChainFindCommonAncestorRequest) -> Reply {
    let common =
        node.find_common_ancestor(&block_hash(&q.block_hash_1), &block_hash(&q.block_hash_2));
    Reply::ChainFindCommonAncestor(v1::ChainFindCommonAncestorResponse {
        ancestor: Some(found(common.ancestor, q.ancestor.as_ref())),
        block_1: Some(found(common.block1, q.block_1.as_ref())),
        block_2: Some(found(common.block2, q.block_2.as_ref())),
        found: common.ancestor.is_some(),
    })
}

pub(super) fn height(height: u32) -> i32 {
    i32::try_from(height).unwrap_or(i32::MAX)
}

/// A block as far as it was asked for; a real node leaves the rest zero, as an absent field reads.
fn found(
    view: Option<BlockView<'_>>,
    wanted: Option<&v1::FoundBlockParam>,
) -> v1::FoundBlockResult {
    let nothing = v1::FoundBlockParam::default();
    let q = wanted.unwrap_or(&nothing);
    let want = |wanted: bool| view.filter(|_| wanted);
    let next = q.next_block.as_deref();
    v1::FoundBlockResult {
        hash: want(q.want_hash).map(|v| hash_bytes(v.hash())),
        height: want(q.want_height).map(|v| height(v.height())),
        time: want(q.want_time).map(|v| v.time().into()),
        max_time: want(q.want_max_time).map(|v| v.max_time().into()),
        median_time_past: want(q.want_median_time_past).map(|v| v.median_time().into()),
        in_active_chain: want(q.want_in_active_chain).map(BlockView::in_active_chain),
        locator: want(q.want_locator).map(|v| v1::BlockLocator {
            block_hashes: v.locator().into_iter().map(hash_bytes).collect(),
        }),
        next_block: next.map(|q| Box::new(found(view.and_then(BlockView::next), Some(q)))),
        data: want(q.want_data).map(|v| Bytes::from(data(v))),
        found: view.is_some(),
    }
}

fn data(view: BlockView<'_>) -> Vec<u8> {
    view.block().map_or_else(null_block, |block| serialize(block.as_ref()))
}
