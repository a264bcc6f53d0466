//! Recorded methods on the devnode: parameters in, results out, both as the recording has them.

use bitcoin::consensus::encode::serialize;
use bitcoin::hashes::Hash;
use bitcoin_grpc_devnode::Node;
use bitcoin_grpc_devnode::coins::encode_coin;
use bitcoin_grpc_devnode::settings::{Json, SettingsAction};
use bitcoin_grpc_devnode::wire::{decode_locator, encode_locator, encode_outpoint};
use serde_json::{Value, json};

use crate::compare::{estimate, feerate, found_block};
use crate::params;

/// The answer to a call, or none if the method is not the core's business.
pub(crate) fn answer(node: &mut Node, method: &str, params: &Value) -> Option<Value> {
    blocks(node, method, params)
        .or_else(|| coins_and_filters(node, method, params))
        .or_else(|| mempool(node, method, params))
        .or_else(|| fees_and_status(node, method, params))
        .or_else(|| changes(node, method, params))
        .or_else(|| settings(node, method, params))
}

fn optional(result: Option<Value>, default: Value) -> Value {
    json!({ "hasResult": result.is_some(), "result": result.unwrap_or(default) })
}

fn blocks(node: &Node, method: &str, p: &Value) -> Option<Value> {
    let hash = |name: &str| params::block_hash(&p[name]);
    let found = |name: &str, view: Option<_>| {
        let view: Option<bitcoin_grpc_devnode::blocks::BlockView<'_>> = view;
        json!({ name: found_block(view, &p[name]), "result": view.is_some() })
    };
    Some(match method {
        "getHeight" => optional(Some(json!(node.height())), json!(0)),
        "getBlockHash" => {
            let hash = node.block_hash_at(params::int32(&p["height"])).ok()?;
            json!({ "result": params::hex(hash.as_byte_array()) })
        }
        "haveBlockOnDisk" => {
            json!({ "result": node.have_block_on_disk(params::int32(&p["height"])) })
        }
        "getTipLocator" => json!({ "result": params::hex(&encode_locator(&node.tip_locator())) }),
        "getActiveChainLocator" => {
            json!({ "result": params::hex(&encode_locator(&node.locator_of(&hash("blockHash")))) })
        }
        "findLocatorFork" => {
            let locator = decode_locator(&params::bytes(&p["locator"])).unwrap_or_default();
            optional(Some(json!(node.find_locator_fork(&locator))), json!(0))
        }
        "findBlock" => found("block", node.find_block(&hash("hash"))),
        "findFirstBlockWithTimeAndHeight" => {
            let (time, height) = (p["minTime"].as_i64().unwrap(), params::int32(&p["minHeight"]));
            found("block", node.find_first_block(time, height))
        }
        "findAncestorByHeight" => {
            let height = params::int32(&p["ancestorHeight"]);
            found("ancestor", node.find_ancestor_by_height(&hash("blockHash"), height))
        }
        "findAncestorByHash" => {
            found("ancestor", node.find_ancestor_by_hash(&hash("blockHash"), &hash("ancestorHash")))
        }
        "findCommonAncestor" => {
            let common = node.find_common_ancestor(&hash("blockHash1"), &hash("blockHash2"));
            json!({
                "ancestor": found_block(common.ancestor, &p["ancestor"]),
                "block1": found_block(common.block1, &p["block1"]),
                "block2": found_block(common.block2, &p["block2"]),
                "result": common.ancestor.is_some(),
            })
        }
        "hasBlocks" => {
            let max = params::flag(&p["hasMaxHeight"]).then(|| params::int32(&p["maxHeight"]));
            let result = node.has_blocks(&hash("blockHash"), params::int32(&p["minHeight"]), max);
            json!({ "result": result.ok()? })
        }
        "guessVerificationProgress" => {
            json!({ "result": node.guess_verification_progress(&hash("blockHash")) })
        }
        _ => return None,
    })
}

fn coins_and_filters(node: &Node, method: &str, p: &Value) -> Option<Value> {
    Some(match method {
        "findCoins" => {
            let wanted: Vec<_> =
                p["coins"].as_array()?.iter().map(|pair| params::outpoint(&pair["key"])).collect();
            let coins: Vec<Value> = node
                .find_coins(&wanted)
                .iter()
                .map(|(outpoint, coin)| {
                    let value = coin.as_ref().map(|coin| params::hex(&encode_coin(coin)));
                    json!({ "key": params::hex(&encode_outpoint(outpoint)), "value": value })
                })
                .collect();
            json!({ "coins": coins })
        }
        "hasBlockFilterIndex" => {
            json!({ "result": node.has_filter_index(p["filterType"].as_u64()? as u8) })
        }
        "blockFilterMatchesAny" => {
            let scripts: Vec<Vec<u8>> =
                p["filterSet"].as_array()?.iter().map(params::bytes).collect();
            let hash = params::block_hash(&p["blockHash"]);
            let matched = node.filter_matches_any(p["filterType"].as_u64()? as u8, &hash, &scripts);
            optional(matched.map(|matched| json!(matched)), json!(false))
        }
        _ => return None,
    })
}

