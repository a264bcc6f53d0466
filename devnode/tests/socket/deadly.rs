//! What ends a real node, byte by byte, and next to each what does not.
//!
//! Every deadly call here was seen to end a real node of May 2025, July 2024 or February 2026 (the recordings' `edge` runs
//! and their notes). The calls go out as raw bytes, without the contract's rules.

use bitcoin_grpc_devnode::socket::Deaths;
use serde_json::{Value, json};

use crate::client::{Object, with_world};
use crate::facts::{FactsClient, recorded_node};

/// Generations that die of an exception, and have a Chain.
const MORTAL: [&str; 3] = ["pr10102-2024-07", "pr29409-2025-05", "pr10102-2026-02"];

/// The one that answers with the exception.
const IMMORTAL: &str = "pr10102-2026-07";

const HASH: &str = "dededededededededededededededededededededededededededededededede";

/// A transaction that is well formed, whatever it spends.
fn tx() -> String {
    format!("0200000001{HASH}0000000000ffffffff01e803000000000000015100000000")
}

/// One without inputs, which reads as the marker of a witness.
const NO_INPUTS: &str = "0200000000010100000000000000015100000000";

/// A method, what ends a node, and what it answers.
struct Case {
    interface: &'static str,
    method: &'static str,
    deadly: Vec<Value>,
    harmless: Vec<Value>,
}

fn case(call: &'static str, deadly: Vec<Value>, harmless: Vec<Value>) -> Case {
    let (interface, method) = call.split_once('.').expect("an interface and a method");
    Case { interface, method, deadly, harmless }
}

/// A field that may be a hash: too short, and then unknown, with something behind it, and none.
fn hash(call: &'static str, field: &'static str, others: Value) -> Case {
    let with = |value: Value| {
        let mut params = others.clone();
        params[field] = value;
        params
    };
    let deadly = [json!(""), json!(HASH[2..]), json!("01")].map(with).to_vec();
    let longer = format!("{HASH}00");
    case(call, deadly, [json!(HASH), json!(longer), Value::Null].map(with).to_vec())
}

fn transaction(call: &'static str, others: Value) -> Case {
    let with = |value: Value| {
        let mut params = others.clone();
        params["tx"] = value;
        params
    };
    let deadly = [Value::Null, json!(""), json!(NO_INPUTS), json!(tx()[..tx().len() - 2])];
    let harmless = [json!(tx()), json!(format!("{}7a7a", tx()))];
    case(call, deadly.map(with).to_vec(), harmless.map(with).to_vec())
}

