//! Requests that a real node must bear.

use bitcoin_grpc_contract::{Method, Request, Unary, v1};
use bytes::Bytes;

/// Hash of the first block of regtest, internal byte order.
pub(super) fn genesis() -> Bytes {
    let mut hash = hex("0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206");
    hash.reverse();
    Bytes::from(hash)
}

pub(super) fn hash(byte: u8) -> Bytes {
    Bytes::from(vec![byte; 32])
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).expect("hex"))
        .collect()
}

fn outpoint() -> v1::OutPoint {
    v1::OutPoint { txid: hash(7), vout: 0 }
}

/// Spends an output that does not exist.
pub(super) fn transaction() -> Bytes {
    let mut tx = hex("0200000001");
    tx.extend([7; 32]);
    tx.extend(hex("0000000000ffffffff01e803000000000000015100000000"));
    Bytes::from(tx)
}

/// A block that builds on nothing.
fn block() -> Bytes {
    let mut block = vec![0; 80];
    block[0] = 4;
    block.push(1);
    block.extend(transaction());
    Bytes::from(block)
}

fn text() -> v1::BilingualString {
    v1::BilingualString { original: "test".into(), translated: "test".into() }
}

fn address() -> v1::NetAddress {
    v1::NetAddress { network: 1, address: Bytes::from_static(&[1, 2, 3, 4]) }
}

fn everything() -> v1::FoundBlockParam {
    v1::FoundBlockParam {
        want_hash: true,
        want_height: true,
        want_time: true,
        want_max_time: true,
        want_median_time_past: true,
        want_in_active_chain: true,
        want_locator: false,
        next_block: Some(Box::new(v1::FoundBlockParam { want_height: true, ..Default::default() })),
        want_data: true,
    }
}