fn mempool(node: &Node, method: &str, p: &Value) -> Option<Value> {
    let txid = || params::txid(p.get("txid").unwrap_or(&p["tx"]));
    Some(match method {
        "isInMempool" => json!({ "result": node.is_in_mempool(&txid()) }),
        "hasDescendantsInMempool" => json!({ "result": node.has_descendants_in_mempool(&txid()) }),
        "isRBFOptIn" => json!({ "result": node.rbf_state(&params::transaction(&p["tx"])) as i32 }),
        "getTransactionAncestry" => {
            let family = node.transaction_ancestry(&txid()).unwrap_or_default();
            json!({
                "ancestors": family.ancestors,
                "descendants": family.descendants,
                "ancestorsize": family.ancestor_vsize,
                "ancestorfees": family.ancestor_fees,
            })
        }
        "calculateIndividualBumpFees" => {
            let fees = node.individual_bump_fees(
                &params::outpoints(&p["outpoints"]),
                params::feerate(&p["targetFeerate"]),
            );
            let fees: Vec<Value> = fees
                .iter()
                .map(|(outpoint, fee)| json!({ "key": params::hex(&encode_outpoint(outpoint)), "value": fee }))
                .collect();
            json!({ "result": fees })
        }
        "calculateCombinedBumpFee" => {
            let fee = node.combined_bump_fee(
                &params::outpoints(&p["outpoints"]),
                params::feerate(&p["targetFeerate"]),
            );
            optional(Some(json!(fee)), json!(0))
        }
        "checkChainLimits" => {
            let error = node.check_chain_limits(&params::transaction(&p["tx"]));
            json!({ "result": { "error": error.map(|text| json!({ "original": text, "translated": text })) } })
        }
        "requestMempoolTransactions" => {
            let txs: Vec<String> = node
                .mempool_transactions()
                .iter()
                .map(|entry| params::hex(&serialize(entry.tx.as_ref())))
                .collect();
            json!({ "transactions": txs })
        }
        _ => return None,
    })
}

fn fees_and_status(node: &Node, method: &str, p: &Value) -> Option<Value> {
    Some(match method {
        "estimateSmartFee" => {
            let answer = node.estimate_smart_fee(params::int32(&p["numBlocks"]));
            estimate(node, answer, params::flag(&p["wantCalc"]))
        }
        "estimateMaxBlocks" => json!({ "result": node.estimate_max_blocks() }),
        "mempoolMinFee" => json!({ "result": feerate(node, node.mempool_min_feerate()) }),
        "relayMinFee" => json!({ "result": feerate(node, node.relay_min_feerate()) }),
        "relayIncrementalFee" => {
            json!({ "result": feerate(node, node.relay_incremental_feerate()) })
        }
        "relayDustFee" => json!({ "result": feerate(node, node.relay_dust_feerate()) }),
        "havePruned" => json!({ "result": node.have_pruned() }),
        "getPruneHeight" => optional(node.prune_height().map(|height| json!(height)), json!(0)),
        "isInitialBlockDownload" => json!({ "result": node.is_initial_block_download() }),
        "hasAssumedValidChain" => json!({ "result": node.has_assumed_valid_chain() }),
        "rpcEnableDeprecated" => {
            json!({ "result": node.rpc_enable_deprecated(p["method"].as_str()?) })
        }
        _ => return None,
    })
}

fn changes(node: &mut Node, method: &str, p: &Value) -> Option<Value> {
    Some(match method {
        "broadcastTransaction" => {
            let result =
                node.submit_transaction(params::transaction(&p["tx"]), p["maxTxFee"].as_i64()?);
            json!({ "error": result.error(), "result": result.is_accepted() })
        }
        "removeTxFromMempool" => {
            json!({ "result": node.remove_transaction(&params::txid(&p["txid"])) })
        }
        _ => return None,
    })
}

fn settings(node: &mut Node, method: &str, p: &Value) -> Option<Value> {
    let name = p["name"].as_str().unwrap_or_default();
    let action = p["action"].as_i64().map(|number| SettingsAction::from_number(number as i32));
    Some(match method {
        "getSetting" => json!({ "result": node.settings().get(name).as_str() }),
        "getSettingsList" => {
            let list = node.settings().list(name);
            json!({ "result": list.iter().map(Json::as_str).collect::<Vec<_>>() })
        }
        "getRwSetting" => json!({ "result": node.settings().rw(name).as_str() }),
        "overwriteRwSetting" => {
            let value = Json::parse(p["value"].as_str().unwrap_or_default());
            json!({ "result": node.settings_mut().update_rw(name, value, action) })
        }
        "deleteRwSettings" => {
            json!({ "result": node.settings_mut().update_rw(name, Json::null(), action) })
        }
        _ => return None,
    })
}

/// What the client answered in a settings callback, done to the node.
pub(crate) fn settings_callback(node: &mut Node, name: &str, answer: &Value) -> Value {
    let value = Json::parse(answer["value"].as_str().unwrap_or_default());
    let action = params::flag(&answer["hasResult"])
        .then(|| SettingsAction::from_number(answer["result"].as_i64().unwrap_or_default() as i32));
    json!({ "result": node.settings_mut().update_rw(name, value, action) })
}
