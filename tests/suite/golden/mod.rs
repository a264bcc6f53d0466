//! What real nodes answered, asked again over gRPC: the recorded chain in the embedded node, the
//! proxy in front of it, as programs of their own would meet them.
//!
//! `recorded` turns a recording into messages by the contract's model alone, with none of the glue;
//! `proxy` starts both sides.

pub(crate) mod proxy;
pub(crate) mod recorded;

use std::collections::BTreeMap;

use prost_reflect::prost::Message as _;

use recorded::{Contract, golden_lines};

/// Reads of the chain, the mempool and the fees. (Settings are left out: the recorded run changes
/// them through callbacks, which are not served yet.)
pub(crate) const READS: [&str; 31] = [
    "getHeight",
    "getBlockHash",
    "haveBlockOnDisk",
    "findLocatorFork",
    "hasBlockFilterIndex",
    "blockFilterMatchesAny",
    "findBlock",
    "findFirstBlockWithTimeAndHeight",
    "findAncestorByHeight",
    "findAncestorByHash",
    "findCommonAncestor",
    "findCoins",
    "guessVerificationProgress",
    "hasBlocks",
    "isRBFOptIn",
    "isInMempool",
    "hasDescendantsInMempool",
    "getTransactionAncestry",
    "calculateIndividualBumpFees",
    "calculateCombinedBumpFee",
    "checkChainLimits",
    "estimateSmartFee",
    "estimateMaxBlocks",
    "mempoolMinFee",
    "relayMinFee",
    "relayDustFee",
    "havePruned",
    "getPruneHeight",
    "isInitialBlockDownload",
    "shutdownRequested",
    "hasAssumedValidChain",
];

/// Where the recorded run begins to change the mempool; what is read afterwards depends on methods
/// that not every generation has.
pub(crate) const CHANGES: [&str; 2] = ["broadcastTransaction", "removeTxFromMempool"];

#[derive(Debug, Default)]
struct Tally {
    agreed: BTreeMap<String, usize>,
    refused: Vec<(u64, String)>,
    wrong: Vec<String>,
}

async fn replay(profile: &str) -> Tally {
    let contract = Contract::load();
    let proxy = proxy::start(profile).await;
    let mut tally = Tally::default();
    for record in golden_lines(profile) {
        let method = record["method"].as_str().unwrap_or_default();
        let wanted = record["run"] == "base" && record["interface"] == "Chain";
        if wanted && CHANGES.contains(&method) {
            break;
        }
        if !wanted || !READS.contains(&method) || record.get("error").is_some() {
            continue;
        }
        let rpc = contract.rpc("Chain", method);
        let request = contract.request(rpc, profile, &record["params"]);
        let expected = contract.response(rpc, profile, &record);
        match proxy.call("Chain", &rpc.name, request.encode_to_vec()).await {
            Ok(reply) if contract.same(rpc, &expected, &reply) => {
                *tally.agreed.entry(method.to_owned()).or_default() += 1;
            }
            Ok(reply) => tally.wrong.push(format!(
                "seq {} {method} {}\n recorded {expected}\n got      {}",
                record["seq"],
                record["params"],
                contract.shown(rpc, &reply)
            )),
            Err(status) if status.code() == tonic::Code::InvalidArgument => {
                tally.refused.push((record["seq"].as_u64().unwrap(), method.to_owned()));
            }
            Err(status) => tally.wrong.push(format!("seq {} {method}: {status}", record["seq"])),
        }
    }
    tally
}

/// Calls of the recorded run, by their numbers, that the proxy refuses: feerates below zero.
type Refused = &'static [(u64, &'static str)];

const REFUSED_OF_MAY: Refused = &[(276, "calculateIndividualBumpFees")];

const REFUSED_OF_FEBRUARY: Refused =
    &[(268, "calculateIndividualBumpFees"), (269, "calculateCombinedBumpFee")];

/// Reads of each recorded run that a node answered.
const RECORDED: usize = 263;

/// Every recorded read agrees but for those that are refused, and those alone.
async fn agrees(profile: &str, refused: Refused) {
    let tally = replay(profile).await;
    assert!(tally.wrong.is_empty(), "{} differ:\n{}", tally.wrong.len(), tally.wrong.join("\n"));
    let found: Vec<_> = tally.refused.iter().map(|(seq, method)| (*seq, method.as_str())).collect();
    assert_eq!(found, refused);
    let agreed: usize = tally.agreed.values().sum();
    assert_eq!(agreed, RECORDED - refused.len(), "{:?}", tally.agreed);
}

#[tokio::test]
async fn reads_of_may_2025_agree() {
    agrees("pr29409-2025-05", REFUSED_OF_MAY).await;
}

#[tokio::test]
async fn reads_of_february_2026_agree() {
    agrees("pr10102-2026-02", REFUSED_OF_FEBRUARY).await;
}
