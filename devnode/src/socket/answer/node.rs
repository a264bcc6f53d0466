//! `Node`: chain, mempool, settings and life.

use bitcoin_grpc_contract::{Reply, Request, v1};

use super::{Answer, Fault, feerate, hash_bytes, out_point, transaction};
use crate::generation::Generation;
use crate::node::Node;
use crate::settings::Json;

pub(super) fn answer(node: &Node, request: &Request) -> Answer {
    state(node, request).or_else(|| chain(node, request)).or_else(|| settings(node, request))
}

fn state(node: &Node, request: &Request) -> Answer {
    Some(Ok(match request {
        // Without effect on a node that runs.
        Request::NodeInitLogging(_) => Reply::NodeInitLogging(v1::NodeInitLoggingResponse {}),
        Request::NodeInitParameterInteraction(_) => {
            Reply::NodeInitParameterInteraction(v1::NodeInitParameterInteractionResponse {})
        }
        Request::NodeAppShutdown(_) if node.generation() == Generation::Pr10102July2024 => {
            return None;
        }
        Request::NodeBaseInitialize(_)
        | Request::NodeAppInitMain(_)
        | Request::NodeAppShutdown(_) => {
            return Some(Err(Fault::Dies("the node runs already".to_owned())));
        }
        Request::NodeGetWarnings(_) => {
            let text = node.warnings().to_owned();
            let warnings = v1::BilingualString { original: text.clone(), translated: text };
            Reply::NodeGetWarnings(v1::NodeGetWarningsResponse { warnings: Some(warnings) })
        }
        Request::NodeGetLogCategories(_) => {
            let categories = node.log_categories();
            Reply::NodeGetLogCategories(v1::NodeGetLogCategoriesResponse { categories })
        }
        Request::NodeGetExitStatus(_) => {
            Reply::NodeGetExitStatus(v1::NodeGetExitStatusResponse { exit_status: 0 })
        }
        Request::NodeShutdownRequested(_) => {
            let requested = node.shutdown_requested();
            Reply::NodeShutdownRequested(v1::NodeShutdownRequestedResponse { requested })
        }
        Request::NodeMapPort(_) => Reply::NodeMapPort(v1::NodeMapPortResponse {}),
        Request::NodeListExternalSigners(_) => {
            Reply::NodeListExternalSigners(v1::NodeListExternalSignersResponse::default())
        }
        Request::NodeGetMempoolSize(_) => {
            let transactions = node.mempool().len() as u64;
            Reply::NodeGetMempoolSize(v1::NodeGetMempoolSizeResponse { transactions })
        }
        Request::NodeGetMempoolDynamicUsage(_) => {
            let usage_bytes = node.mempool_usage();
            Reply::NodeGetMempoolDynamicUsage(v1::NodeGetMempoolDynamicUsageResponse {
                usage_bytes,
            })
        }
        Request::NodeGetMempoolMaxUsage(_) => {
            let max_usage_bytes = node.mempool_max_usage();
            Reply::NodeGetMempoolMaxUsage(v1::NodeGetMempoolMaxUsageResponse { max_usage_bytes })
        }
        Request::NodeGetDustRelayFee(_) => {
            let feerate = feerate(node.relay_dust_feerate());
            Reply::NodeGetDustRelayFee(v1::NodeGetDustRelayFeeResponse { feerate })
        }
        _ => return None,
    }))
}

fn chain(node: &Node, request: &Request) -> Answer {
    let tip = node.tip();
    Some(Ok(match request {
        Request::NodeGetHeaderTip(_) => {
            let header = node.index().entry(node.index().best_header());
            Reply::NodeGetHeaderTip(v1::NodeGetHeaderTipResponse {
                height: super::block::height(header.height),
                block_time: header.header.time.into(),
                found: true,
            })
        }
        Request::NodeGetNumBlocks(_) => Reply::NodeGetNumBlocks(v1::NodeGetNumBlocksResponse {
            height: super::block::height(tip.height()),
        }),
        Request::NodeGetBestBlockHash(_) => {
            let block_hash = hash_bytes(tip.hash());
            Reply::NodeGetBestBlockHash(v1::NodeGetBestBlockHashResponse { block_hash })
        }
        Request::NodeGetLastBlockTime(_) => {
            let block_time = tip.time().into();
            Reply::NodeGetLastBlockTime(v1::NodeGetLastBlockTimeResponse { block_time })
        }
        Request::NodeGetVerificationProgress(_) => {
            let progress = node.guess_verification_progress(&tip.hash());
            Reply::NodeGetVerificationProgress(v1::NodeGetVerificationProgressResponse { progress })
        }
        Request::NodeIsInitialBlockDownload(_) => {
            Reply::NodeIsInitialBlockDownload(v1::NodeIsInitialBlockDownloadResponse {
                initial_block_download: node.is_initial_block_download(),
            })
        }
        Request::NodeIsLoadingBlocks(_) => {
            Reply::NodeIsLoadingBlocks(v1::NodeIsLoadingBlocksResponse { loading_blocks: false })
        }
        Request::NodeGetUnspentOutput(q) => {
            let coin = q.outpoint.as_ref().and_then(|name| node.unspent_output(&out_point(name)));
            let coin = coin.as_ref().map(super::pool::coin_message);
            Reply::NodeGetUnspentOutput(v1::NodeGetUnspentOutputResponse { coin })
        }
        _ => return None,
    }))
}

fn settings(node: &Node, request: &Request) -> Answer {
    Some(Ok(match request {
        Request::NodeIsSettingIgnored(q) => {
            // Unlike other methods, this one takes the name as it is.
            let ignored = !q.name.starts_with('-') && node.settings().is_on_command_line(&q.name);
            Reply::NodeIsSettingIgnored(v1::NodeIsSettingIgnoredResponse { ignored })
        }
        Request::NodeGetPersistentSetting(q) => {
            let value = node.settings().persistent(&q.name).as_str().to_owned();
            Reply::NodeGetPersistentSetting(v1::NodeGetPersistentSettingResponse { value })
        }
        _ => return None,
    }))
}

pub(super) fn change(node: &mut Node, request: &Request) -> Answer {
    Some(Ok(match request {
        Request::NodeStartShutdown(_) => {
            node.request_shutdown();
            Reply::NodeStartShutdown(v1::NodeStartShutdownResponse {})
        }
        // Where this can be called at all, the node answers before it ends.
        Request::NodeAppShutdown(_) => {
            node.request_shutdown();
            Reply::NodeAppShutdown(v1::NodeAppShutdownResponse {})
        }
        Request::NodeUpdateRwSetting(q) => {
            let written = Some(crate::settings::SettingsAction::Write);
            node.settings_mut().update_rw(&q.name, Json::parse(&q.value), written);
            Reply::NodeUpdateRwSetting(v1::NodeUpdateRwSettingResponse {})
        }
        Request::NodeForceSetting(q) => {
            node.settings_mut().force(&q.name, Json::parse(&q.value));
            Reply::NodeForceSetting(v1::NodeForceSettingResponse {})
        }
        Request::NodeResetSettings(_) => {
            node.settings_mut().reset_rw();
            Reply::NodeResetSettings(v1::NodeResetSettingsResponse {})
        }
        Request::NodeBroadcastTransaction(q) => {
            return Some(transaction(&q.tx).map(|tx| {
                let outcome = node.submit_transaction(tx, q.max_tx_fee_sat);
                Reply::NodeBroadcastTransaction(v1::NodeBroadcastTransactionResponse {
                    reject_reason: outcome.error().to_owned(),
                    outcome: outcome.number(),
                })
            }));
        }
        _ => return None,
    }))
}