/// The cases of a generation, whose tip has a height.
fn cases(profile: &str, tip: i64) -> Vec<Case> {
    let txid = if profile == "pr10102-2024-07" { "tx" } else { "txid" };
    let feerate = if profile.contains("2026") { 12 } else { 8 };
    let rate = |bytes: usize| "01".repeat(bytes);
    let bump =
        |outpoint: String, rate: String| json!({ "outpoints": [outpoint], "targetFeerate": rate });
    let outpoint = format!("{HASH}00000000");
    let coins = |key: &str, value: Value| json!({ "coins": [{ "key": key, "value": value }] });
    let mut cases = vec![
        case(
            "Chain.getBlockHash",
            [-1, tip + 1, i32::MAX.into(), i32::MIN.into()]
                .map(|h| json!({ "height": h }))
                .to_vec(),
            [0, 1, tip].map(|h| json!({ "height": h })).to_vec(),
        ),
        hash("Chain.findBlock", "hash", json!({})),
        hash("Chain.findAncestorByHeight", "blockHash", json!({ "ancestorHeight": -7 })),
        hash("Chain.findAncestorByHash", "blockHash", json!({ "ancestorHash": HASH })),
        hash("Chain.findAncestorByHash", "ancestorHash", json!({ "blockHash": HASH })),
        hash("Chain.findCommonAncestor", "blockHash1", json!({ "blockHash2": HASH })),
        hash("Chain.findCommonAncestor", "blockHash2", json!({ "blockHash1": HASH })),
        hash("Chain.blockFilterMatchesAny", "blockHash", json!({ "filterSet": ["51"] })),
        hash("Chain.guessVerificationProgress", "blockHash", json!({})),
        hash("Chain.hasBlocks", "blockHash", json!({ "minHeight": -5 })),
        hash("Chain.isInMempool", txid, json!({})),
        hash("Chain.hasDescendantsInMempool", "txid", json!({})),
        hash("Chain.getTransactionAncestry", "txid", json!({})),
        hash("Chain.waitForNotificationsIfTipChanged", "oldTip", json!({})),
        case(
            "Chain.hasBlocks",
            vec![json!({ "blockHash": TIP_OF_ALL, "maxHeight": -1, "hasMaxHeight": true })],
            vec![
                json!({ "blockHash": HASH, "maxHeight": 0, "hasMaxHeight": true }),
                json!({ "blockHash": HASH, "maxHeight": -1, "hasMaxHeight": false }),
            ],
        ),
        case(
            "Chain.findLocatorFork",
            ["", "ffffffffff", "80110100ffffffffffffffffff", &format!("8011010001{}", &HASH[2..])]
                .map(|locator| json!({ "locator": locator }))
                .to_vec(),
            vec![
                json!({ "locator": null }),
                json!({ "locator": "8011010000" }),
                json!({ "locator": format!("8011010001{HASH}797a") }),
            ],
        ),
        case(
            "Chain.findCoins",
            vec![
                coins(&outpoint[2..], Value::Null),
                coins(&outpoint, json!("")),
                coins(&outpoint, json!("80")),
            ],
            vec![
                json!({ "coins": [] }),
                coins(&outpoint, Value::Null),
                coins(&format!("{outpoint}01"), json!("8062270751")),
            ],
        ),
        transaction("Chain.isRBFOptIn", json!({})),
        transaction("Chain.checkChainLimits", json!({})),
        transaction("Chain.broadcastTransaction", json!({})),
    ];
    for call in ["Chain.calculateCombinedBumpFee", "Chain.calculateIndividualBumpFees"] {
        cases.push(case(
            call,
            vec![
                bump(outpoint.clone(), rate(feerate - 1)),
                bump(outpoint[2..].to_owned(), rate(feerate)),
            ],
            vec![
                bump(outpoint.clone(), rate(feerate)),
                json!({ "targetFeerate": rate(feerate + 1) }),
            ],
        ));
    }
    if profile != "pr29409-2025-05" {
        cases.extend(of_node(&outpoint));
    }
    cases
}

/// A hash that every node knows: that of genesis, on regtest.
const TIP_OF_ALL: &str = "06226e46111a0b59caaf126043eb5bbf28c34f3a5e332a1fc7b2b73cf188910f";

fn of_node(outpoint: &str) -> Vec<Case> {
    let address = |hex: &str| json!({ "netAddr": hex, "banTimeOffset": 5 });
    vec![
        transaction("Node.broadcastTransaction", json!({})),
        case(
            "Node.getUnspentOutput",
            ["", "01", &outpoint[2..]].map(|output| json!({ "output": output })).to_vec(),
            [json!(outpoint), json!(format!("{outpoint}00")), Value::Null]
                .map(|output| json!({ "output": output }))
                .to_vec(),
        ),
        case(
            "Node.getProxy",
            [-1, 7, 99].map(|net| json!({ "net": net })).to_vec(),
            [0, 6].map(|net| json!({ "net": net })).to_vec(),
        ),
        case(
            "Node.ban",
            ["", "010401", "01050102030405"].map(address).to_vec(),
            ["010401020304", "63020102"].map(address).to_vec(),
        ),
    ]
}

