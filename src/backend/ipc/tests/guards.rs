//! What is sent or refused depending on what the node says of itself: its settings, and its network.

use bitcoin_grpc_contract::{Method, Reply, Request, Unary, v1};
use tokio::time::timeout;

use super::requests::{sane, transaction};
use super::{Bench, Hold, LONG, local, now, settle};

const FEBRUARY: &str = "pr10102-2026-02";

/// Asks a node that has one setting, for which it gives this JSON, and nothing else set. Whether the request was sent;
/// what is not is refused for safety, or names a field.
async fn sent(request: Request, setting: &'static str, value: &'static str) -> bool {
    let answer = move |request: Request| match request {
        Request::ChainGetSetting(q) => {
            let value = if q.name == setting { value } else { "null" }.to_owned();
            now(Reply::ChainGetSetting(v1::ChainGetSettingResponse { value }))
        }
        Request::ChainGetSettingsList(q) => {
            let values: Vec<serde_json::Value> = serde_json::from_str(value).unwrap();
            let values = if q.name == setting { values } else { Vec::new() };
            let values = values.iter().map(ToString::to_string).collect();
            now(Reply::ChainGetSettingsList(v1::ChainGetSettingsListResponse { values }))
        }
        Request::MiningIsTestChain(_) => {
            let test_chain = (setting, value) == ("network", "test");
            now(Reply::MiningIsTestChain(v1::MiningIsTestChainResponse { test_chain }))
        }
        _ => None,
    };
    let (bench, method) = (Bench::start(FEBRUARY, answer, |_| {}).await, request.method());
    let answer = timeout(LONG, bench.send_any(request)).await.expect("an answer in time");
    let count = bench.node.count(method);
    let reason = answer.map_or_else(|error| error.reason(), |_| "");
    let refused = ["REFUSED_FOR_SAFETY", "INVALID_FIELD"].contains(&reason);
    assert_eq!(count, usize::from(!refused), "{method:?}: {reason}");
    count == 1
}

fn private() -> Request {
    Request::ChainBroadcastTransaction(v1::ChainBroadcastTransactionRequest {
        tx: transaction(),
        max_tx_fee_sat: 0,
        broadcast_method: v1::BroadcastMethod::PrivateBroadcast.into(),
    })
}

/// What changes a setting of this name.
fn changes(name: &str) -> [Request; 3] {
    let (name, value) = (name.to_owned(), "false".to_owned());
    let overwrite = v1::ChainOverwriteRwSettingRequest {
        name: name.clone(),
        value: value.clone(),
        ..Default::default()
    };
    let update = v1::NodeUpdateRwSettingRequest { name: name.clone(), value: value.clone() };
    [
        Request::ChainOverwriteRwSetting(overwrite),
        Request::NodeUpdateRwSetting(update),
        Request::NodeForceSetting(v1::NodeForceSettingRequest { name, value }),
    ]
}

/// By these it is known what would end the node. It would not be known any more.
#[test]
fn settings_that_are_looked_at_stay() {
    local(async || {
        let stay = [("server", false), ("signer", false), ("settings", false), ("rest", true)];
        for (name, expected) in stay {
            for request in changes(name) {
                let words = format!("{request:?}");
                assert_eq!(sent(request, "network", "null").await, expected, "{words}");
            }
        }
    });
}

#[test]
fn settings_decide_what_a_node_survives() {
    use Method::{ChainDeleteRwSettings, ChainOverwriteRwSetting, ChainRpcEnableDeprecated};
    let of = |method| sane(method).unwrap();
    let signers = || Request::NodeListExternalSigners(v1::NodeListExternalSignersRequest {});
    let cases = [
        // All that it lists has to be text.
        (of(ChainRpcEnableDeprecated), "deprecatedrpc", "[]", true),
        (of(ChainRpcEnableDeprecated), "deprecatedrpc", r#"["a", true]"#, true),
        (of(ChainRpcEnableDeprecated), "deprecatedrpc", r#"["a", 1]"#, false),
        (of(ChainRpcEnableDeprecated), "deprecatedrpc", "[null]", false),
        // A switch, as the node reads it.
        (private(), "privatebroadcast", "null", false),
        (private(), "privatebroadcast", "false", false),
        (private(), "privatebroadcast", r#""0""#, false),
        (private(), "privatebroadcast", r#""no""#, false),
        (private(), "privatebroadcast", r#""""#, true),
        (private(), "privatebroadcast", r#""1""#, true),
        (private(), "privatebroadcast", "true", true),
        // A program that may be missing, or fail.
        (signers(), "signer", "null", true),
        (signers(), "signer", "false", true),
        (signers(), "signer", r#""""#, true),
        (signers(), "signer", r#""/bin/false""#, false),
        (signers(), "signer", "true", false),
        // There has to be a file to write to.
        (of(ChainOverwriteRwSetting), "settings", "null", true),
        (of(ChainOverwriteRwSetting), "settings", r#""other.json""#, true),
        (of(ChainOverwriteRwSetting), "settings", "false", false),
        (of(ChainDeleteRwSettings), "settings", "false", false),
        // Time stands still for tests only.
        (of(Method::WalletLoaderSetMockTime), "network", "test", true),
        (of(Method::WalletLoaderSetMockTime), "network", "main", false),
        (of(Method::WalletLoaderSchedulerMockForward), "network", "main", false),
    ];
    local(async || {
        for (request, setting, value, expected) in cases {
            let words = format!("{request:?} with {setting}={value}");
            assert_eq!(sent(request, setting, value).await, expected, "{words}");
        }
    });
}

/// Each would wait for the end of one thread, of which only one is told.
/// The node counts nanoseconds in 64 bits.
#[test]
fn a_time_beyond_the_nodes_clock_is_not_set() {
    local(async || {
        for (unix_time, expected) in [(9_223_372_036, true), (9_223_372_037, false)] {
            let request = v1::WalletLoaderSetMockTimeRequest { unix_time }.into_request();
            assert_eq!(sent(request, "network", "test").await, expected, "{unix_time}");
        }
    });
}

#[test]
fn ports_are_mapped_by_one_call_at_a_time() {
    local(async || {
        let hold = Hold::new();
        let held = hold.clone();
        let answer = move |request| match request {
            Request::NodeMapPort(_) => {
                held.answer(Reply::NodeMapPort(v1::NodeMapPortResponse::default()))
            }
            _ => None,
        };
        let bench = Bench::start(FEBRUARY, answer, |_| {}).await;
        let map = || Request::NodeMapPort(v1::NodeMapPortRequest::default());
        let (first, second) = (bench.send_any(map()), bench.send_any(map()));
        settle().await;
        assert_eq!(bench.node.count(Method::NodeMapPort), 1);
        hold.release();
        assert!(first.await.is_ok() && second.await.is_ok());
        assert_eq!(bench.node.count(Method::NodeMapPort), 2);
    });
}
