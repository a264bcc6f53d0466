//! The runs.

use bitcoin::ScriptBuf;
use bitcoin_grpc_devnode::Node;
use bitcoin_grpc_devnode::clock::Clock;
use bitcoin_grpc_devnode::settings::Json;
use serde_json::Value;

use super::run::{Counts, Replay};
use crate::client::with_world;
use crate::events::lines;
use crate::facts::{
    empty_node, node_after_wallets, recorded_node, recorded_node_of_old, recorded_node_with,
};

const MAY_2025: &str = "pr29409-2025-05";
const JULY_2024: &str = "pr10102-2024-07";
const AUGUST_2026: &str = "core-32";
const FEBRUARY_2026: &str = "pr10102-2026-02";

/// The command line of a recorded node.
fn words(label: &str) -> Vec<String> {
    let info = lines_of_json(label);
    let words = info["command_line"].as_array().expect("words").iter();
    words.map(|word| word.as_str().expect("a word").to_owned()).collect()
}

fn lines_of_json(label: &str) -> Value {
    let path = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/golden")
        .join(label)
        .join("chain.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("a file")).expect("JSON")
}

/// The lines of a run.
fn records(label: &str, run: &str) -> Vec<Value> {
    let of_run = |record: &Value| record["run"] == run;
    lines(&format!("{label}/calls.jsonl")).into_iter().filter(of_run).collect()
}

/// Replays lines from a state; so many agree and so many are left out.
fn replay(
    label: &'static str,
    records: &[Value],
    fresh: &dyn Fn() -> Node,
    (agree, excused, left_out): (usize, usize, usize),
) {
    with_world(label, fresh(), async |world| {
        let mut replay = Replay::new(label, world, fresh).await;
        replay.run(records).await;
        replay.finish(&Counts { agree, excused, left_out });
    });
}

/// Replays a run from the recorded chain and mempool.
fn from_the_start(label: &'static str, run: &str, counts: (usize, usize, usize)) {
    let words = words(label);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    replay(label, &records(label, run), &|| recorded_node_with(label, &words), counts);
}

#[test]
fn may_2025() {
    from_the_start(MAY_2025, "base", (382, 4, 0));
}

#[test]
fn july_2024() {
    from_the_start(JULY_2024, "base", (370, 4, 3));
}

#[test]
fn february_2026() {
    from_the_start(FEBRUARY_2026, "base", (366, 4, 0));
}

#[test]
fn edges_of_may_2025() {
    from_the_start(MAY_2025, "edge", (115, 0, 2));
}

#[test]
fn edges_of_july_2024() {
    from_the_start(JULY_2024, "edge", (38, 0, 5));
}

#[test]
fn edges_of_february_2026() {
    from_the_start(FEBRUARY_2026, "edge", (35, 0, 0));
}

#[test]
fn the_node_of_july_2024() {
    from_the_start(JULY_2024, "node", (135, 10, 0));
}

#[test]
fn mining_of_may_2025() {
    from_the_start(MAY_2025, "mining", (68, 0, 0));
}

#[test]
fn edges_of_mining_of_may_2025() {
    from_the_start(MAY_2025, "mining-edge", (12, 1, 0));
}

#[test]
fn tight_limits_of_may_2025() {
    replay(MAY_2025, &records(MAY_2025, "limits"), &limited, (35, 0, 0));
}

/// A node with many settings, in the places where they may be set.
fn limited() -> Node {
    let mut node = recorded_node_with(
        MAY_2025,
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
    let settings = node.settings_mut();
    for line in ["server=1", "uacomment=golden", "uacomment=two", "nopermitbaremultisig=0"] {
        settings.add_config(line, false);
    }
    settings.add_config("permitbaremultisig=0", true);
    let saved = [
        ("golden", r#"{"x":[1,2.5,"t",null,false]}"#),
        ("dbcache", "8"),
        ("wallet", r#"["a","b"]"#),
    ];
    for (name, value) in saved {
        settings.update_rw(name, Json::parse(value), None);
    }
    node
}

/// The recorder mined a chain of its own, a hundred blocks at a time, and its node threw the older ones away.
#[test]
fn pruning_of_may_2025() {
    let pruned = || {
        let mut node = empty_node(MAY_2025, &["-prune=1", "-fastprune"]);
        let anyone = ScriptBuf::from_bytes(vec![0x51]);
        for hundred in 0..8 {
            node.set_clock(Clock::Mock(1_700_006_000 + 6000 * hundred));
            for _ in 0..100 {
                node.mine_one(&anyone).expect("a block");
            }
        }
        node.prune_below(276);
        node
    };
    replay(MAY_2025, &records(MAY_2025, "pruned"), &pruned, (15, 0, 0));
}

#[test]
fn august_2026() {
    from_the_start(AUGUST_2026, "base", (243, 4, 0));
}

/// The recorder stopped the node twice; each part has a node of its own.
#[test]
fn edges_of_august_2026() {
    let records = records(AUGUST_2026, "edge");
    let words = words(AUGUST_2026);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let fresh = || recorded_node_with(AUGUST_2026, &words);
    let mut rest = &records[..];
    for (last, counts) in [(324, (53, 0, 0)), (327, (3, 0, 0)), (329, (2, 0, 0))] {
        let end = rest.iter().position(|record| record["seq"] == last).expect("a stop") + 1;
        let (part, others) = rest.split_at(end);
        replay(AUGUST_2026, part, &fresh, counts);
        rest = others;
    }
    assert!(rest.is_empty());
}

/// A node whose tip is too old to be the newest: its clock is the machine's.
#[test]
fn initial_download_of_august_2026() {
    let fresh = || recorded_node_of_old(AUGUST_2026, &["-blockfilterindex=1"]);
    replay(AUGUST_2026, &records(AUGUST_2026, "ibd"), &fresh, (4, 0, 0));
}

#[test]
fn the_node_of_february_2026() {
    from_the_start(FEBRUARY_2026, "node", (129, 10, 0));
}

#[test]
fn late_deaths_of_may_2025() {
    from_the_start(MAY_2025, "late", (10, 0, 0));
}

#[test]
fn more_of_august_2026() {
    from_the_start(AUGUST_2026, "extra", (3, 0, 0));
}

#[test]
fn more_of_july_2024() {
    let fresh = || node_after_wallets(JULY_2024);
    replay(JULY_2024, &records(JULY_2024, "extra"), &fresh, (10, 0, 9));
}

#[test]
fn more_of_february_2026() {
    let fresh = || node_after_wallets(FEBRUARY_2026);
    replay(FEBRUARY_2026, &records(FEBRUARY_2026, "extra"), &fresh, (30, 1, 0));
}

/// Each call has a node of its own, which may end.
#[test]
fn calls_that_end_a_node() {
    let mut ended = 0;
    for label in [JULY_2024, FEBRUARY_2026] {
        let calls = records(label, "ending");
        for call in calls.iter().filter(|call| call["note"] == "one node start for this call") {
            let fresh = || recorded_node(label);
            replay(label, std::slice::from_ref(call), &fresh, (1, 0, 0));
            ended += 1;
        }
    }
    assert_eq!(ended, 12);
}