/// Makes a call on a new connection; gives how it ended and whether a node would have.
async fn call(
    client: &FactsClient,
    object: &Object,
    case: &Case,
    params: &Value,
    deaths: &Deaths,
) -> (Result<(), capnp::Error>, bool) {
    let before = deaths.count();
    let reply = client.call(object, case.interface, case.method, params, &[]).await;
    (reply.map(drop), deaths.count() > before)
}

/// Makes all calls of a generation; gives how many were deadly, and how many were not.
fn try_all(
    profile: &'static str,
    judge: impl Fn(&Case, &Value, bool, Result<(), capnp::Error>, bool),
) -> (usize, usize) {
    let mut counts = (0, 0);
    with_world(profile, recorded_node(profile), async |world| {
        let deaths = world.shared.deaths.clone();
        let tip = i64::from(world.shared.node().height());
        for case in cases(profile, tip) {
            let all = case.deadly.iter().map(|params| (true, params));
            for (deadly, params) in all.chain(case.harmless.iter().map(|params| (false, params))) {
                let client = FactsClient::connect(&world).await;
                let object = client.make(case.interface).await;
                let (reply, died) = call(&client, &object, &case, params, &deaths).await;
                judge(&case, params, deadly, reply, died);
                if deadly {
                    counts.0 += 1
                } else {
                    counts.1 += 1
                }
                client.close().await;
            }
        }
    });
    counts
}

#[test]
fn what_ended_older_nodes_is_a_death_and_its_neighbours_are_answered() {
    for (profile, counts) in MORTAL.into_iter().zip([(80, 69), (67, 60), (80, 69)]) {
        let seen = try_all(profile, |case, params, deadly, reply, died| {
            let said = format!("{profile} {}.{} {params}: {reply:?}", case.interface, case.method);
            assert_eq!(died, deadly, "{said}");
            match reply {
                Ok(()) => assert!(!deadly, "{said}"),
                Err(error) => {
                    assert!(deadly && error.kind == capnp::ErrorKind::Disconnected, "{said}")
                }
            }
        });
        assert_eq!(seen, counts, "{profile}");
    }
}

/// Where an exception is an answer, bytes that cannot be read are one. Null pointers and failed assertions are deaths.
#[test]
fn newer_nodes_answer_with_the_exception() {
    let seen = try_all(IMMORTAL, |case, params, deadly, reply, died| {
        let said = format!("{}.{} {params}: {reply:?}", case.interface, case.method);
        let asserted = ["getBlockHash", "getProxy"].contains(&case.method)
            || params["maxHeight"] == -1
            || params.get("tx").is_some_and(Value::is_null);
        match (deadly, asserted) {
            (true, true) => assert!(died, "{said}"),
            (true, false) => {
                let error = reply.expect_err(&said);
                assert!(!died && error.extra.contains("end of data"), "{said}");
            }
            (false, _) => assert!(!died && reply.is_ok(), "{said}"),
        }
    });
    assert_eq!(seen, (80, 69));
}

/// Half of a surrogate pair ends the reading of JSON. In a list of parameters that is the end of the list.
#[test]
fn a_parameter_with_a_name_and_no_value_is_a_death() {
    let profile = "pr10102-2026-02";
    let mut seen = Vec::new();
    with_world(profile, recorded_node(profile), async |world| {
        let texts = [r#"{"command":"\ud800"}"#, r#"["\ud800"]"#, r#"{"command":"help"}"#];
        for text in texts {
            let params = json!({ "command": "help", "params": text, "uri": "" });
            let case = case("Node.executeRpc", vec![], vec![]);
            let client = FactsClient::connect(&world).await;
            let object = client.make(case.interface).await;
            let (reply, died) = call(&client, &object, &case, &params, &world.shared.deaths).await;
            seen.push((reply.is_ok(), died));
            client.close().await;
        }
    });
    assert_eq!(seen, [(false, true), (true, false), (true, false)]);
}
