//! Coins and the mempool, in `Chain`.

use bitcoin_grpc_contract::{Reply, Request, v1};
use bytes::Bytes;

use super::{Answer, out_point, out_point_message, transaction, txid};
use crate::FeeRate;
use crate::coins::{Coin, MEMPOOL_HEIGHT};
use crate::node::Node;

pub(super) fn answer(node: &Node, request: &Request) -> Answer {
    Some(Ok(match request {
        Request::ChainFindCoins(q) => {
            let wanted: Vec<_> = q.outpoints.iter().map(out_point).collect();
            let coins = node.find_coins(&wanted).into_iter().map(|(name, coin)| v1::CoinEntry {
                outpoint: Some(out_point_message(&name)),
                coin: coin.as_ref().map(coin_message),
            });
            Reply::ChainFindCoins(v1::ChainFindCoinsResponse { coins: coins.collect() })
        }
        Request::ChainIsRbfOptIn(q) => match transaction(&q.tx) {
            Ok(tx) => Reply::ChainIsRbfOptIn(v1::ChainIsRbfOptInResponse {
                state: node.rbf_state(&tx) as i32,
            }),
            Err(fault) => return Some(Err(fault)),
        },
        Request::ChainIsInMempool(q) => Reply::ChainIsInMempool(v1::ChainIsInMempoolResponse {
            in_mempool: node.is_in_mempool(&txid(&q.txid)),
        }),
        Request::ChainHasDescendantsInMempool(q) => {
            Reply::ChainHasDescendantsInMempool(v1::ChainHasDescendantsInMempoolResponse {
                has_descendants: node.has_descendants_in_mempool(&txid(&q.txid)),
            })
        }
        Request::ChainGetTransactionAncestry(q) => {
            let family = node.transaction_ancestry(&txid(&q.txid)).unwrap_or_default();
            Reply::ChainGetTransactionAncestry(v1::ChainGetTransactionAncestryResponse {
                ancestor_count: family.ancestors,
                cluster_count: family.descendants,
                ancestor_vsize: family.ancestor_vsize,
                ancestor_fees_sat: family.ancestor_fees,
            })
        }
        Request::ChainCalculateIndividualBumpFees(q) => {
            let wanted: Vec<_> = q.outpoints.iter().map(out_point).collect();
            let fees = node.individual_bump_fees(&wanted, target(q.target_feerate.as_ref()));
            let fees = fees.into_iter().map(|(name, fee_sat)| v1::BumpFee {
                outpoint: Some(out_point_message(&name)),
                fee_sat,
            });
            Reply::ChainCalculateIndividualBumpFees(v1::ChainCalculateIndividualBumpFeesResponse {
                bump_fees: fees.collect(),
            })
        }
        Request::ChainCalculateCombinedBumpFee(q) => {
            let wanted: Vec<_> = q.outpoints.iter().map(out_point).collect();
            let fee = node.combined_bump_fee(&wanted, target(q.target_feerate.as_ref()));
            Reply::ChainCalculateCombinedBumpFee(v1::ChainCalculateCombinedBumpFeeResponse {
                bump_fee_sat: Some(fee),
            })
        }
        Request::ChainCheckChainLimits(q) => match transaction(&q.tx) {
            Ok(tx) => {
                let verdict = node.check_chain_limits(&tx);
                let verdict = verdict
                    .map(|text| v1::BilingualString { original: text.clone(), translated: text });
                Reply::ChainCheckChainLimits(v1::ChainCheckChainLimitsResponse { verdict })
            }
            Err(fault) => return Some(Err(fault)),
        },
        _ => return None,
    }))
}

pub(super) fn change(node: &mut Node, request: &Request) -> Answer {
    let Request::ChainBroadcastTransaction(q) = request else { return None };
    Some(transaction(&q.tx).map(|tx| {
        let outcome = node.submit_transaction(tx, q.max_tx_fee_sat);
        Reply::ChainBroadcastTransaction(v1::ChainBroadcastTransactionResponse {
            reason: outcome.error().to_owned(),
            accepted: outcome.is_accepted(),
        })
    }))
}

fn target(rate: Option<&v1::FeeRate>) -> FeeRate {
    FeeRate::from_sat_per_kvb(rate.map_or(0, |rate| rate.sat_per_kvb))
}

pub(super) fn coin_message(coin: &Coin) -> v1::Coin {
    v1::Coin {
        height: (coin.height != MEMPOOL_HEIGHT).then_some(coin.height),
        coinbase: coin.coinbase,
        output: Some(v1::TxOut {
            value_sat: coin.output.value.to_sat().cast_signed(),
            script_pubkey: Bytes::copy_from_slice(coin.output.script_pubkey.as_bytes()),
        }),
    }
}
