//! Chain calls that are asked another way.

use bitcoin_grpc_contract::{Violation, v1};
use bytes::Bytes;

use super::super::link::Caller;
use crate::error::CallError;

/// `getBlockHash` ends every older node when the height is not in the active chain, and looking at
/// the height first would race with a reorganisation. It is never sent; see [`block_at`].
pub(in crate::backend::ipc) async fn get_block_hash(
    caller: Caller<'_>,
    request: v1::ChainGetBlockHashRequest,
) -> Result<v1::ChainGetBlockHashResponse, CallError> {
    let height = request.height;
    if height < 0 {
        let violation = Violation {
            field: "height".to_owned(),
            description: format!("is {height}; it must be at least 0"),
        };
        return Err(CallError::Invalid(vec![violation]));
    }
    let block_hash = block_at(caller, height).await?.ok_or(CallError::AboveTip { height })?;
    Ok(v1::ChainGetBlockHashResponse { block_hash })
}

/// Hash of the block of the active chain at a height; `None` above the tip.
///
/// The first block with at least time 0 and that height is that block, found by the node under one
/// lock, and every height is harmless.
pub(in crate::backend::ipc) async fn block_at(
    caller: Caller<'_>,
    height: i32,
) -> Result<Option<Bytes>, CallError> {
    let wanted = v1::FoundBlockParam { want_hash: true, want_height: true, ..Default::default() };
    let question = v1::ChainFindFirstBlockWithTimeAndHeightRequest {
        min_time: 0,
        min_height: height,
        block: Some(wanted),
    };
    let answer = caller.ask_as(question).await?;
    let block = answer.block.filter(|block| answer.found && block.height == Some(height));
    Ok(block.and_then(|block| block.hash))
}

/// Of a transaction that is not in the mempool, older nodes answer with uninitialised memory.
pub(super) async fn get_transaction_ancestry(
    caller: Caller<'_>,
    request: v1::ChainGetTransactionAncestryRequest,
) -> Result<v1::ChainGetTransactionAncestryResponse, CallError> {
    let answer = caller.ask_as(request).await?;
    match answer.ancestor_count {
        // Every transaction counts as its own ancestor, so 0 means that there is none.
        0 => Ok(v1::ChainGetTransactionAncestryResponse::default()),
        _ => Ok(answer),
    }
}
