//! Bounds of the contract that real nodes do not have.
//!
//! The contract holds requests against bounds that keep a node from harm, or its clients from surprises. A node knows
//! only some of them. Where it has an answer to what the contract refuses, so has the devnode.

use bitcoin_grpc_contract::{Method, Request, Violation};

/// Fields that a node reads whatever their value; it answers, or fails in its own words.
const READ_AS_THEY_ARE: &[(Method, &str)] = &[
    (Method::BlockTemplateSubmitSolution, "coinbase"),
    (Method::BlockTemplateWaitNext, "options.fee_threshold_sat"),
    (Method::BlockTemplateWaitNext, "options.timeout_ms"),
    (Method::ChainBroadcastTransaction, "max_tx_fee_sat"),
    (Method::ChainDeleteRwSettings, "action"),
    (Method::ChainInitError, "message"),
    (Method::ChainInitWarning, "message"),
    (Method::ChainOverwriteRwSetting, "action"),
    (Method::ChainShowProgress, "progress"),
    (Method::ChainOverwriteRwSetting, "value"),
    (Method::MiningCreateNewBlock, "options.block_reserved_weight"),
    (Method::MiningCreateNewBlock, "options.coinbase_output_max_additional_sigops"),
    (Method::MiningWaitTipChanged, "timeout_ms"),
    (Method::NodeBan, "duration_s"),
    (Method::NodeBan, "address"),
    (Method::NodeBan, "address.network"),
    (Method::NodeBaseInitialize, "global_args"),
    (Method::NodeBroadcastTransaction, "max_tx_fee_sat"),
    (Method::NodeDisconnectByAddress, "address"),
    (Method::NodeExecuteRpc, "params"),
    (Method::NodeForceSetting, "value"),
    (Method::NodeGetNodeCount, "directions"),
    (Method::NodeGetProxy, "network"),
    (Method::NodeGetUnspentOutput, "outpoint"),
    (Method::NodeUnban, "subnet"),
    (Method::NodeUpdateRwSetting, "value"),
    (Method::RpcExecuteRpc, "request"),
];

/// What the contract says of values inside values inside values; a node reads more of them.
const NESTED: &str = "is nested more than";

/// The first fault of a request that a node would stumble over too.
pub(super) fn violation(request: &Request) -> Option<Violation> {
    let method = request.method();
    let tolerated = |violation: &Violation| {
        violation.description.starts_with(NESTED)
            || READ_AS_THEY_ARE.iter().any(|(of, field)| *of == method && *field == violation.field)
    };
    request.check().err()?.into_iter().find(|violation| !tolerated(violation))
}

#[cfg(test)]
mod tests {
    use bitcoin_grpc_contract::v1;

    use super::*;

    #[test]
    fn only_what_nodes_read_is_let_through() {
        let proxy = |network| Request::NodeGetProxy(v1::NodeGetProxyRequest { network });
        assert!(proxy(99).check().is_err());
        assert_eq!(violation(&proxy(99)), None);
        let short = v1::ChainFindBlockRequest { hash: vec![7; 31].into(), block: None };
        assert_eq!(violation(&Request::ChainFindBlock(short)).unwrap().field, "hash");
    }
}