/// A request of each unary method on a root object that a node should answer; none for the few that
/// would end the node or lose what it knows.
pub(super) fn sane(method: Method) -> Option<Request> {
    let request = match method {
        Method::ChainBlockFilterMatchesAny => v1::ChainBlockFilterMatchesAnyRequest {
            block_hash: genesis(),
            filter_set: vec![Bytes::from_static(&[0x51])],
            ..Default::default()
        }
        .into_request(),
        Method::ChainBroadcastTransaction => {
            v1::ChainBroadcastTransactionRequest { tx: transaction(), ..Default::default() }
                .into_request()
        }
        Method::ChainCalculateCombinedBumpFee => v1::ChainCalculateCombinedBumpFeeRequest {
            outpoints: vec![outpoint()],
            target_feerate: Some(v1::FeeRate { sat_per_kvb: 1000 }),
        }
        .into_request(),
        Method::ChainCalculateIndividualBumpFees => v1::ChainCalculateIndividualBumpFeesRequest {
            outpoints: vec![outpoint()],
            target_feerate: Some(v1::FeeRate { sat_per_kvb: 1000 }),
        }
        .into_request(),
        Method::ChainCheckChainLimits => {
            v1::ChainCheckChainLimitsRequest { tx: transaction() }.into_request()
        }
        Method::ChainDeleteRwSettings => {
            v1::ChainDeleteRwSettingsRequest { name: "foo".into(), action: 0 }.into_request()
        }
        Method::ChainEstimateMaxBlocks => {
            v1::ChainEstimateMaxBlocksRequest::default().into_request()
        }
        Method::ChainEstimateSmartFee => v1::ChainEstimateSmartFeeRequest {
            conf_target: 6,
            conservative: false,
            want_calc: true,
        }
        .into_request(),
        Method::ChainFindAncestorByHash => v1::ChainFindAncestorByHashRequest {
            block_hash: genesis(),
            ancestor_hash: genesis(),
            ancestor: Some(everything()),
        }
        .into_request(),
        Method::ChainFindAncestorByHeight => v1::ChainFindAncestorByHeightRequest {
            block_hash: genesis(),
            ancestor_height: 0,
            ancestor: Some(everything()),
        }
        .into_request(),
        Method::ChainFindBlock => {
            v1::ChainFindBlockRequest { hash: genesis(), block: Some(everything()) }.into_request()
        }
        Method::ChainFindCoins => {
            v1::ChainFindCoinsRequest { outpoints: vec![outpoint()] }.into_request()
        }
        Method::ChainFindCommonAncestor => v1::ChainFindCommonAncestorRequest {
            block_hash_1: genesis(),
            block_hash_2: genesis(),
            ancestor: Some(everything()),
            ..Default::default()
        }
        .into_request(),
        Method::ChainFindFirstBlockWithTimeAndHeight => {
            v1::ChainFindFirstBlockWithTimeAndHeightRequest {
                min_time: 0,
                min_height: 5,
                block: Some(everything()),
            }
            .into_request()
        }
        Method::ChainFindLocatorFork => v1::ChainFindLocatorForkRequest {
            locator: Some(v1::BlockLocator { block_hashes: vec![genesis()] }),
        }
        .into_request(),
        Method::ChainGetBlockHash => v1::ChainGetBlockHashRequest { height: 3 }.into_request(),
        Method::ChainGetHeight => v1::ChainGetHeightRequest::default().into_request(),
        Method::ChainGetPackageLimits => v1::ChainGetPackageLimitsRequest::default().into_request(),
        Method::ChainGetPruneHeight => v1::ChainGetPruneHeightRequest::default().into_request(),
        Method::ChainGetRwSetting => {
            v1::ChainGetRwSettingRequest { name: "foo".into() }.into_request()
        }
        Method::ChainGetSetting => {
            v1::ChainGetSettingRequest { name: "listen".into() }.into_request()
        }
        Method::ChainGetSettingsList => {
            v1::ChainGetSettingsListRequest { name: "listen".into() }.into_request()
        }
        Method::ChainGetTransactionAncestry => {
            v1::ChainGetTransactionAncestryRequest { txid: hash(1) }.into_request()
        }
        Method::ChainGuessVerificationProgress => {
            v1::ChainGuessVerificationProgressRequest { block_hash: genesis() }.into_request()
        }
        Method::ChainHasAssumedValidChain => {
            v1::ChainHasAssumedValidChainRequest::default().into_request()
        }
        Method::ChainHasBlockFilterIndex => {
            v1::ChainHasBlockFilterIndexRequest::default().into_request()
        }
        Method::ChainHasBlocks => {
            v1::ChainHasBlocksRequest { block_hash: genesis(), min_height: 0, max_height: Some(5) }
                .into_request()
        }
        Method::ChainHasDescendantsInMempool => {
            v1::ChainHasDescendantsInMempoolRequest { txid: hash(1) }.into_request()
        }
        Method::ChainHaveBlockOnDisk => {
            v1::ChainHaveBlockOnDiskRequest { height: 3 }.into_request()
        }
        Method::ChainHavePruned => v1::ChainHavePrunedRequest::default().into_request(),
        Method::ChainInitError => {
            v1::ChainInitErrorRequest { message: Some(text()) }.into_request()
        }
        Method::ChainInitMessage => {
            v1::ChainInitMessageRequest { message: "test".into() }.into_request()
        }
        Method::ChainInitWarning => {
            v1::ChainInitWarningRequest { message: Some(text()) }.into_request()
        }
        Method::ChainIsInMempool => v1::ChainIsInMempoolRequest { txid: hash(1) }.into_request(),
        Method::ChainIsInitialBlockDownload => {
            v1::ChainIsInitialBlockDownloadRequest::default().into_request()
        }
        Method::ChainIsRbfOptIn => v1::ChainIsRbfOptInRequest { tx: transaction() }.into_request(),
        Method::ChainIsReadyToBroadcast => {
            v1::ChainIsReadyToBroadcastRequest::default().into_request()
        }
        Method::ChainMempoolMinFee => v1::ChainMempoolMinFeeRequest::default().into_request(),
        Method::ChainOverwriteRwSetting => v1::ChainOverwriteRwSettingRequest {
            name: "foo".into(),
            value: "\"1\"".into(),
            action: 0,
        }
        .into_request(),
        Method::ChainRelayDustFee => v1::ChainRelayDustFeeRequest::default().into_request(),
        Method::ChainRelayIncrementalFee => {
            v1::ChainRelayIncrementalFeeRequest::default().into_request()
        }
        Method::ChainRelayMinFee => v1::ChainRelayMinFeeRequest::default().into_request(),
        Method::ChainRpcEnableDeprecated => {
            v1::ChainRpcEnableDeprecatedRequest { method: "accounts".into() }.into_request()
        }
        Method::ChainShowProgress => v1::ChainShowProgressRequest {
            title: "test".into(),
            progress: 5,
            resume_possible: false,
        }
        .into_request(),
        Method::ChainShutdownRequested => {
            v1::ChainShutdownRequestedRequest::default().into_request()
        }
        Method::ChainWaitForNotifications => {
            v1::ChainWaitForNotificationsRequest::default().into_request()
        }
        Method::ChainWaitForNotificationsIfTipChanged => {
            v1::ChainWaitForNotificationsIfTipChangedRequest { old_tip: genesis() }.into_request()
        }
        Method::EchoEcho => v1::EchoEchoRequest { echo: "hello".into() }.into_request(),
        Method::MiningCheckBlock => v1::MiningCheckBlockRequest {
            block: block(),
            options: Some(v1::BlockCheckOptions {
                check_merkle_root: Some(false),
                check_pow: Some(false),
            }),
        }
        .into_request(),
        Method::MiningGetTip => v1::MiningGetTipRequest::default().into_request(),
        Method::MiningGetTransactionsByTxId => {
            v1::MiningGetTransactionsByTxIdRequest { txids: vec![hash(1), hash(2), hash(1)] }
                .into_request()
        }
        Method::MiningGetTransactionsByWitnessId => {
            v1::MiningGetTransactionsByWitnessIdRequest { wtxids: vec![hash(1), hash(2), hash(1)] }
                .into_request()
        }
        Method::MiningInterrupt => v1::MiningInterruptRequest::default().into_request(),
        Method::MiningIsInitialBlockDownload => {
            v1::MiningIsInitialBlockDownloadRequest::default().into_request()
        }
        Method::MiningIsTestChain => v1::MiningIsTestChainRequest::default().into_request(),
        Method::MiningSubmitBlock => v1::MiningSubmitBlockRequest { block: block() }.into_request(),
        Method::MiningWaitTipChanged => {
            v1::MiningWaitTipChangedRequest { current_tip: genesis(), timeout_ms: Some(100.0) }
                .into_request()
        }
        Method::NodeAppInitMain => v1::NodeAppInitMainRequest::default().into_request(),
        Method::NodeAppShutdown => v1::NodeAppShutdownRequest::default().into_request(),
        Method::NodeBan => {
            v1::NodeBanRequest { address: Some(address()), duration_s: 10 }.into_request()
        }
        Method::NodeBaseInitialize => v1::NodeBaseInitializeRequest::default().into_request(),
        Method::NodeBroadcastTransaction => {
            v1::NodeBroadcastTransactionRequest { tx: transaction(), max_tx_fee_sat: 1000 }
                .into_request()
        }
        Method::NodeDisconnectByAddress => {
            v1::NodeDisconnectByAddressRequest { address: Some(address()) }.into_request()
        }
        Method::NodeDisconnectById => v1::NodeDisconnectByIdRequest::default().into_request(),
        Method::NodeExecuteRpc => v1::NodeExecuteRpcRequest {
            method: "getblockcount".into(),
            params: "[]".into(),
            uri: String::new(),
        }
        .into_request(),
        Method::NodeForceSetting => {
            v1::NodeForceSettingRequest { name: "foo".into(), value: "null".into() }.into_request()
        }
        Method::NodeGetBanned => v1::NodeGetBannedRequest::default().into_request(),
        Method::NodeGetBestBlockHash => v1::NodeGetBestBlockHashRequest::default().into_request(),
        Method::NodeGetDustRelayFee => v1::NodeGetDustRelayFeeRequest::default().into_request(),
        Method::NodeGetExitStatus => v1::NodeGetExitStatusRequest::default().into_request(),
        Method::NodeGetHeaderTip => v1::NodeGetHeaderTipRequest::default().into_request(),
        Method::NodeGetLastBlockTime => v1::NodeGetLastBlockTimeRequest::default().into_request(),
        Method::NodeGetLogCategories => v1::NodeGetLogCategoriesRequest::default().into_request(),
        Method::NodeGetMempoolDynamicUsage => {
            v1::NodeGetMempoolDynamicUsageRequest::default().into_request()
        }
        Method::NodeGetMempoolMaxUsage => {
            v1::NodeGetMempoolMaxUsageRequest::default().into_request()
        }
        Method::NodeGetMempoolSize => v1::NodeGetMempoolSizeRequest::default().into_request(),
        Method::NodeGetNetLocalAddresses => {
            v1::NodeGetNetLocalAddressesRequest::default().into_request()
        }
        Method::NodeGetNetworkActive => v1::NodeGetNetworkActiveRequest::default().into_request(),
        Method::NodeGetNodeCount => v1::NodeGetNodeCountRequest { directions: 3 }.into_request(),
        Method::NodeGetNodesStats => v1::NodeGetNodesStatsRequest::default().into_request(),
        Method::NodeGetNumBlocks => v1::NodeGetNumBlocksRequest::default().into_request(),
        Method::NodeGetPersistentSetting => {
            v1::NodeGetPersistentSettingRequest { name: "listen".into() }.into_request()
        }
        Method::NodeGetProxy => v1::NodeGetProxyRequest { network: 1 }.into_request(),
        Method::NodeGetTotalBytesRecv => v1::NodeGetTotalBytesRecvRequest::default().into_request(),
        Method::NodeGetTotalBytesSent => v1::NodeGetTotalBytesSentRequest::default().into_request(),
        Method::NodeGetUnspentOutput => {
            v1::NodeGetUnspentOutputRequest { outpoint: Some(outpoint()) }.into_request()
        }
        Method::NodeGetVerificationProgress => {
            v1::NodeGetVerificationProgressRequest::default().into_request()
        }
        Method::NodeGetWarnings => v1::NodeGetWarningsRequest::default().into_request(),
        Method::NodeInitLogging => v1::NodeInitLoggingRequest::default().into_request(),
        Method::NodeInitParameterInteraction => {
            v1::NodeInitParameterInteractionRequest::default().into_request()
        }
        Method::NodeIsInitialBlockDownload => {
            v1::NodeIsInitialBlockDownloadRequest::default().into_request()
        }
        Method::NodeIsLoadingBlocks => v1::NodeIsLoadingBlocksRequest::default().into_request(),
        Method::NodeIsSettingIgnored => {
            v1::NodeIsSettingIgnoredRequest { name: "listen".into() }.into_request()
        }
        Method::NodeListRpcCommands => v1::NodeListRpcCommandsRequest::default().into_request(),
        Method::NodeMapPort => v1::NodeMapPortRequest::default().into_request(),
        Method::NodeSetNetworkActive => {
            v1::NodeSetNetworkActiveRequest { active: true }.into_request()
        }
        Method::NodeShutdownRequested => v1::NodeShutdownRequestedRequest::default().into_request(),
        Method::NodeUnban => v1::NodeUnbanRequest { subnet: "1.2.3.4/32".into() }.into_request(),
        Method::NodeUpdateRwSetting => {
            v1::NodeUpdateRwSettingRequest { name: "foo".into(), value: "\"1\"".into() }
                .into_request()
        }
        Method::RpcExecuteRpc => v1::RpcExecuteRpcRequest {
            request: r#"{"jsonrpc":"2.0","id":1,"method":"getblockcount","params":[]}"#.into(),
            ..Default::default()
        }
        .into_request(),
        Method::WalletLoaderGetWalletDir => {
            v1::WalletLoaderGetWalletDirRequest::default().into_request()
        }
        Method::WalletLoaderIsEncrypted => {
            v1::WalletLoaderIsEncryptedRequest { name: "none".into() }.into_request()
        }
        Method::WalletLoaderListWalletDir => {
            v1::WalletLoaderListWalletDirRequest::default().into_request()
        }
        Method::WalletLoaderLoad => v1::WalletLoaderLoadRequest::default().into_request(),
        Method::WalletLoaderSchedulerMockForward => {
            v1::WalletLoaderSchedulerMockForwardRequest { delta_seconds: 5 }.into_request()
        }
        Method::WalletLoaderSetMockTime => {
            v1::WalletLoaderSetMockTimeRequest { unix_time: 0 }.into_request()
        }
        Method::WalletLoaderVerify => v1::WalletLoaderVerifyRequest::default().into_request(),
        _ => return None,
    };
    Some(request)
}

