//! What real nodes answered, asked again in the words of `call`.

use bitcoin_grpc_call::CallError;
use tonic::Code;

use super::plain::Plain;
use super::world::{said, session};
use crate::suite::golden::recorded::{Contract, golden_lines};
use crate::suite::golden::{CHANGES, READS, proxy};

/// Calls of the recording that the proxy refuses: feerates below zero.
const REFUSED: [&str; 1] = ["calculateIndividualBumpFees"];

/// Reads of the recorded run that a node answered.
const RECORDED: usize = 263;

#[tokio::test]
async fn recorded_reads_are_typed_and_shown_as_they_were() {
    const PROFILE: &str = "pr29409-2025-05";
    let (contract, plain) = (Contract::load(), Plain::load());
    let proxy = proxy::start(PROFILE).await;
    let session = session(proxy.address()).await;
    let (mut agreed, mut refused, mut hashes) = (0, Vec::new(), 0);
    for record in golden_lines(PROFILE) {
        let method = record["method"].as_str().unwrap_or_default();
        let wanted = record["run"] == "base" && record["interface"] == "Chain";
        if wanted && CHANGES.contains(&method) {
            break;
        }
        if !wanted || !READS.contains(&method) || record.get("error").is_some() {
            continue;
        }
        let rpc = contract.rpc("Chain", method);
        let request = plain.json(&contract.request(rpc, PROFILE, &record["params"])).to_string();
        let expected = plain.json(&contract.response(rpc, PROFILE, &record));
        match said(&session, &format!("chain.{method}"), &[request], 2).await {
            Ok(lines) => {
                let shown: Vec<serde_json::Value> =
                    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
                assert_eq!(shown, [expected], "seq {}", record["seq"]);
                agreed += 1;
                hashes += usize::from(lines[0].contains("hash"));
            }
            Err(CallError::Failed(status)) if status.code() == Code::InvalidArgument => {
                refused.push(method.to_owned());
            }
            Err(error) => panic!("seq {} {method}: {error}", record["seq"]),
        }
    }
    assert_eq!(refused, REFUSED);
    assert_eq!(agreed, RECORDED - REFUSED.len());
    assert!(hashes > 20, "only {hashes} answers have a hash");
}
