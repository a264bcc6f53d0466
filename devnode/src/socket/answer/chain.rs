//! Fees, pruning, filters and state, in `Chain`.

use bitcoin_grpc_contract::{Reply, Request, v1};

use super::{Answer, block_hash, feerate};
use crate::estimate::{EstimateBucket, FeeEstimate};
use crate::generation::Generation;
use crate::node::Node;

/// Limits on unconfirmed relatives of one transaction (`policy/policy.h`, DEFAULT_ANCESTOR_LIMIT
/// and DEFAULT_DESCENDANT_LIMIT).
const PACKAGE_LIMIT: u32 = 25;

pub(super) fn answer(node: &Node, request: &Request) -> Answer {
    filters(node, request).or_else(|| fees(node, request)).or_else(|| state(node, request))
}

fn filters(node: &Node, request: &Request) -> Answer {
    Some(Ok(match request {
        Request::ChainHasBlockFilterIndex(q) => {
            Reply::ChainHasBlockFilterIndex(v1::ChainHasBlockFilterIndexResponse {
                available: filter_type(q.filter_type).is_some_and(|t| node.has_filter_index(t)),
            })
        }
        Request::ChainBlockFilterMatchesAny(q) => {
            let scripts: Vec<_> = q.filter_set.iter().map(|script| script.to_vec()).collect();
            let hash = block_hash(&q.block_hash);
            let matches = filter_type(q.filter_type)
                .and_then(|filter_type| node.filter_matches_any(filter_type, &hash, &scripts));
            Reply::ChainBlockFilterMatchesAny(v1::ChainBlockFilterMatchesAnyResponse { matches })
        }
        _ => return None,
    }))
}

fn filter_type(number: u32) -> Option<u8> {
    u8::try_from(number).ok()
}

fn fees(node: &Node, request: &Request) -> Answer {
    Some(Ok(match request {
        Request::ChainMempoolMinFee(_) => {
            let feerate = feerate(node.mempool_min_feerate());
            Reply::ChainMempoolMinFee(v1::ChainMempoolMinFeeResponse { feerate })
        }
        Request::ChainRelayMinFee(_) => {
            let feerate = feerate(node.relay_min_feerate());
            Reply::ChainRelayMinFee(v1::ChainRelayMinFeeResponse { feerate })
        }
        Request::ChainRelayIncrementalFee(_) => {
            let feerate = feerate(node.relay_incremental_feerate());
            Reply::ChainRelayIncrementalFee(v1::ChainRelayIncrementalFeeResponse { feerate })
        }
        Request::ChainRelayDustFee(_) => {
            let feerate = feerate(node.relay_dust_feerate());
            Reply::ChainRelayDustFee(v1::ChainRelayDustFeeResponse { feerate })
        }
        Request::ChainEstimateSmartFee(q) => {
            let estimate = node.estimate_smart_fee(q.conf_target);
            Reply::ChainEstimateSmartFee(v1::ChainEstimateSmartFeeResponse {
                calc: q.want_calc.then(|| calculation(node, estimate)),
                feerate: feerate(estimate.feerate),
            })
        }
        Request::ChainEstimateMaxBlocks(_) => {
            Reply::ChainEstimateMaxBlocks(v1::ChainEstimateMaxBlocksResponse {
                max_conf_target: u32::try_from(node.estimate_max_blocks()).unwrap_or_default(),
            })
        }
        _ => return None,
    }))
}

fn calculation(node: &Node, estimate: FeeEstimate) -> v1::FeeCalculation {
    let knows_height =
        !matches!(node.generation(), Generation::Pr29409May2025 | Generation::Pr10102July2024);
    v1::FeeCalculation {
        estimation: Some(v1::EstimationResult {
            pass: Some(bucket(estimate.pass)),
            fail: Some(bucket(estimate.fail)),
            decay: estimate.decay,
            scale: estimate.scale,
        }),
        reason: estimate.reason,
        desired_target: estimate.desired_target,
        returned_target: estimate.returned_target,
        best_height: if knows_height { estimate.best_height } else { 0 },
    }
}

fn bucket(bucket: EstimateBucket) -> v1::EstimatorBucket {
    v1::EstimatorBucket {
        start_sat_per_kvb: bucket.start,
        end_sat_per_kvb: bucket.end,
        within_target: bucket.within_target,
        total_confirmed: bucket.total_confirmed,
        in_mempool: bucket.in_mempool,
        left_mempool: bucket.left_mempool,
    }
}

fn state(node: &Node, request: &Request) -> Answer {
    Some(Ok(match request {
        Request::ChainGetPackageLimits(_) => {
            Reply::ChainGetPackageLimits(v1::ChainGetPackageLimitsResponse {
                ancestor_limit: PACKAGE_LIMIT,
                descendant_limit: PACKAGE_LIMIT,
            })
        }
        Request::ChainHavePruned(_) => {
            Reply::ChainHavePruned(v1::ChainHavePrunedResponse { have_pruned: node.have_pruned() })
        }
        Request::ChainGetPruneHeight(_) => {
            Reply::ChainGetPruneHeight(v1::ChainGetPruneHeightResponse {
                prune_height: node.prune_height().map(super::block::height),
            })
        }
        Request::ChainIsReadyToBroadcast(_) => {
            Reply::ChainIsReadyToBroadcast(v1::ChainIsReadyToBroadcastResponse {
                ready: !node.is_initial_block_download(),
            })
        }
        Request::ChainIsInitialBlockDownload(_) => {
            Reply::ChainIsInitialBlockDownload(v1::ChainIsInitialBlockDownloadResponse {
                initial_block_download: node.is_initial_block_download(),
            })
        }
        Request::ChainShutdownRequested(_) => {
            Reply::ChainShutdownRequested(v1::ChainShutdownRequestedResponse {
                shutdown_requested: node.shutdown_requested(),
            })
        }
        Request::ChainHasAssumedValidChain(_) => {
            Reply::ChainHasAssumedValidChain(v1::ChainHasAssumedValidChainResponse {
                assumed_valid: node.has_assumed_valid_chain(),
            })
        }
        _ => return None,
    }))
}
