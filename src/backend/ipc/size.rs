//! How big a reply may become, told from its request.

use bitcoin_grpc_contract::Request;
use bitcoin_grpc_contract::v1::FoundBlockParam;

/// Ids of transactions up to which a reply counts as small: at 400 kB for the largest standard
/// transaction that is 1.6 MB, and usually a few kB.
const FEW_TRANSACTIONS: usize = 4;

/// Whether the reply may be big: a block, many transactions, a list without a bound.
pub(super) fn is_big(request: &Request) -> bool {
    match request {
        Request::MiningGetTransactionsByTxId(r) => r.txids.len() > FEW_TRANSACTIONS,
        Request::MiningGetTransactionsByWitnessId(r) => r.wtxids.len() > FEW_TRANSACTIONS,
        request => data_reads(request) > 0,
    }
}

/// The number of blocks that the node reads from disk into the reply.
fn data_reads(request: &Request) -> usize {
    match request {
        Request::ChainFindBlock(r) => of(&[&r.block]),
        Request::ChainFindFirstBlockWithTimeAndHeight(r) => of(&[&r.block]),
        Request::ChainFindAncestorByHeight(r) => of(&[&r.ancestor]),
        Request::ChainFindAncestorByHash(r) => of(&[&r.ancestor]),
        Request::ChainFindCommonAncestor(r) => of(&[&r.ancestor, &r.block_1, &r.block_2]),
        _ => 0,
    }
}

fn of(params: &[&Option<FoundBlockParam>]) -> usize {
    params.iter().filter_map(|param| param.as_ref()).map(in_param).sum()
}

fn in_param(param: &FoundBlockParam) -> usize {
    let mut reads = 0;
    let mut next = Some(param);
    while let Some(param) = next {
        reads += usize::from(param.want_data);
        next = param.next_block.as_deref();
    }
    reads
}