/// Requests of which each has ended some real node, with what is wrong with them.
pub(super) fn deadly() -> Vec<(&'static str, Request)> {
    let short = || Bytes::from_static(&[1; 31]);
    let junk = || Bytes::from_static(&[0; 10]);
    let no_inputs = || Bytes::from(hex("02000000000100e1f505000000000000000000"));
    let deep = |levels| {
        let mut param = everything();
        for _ in 0..levels {
            param = v1::FoundBlockParam {
                want_data: true,
                next_block: Some(Box::new(param)),
                ..Default::default()
            };
        }
        Some(param)
    };
    let setting = |value: &str| v1::ChainOverwriteRwSettingRequest {
        name: "printpriority".into(),
        value: value.into(),
        action: 1,
    };
    let rate = |sat_per_kvb| v1::ChainCalculateCombinedBumpFeeRequest {
        outpoints: vec![outpoint()],
        target_feerate: Some(v1::FeeRate { sat_per_kvb }),
    };
    vec![
        ("negative height", v1::ChainGetBlockHashRequest { height: -1 }.into_request()),
        ("height above the tip", v1::ChainGetBlockHashRequest { height: 1_000_000 }.into_request()),
        ("highest height", v1::ChainGetBlockHashRequest { height: i32::MAX }.into_request()),
        ("lowest height", v1::ChainHaveBlockOnDiskRequest { height: i32::MIN }.into_request()),
        (
            "short hash",
            v1::ChainFindBlockRequest { hash: short(), ..Default::default() }.into_request(),
        ),
        ("no hash", v1::ChainFindBlockRequest::default().into_request()),
        (
            "nested 31 deep",
            v1::ChainFindBlockRequest { hash: genesis(), block: deep(30) }.into_request(),
        ),
        (
            "nested 100 deep",
            v1::ChainFindBlockRequest { hash: genesis(), block: deep(100) }.into_request(),
        ),
        (
            "negative maximum height",
            v1::ChainHasBlocksRequest {
                block_hash: genesis(),
                min_height: 0,
                max_height: Some(-1),
            }
            .into_request(),
        ),
        (
            "short hash in a locator",
            v1::ChainFindLocatorForkRequest {
                locator: Some(v1::BlockLocator { block_hashes: vec![short()] }),
            }
            .into_request(),
        ),
        ("no locator", v1::ChainFindLocatorForkRequest::default().into_request()),
        (
            "short outpoint",
            v1::ChainFindCoinsRequest { outpoints: vec![v1::OutPoint { txid: short(), vout: 0 }] }
                .into_request(),
        ),
        ("no transaction", v1::ChainIsRbfOptInRequest::default().into_request()),
        (
            "junk for a transaction",
            v1::ChainBroadcastTransactionRequest { tx: junk(), ..Default::default() }
                .into_request(),
        ),
        (
            "no inputs",
            v1::ChainBroadcastTransactionRequest { tx: no_inputs(), ..Default::default() }
                .into_request(),
        ),
        ("no transaction", v1::ChainCheckChainLimitsRequest::default().into_request()),
        (
            "private broadcast",
            v1::ChainBroadcastTransactionRequest {
                tx: transaction(),
                max_tx_fee_sat: 0,
                broadcast_method: 2,
            }
            .into_request(),
        ),
        (
            "unknown broadcast method",
            v1::ChainBroadcastTransactionRequest {
                tx: transaction(),
                max_tx_fee_sat: 0,
                broadcast_method: 9,
            }
            .into_request(),
        ),
        ("short txid", v1::ChainIsInMempoolRequest { txid: short() }.into_request()),
        ("unknown txid", v1::ChainGetTransactionAncestryRequest { txid: hash(9) }.into_request()),
        ("highest fee rate", rate(i64::MAX).into_request()),
        ("negative fee rate", rate(-1).into_request()),
        ("number as a setting", setting("1").into_request()),
        ("object as a setting", setting("{}").into_request()),
        ("broken JSON as a setting", setting("{").into_request()),
        (
            "no tip known",
            v1::ChainWaitForNotificationsIfTipChangedRequest { old_tip: short() }.into_request(),
        ),
        (
            "short tip",
            v1::MiningWaitTipChangedRequest { current_tip: short(), timeout_ms: Some(1.0) }
                .into_request(),
        ),
        (
            "not a number",
            v1::MiningWaitTipChangedRequest { current_tip: genesis(), timeout_ms: Some(f64::NAN) }
                .into_request(),
        ),
        (
            "negative timeout",
            v1::MiningWaitTipChangedRequest { current_tip: genesis(), timeout_ms: Some(-1.0) }
                .into_request(),
        ),
        ("interrupt", v1::MiningInterruptRequest::default().into_request()),
        (
            "junk for a block",
            v1::MiningCheckBlockRequest { block: junk(), options: None }.into_request(),
        ),
        ("junk for a block", v1::MiningSubmitBlockRequest { block: junk() }.into_request()),
        (
            "10000 times one id",
            v1::MiningGetTransactionsByTxIdRequest { txids: vec![hash(1); 10_000] }.into_request(),
        ),
        (
            "short id",
            v1::MiningGetTransactionsByTxIdRequest { txids: vec![short()] }.into_request(),
        ),
        (
            "a template with too little room",
            v1::MiningCreateNewBlockRequest {
                options: Some(v1::BlockCreateOptions {
                    block_reserved_weight: Some(1999),
                    ..Default::default()
                }),
                cooldown: None,
            }
            .into_request(),
        ),
        (
            "initialise again",
            v1::NodeBaseInitializeRequest { global_args: Some(v1::GlobalArgs::default()) }
                .into_request(),
        ),
        ("start again", v1::NodeAppInitMainRequest::default().into_request()),
        ("shut down at once", v1::NodeAppShutdownRequest::default().into_request()),
        ("unknown network", v1::NodeGetProxyRequest { network: 7 }.into_request()),
        ("negative network", v1::NodeGetProxyRequest { network: -1 }.into_request()),
        (
            "short address",
            v1::NodeBanRequest {
                address: Some(v1::NetAddress { network: 1, address: junk() }),
                duration_s: 1,
            }
            .into_request(),
        ),
        ("no address", v1::NodeBanRequest::default().into_request()),
        (
            "ban for ever",
            v1::NodeBanRequest { address: Some(address()), duration_s: i64::MAX }.into_request(),
        ),
        ("no outpoint", v1::NodeGetUnspentOutputRequest::default().into_request()),
        (
            "short outpoint",
            v1::NodeGetUnspentOutputRequest {
                outpoint: Some(v1::OutPoint { txid: short(), vout: 0 }),
            }
            .into_request(),
        ),
        (
            "no inputs",
            v1::NodeBroadcastTransactionRequest { tx: no_inputs(), max_tx_fee_sat: 0 }
                .into_request(),
        ),
        ("no transaction", v1::NodeBroadcastTransactionRequest::default().into_request()),
        (
            "broken JSON",
            v1::NodeExecuteRpcRequest {
                method: "getblockcount".into(),
                params: "[".into(),
                uri: String::new(),
            }
            .into_request(),
        ),
        (
            "number as a setting",
            v1::NodeUpdateRwSettingRequest { name: "foo".into(), value: "1".into() }.into_request(),
        ),
        (
            "list as a setting that is a text",
            v1::NodeForceSettingRequest { name: "blockmintxfee".into(), value: r#"["a"]"#.into() }
                .into_request(),
        ),
        (
            "lists in lists as a setting",
            v1::NodeForceSettingRequest { name: "foo".into(), value: "[[1]]".into() }
                .into_request(),
        ),
        (
            "broken JSON",
            v1::RpcExecuteRpcRequest { request: "{".into(), ..Default::default() }.into_request(),
        ),
        (
            "time beyond the clock",
            v1::WalletLoaderSetMockTimeRequest { unix_time: 9_223_372_037 }.into_request(),
        ),
        ("time before 1970", v1::WalletLoaderSetMockTimeRequest { unix_time: -1 }.into_request()),
        (
            "no step",
            v1::WalletLoaderSchedulerMockForwardRequest { delta_seconds: 0 }.into_request(),
        ),
    ]
}
