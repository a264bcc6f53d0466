//! Every recorded call of the run `base` that depends on nothing but chain, mempool and settings.

use std::collections::BTreeMap;

use bitcoin_grpc_devnode::{Generation, Node};
use serde_json::Value;

use crate::compare::same;
use crate::harness::{base_node, lines, recorded_node};
use crate::reads::{answer, settings_callback};

/// Methods whose effects are on the screen, the clients or the server around the core.
const NOT_THE_CORES: [&str; 10] = [
    "destroy",
    "handleNotifications",
    "handleRpc",
    "initError",
    "initMessage",
    "initWarning",
    "rpcRunLater",
    "showProgress",
    "shutdownRequested",
    "waitForNotificationsIfTipChanged",
];

#[derive(Default)]
struct Tally {
    agreed: BTreeMap<String, usize>,
    left_out: BTreeMap<String, usize>,
    wrong: Vec<String>,
}

impl Tally {
    fn report(&self, label: &str) -> String {
        let count = |counts: &BTreeMap<String, usize>| counts.values().sum::<usize>();
        format!(
            "{label}: {} agree, {} left out {:?}, {} differ:\n{}",
            count(&self.agreed),
            count(&self.left_out),
            self.left_out,
            self.wrong.len(),
            self.wrong.join("\n")
        )
    }
}

/// Fields that a node leaves uninitialised: size and fees of a transaction that does not wait.
fn unspecified(method: &str, recorded: &Value) -> &'static [&'static str] {
    if method == "getTransactionAncestry" && recorded["ancestors"] == 0 {
        &["ancestorsize", "ancestorfees"]
    } else {
        &[]
    }
}

/// Answers every call of a run in order and compares.
fn replay(node: &mut Node, generation: Generation, run: &str) -> Tally {
    let records: Vec<Value> = lines(&format!("{}/calls.jsonl", generation.label()))
        .into_iter()
        .filter(|record| {
            record["run"] == run && record["interface"] != "Echo" && record["interface"] != "Init"
        })
        .collect();
    let mut tally = Tally::default();
    for (place, record) in records.iter().enumerate() {
        let method = record["method"].as_str().unwrap().to_owned();
        if record["interface"] != "Chain" {
            continue;
        }
        let callbacks =
            || records[place + 1..].iter().take_while(|record| record["callback"] == true);
        let ours = match method.as_str() {
            "updateRwSetting" => callbacks().next().map(|callback| {
                let name = record["params"]["name"].as_str().unwrap();
                assert_eq!(node.settings().rw(name).as_str(), callback["params"]["value"]);
                settings_callback(node, name, &callback["results"])
            }),
            _ => answer(node, &method, &record["params"]),
        };
        let mut recorded = record["results"].clone();
        if method == "requestMempoolTransactions" {
            let txs: Vec<Value> = callbacks()
                .filter(|record| record["method"] == "transactionAddedToMempool")
                .map(|record| record["params"]["tx"].clone())
                .collect();
            recorded = serde_json::json!({ "transactions": txs });
        }
        let Some(mut ours) = ours.filter(|_| record.get("error").is_none()) else {
            assert!(
                NOT_THE_CORES.contains(&method.as_str()) || record.get("error").is_some(),
                "no answer to {method}: {record}"
            );
            *tally.left_out.entry(method).or_default() += 1;
            continue;
        };
        for field in unspecified(&method, &recorded) {
            ours[*field] = recorded[*field].clone();
        }
        if same(&ours, &recorded) {
            *tally.agreed.entry(method).or_default() += 1;
        } else {
            tally.wrong.push(format!(
                "seq {} {method} {}\n  ours     {ours}\n  recorded {recorded}",
                record["seq"], record["params"]
            ));
        }
    }
    tally
}

fn check(node: &mut Node, generation: Generation, run: &str, at_least: usize) {
    let tally = replay(node, generation, run);
    let report = tally.report(generation.label());
    assert!(tally.wrong.is_empty(), "{report}");
    assert!(tally.agreed.values().sum::<usize>() >= at_least, "{report}");
    #[expect(clippy::print_stderr, reason = "the numbers are the point of the test")]
    {
        eprintln!("{report}");
    }
}

#[test]
fn base_run_of_may_2025() {
    let generation = Generation::Pr29409May2025;
    check(&mut base_node(generation), generation, "base", 300);
}

#[test]
fn base_run_of_february_2026() {
    let generation = Generation::Pr10102February2026;
    check(&mut base_node(generation), generation, "base", 300);
}

#[test]
fn run_with_tight_limits() {
    let generation = Generation::Pr29409May2025;
    let mut node = recorded_node(
        generation,
        &[
            "-server=1",
            "-limitancestorcount=2",
            "-limitdescendantcount=2",
            "-minrelaytxfee=0.00002",
            "-incrementalrelayfee=0.00003",
            "-dustrelayfee=0.00005",
            "-deprecatedrpc=accounts",
            "-wallet=w1",
            "-wallet=w2",
            "-settings=golden_settings.json",
        ],
    );
    for line in ["server=1", "uacomment=golden", "uacomment=two", "nopermitbaremultisig=0"] {
        node.settings_mut().add_config(line, false);
    }
    node.settings_mut().add_config("permitbaremultisig=0", true);
    for (name, value) in [
        ("golden", r#"{"x":[1,2.5,"t",null,false]}"#),
        ("dbcache", "8"),
        ("wallet", r#"["a","b"]"#),
    ] {
        let value = bitcoin_grpc_devnode::settings::Json::parse(value);
        node.settings_mut().update_rw(name, value, None);
    }
    check(&mut node, generation, "limits", 30);
}
