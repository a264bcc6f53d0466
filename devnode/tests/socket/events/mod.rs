//! Recordings of what real nodes told their listeners, acted out again at the socket.
//!
//! `chain` acts out the scenarios of chain notifications, `operator` those of `Node`'s handlers. The recorded actions are
//! done as operations of the devnode, and everything that it calls is held against the recorded calls, in order.

mod chain;
mod operator;

use std::path::PathBuf;

use serde_json::{Value, json};

/// The lines of a recording.
pub(crate) fn lines(path: &str) -> Vec<Value> {
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(path);
    let text = std::fs::read_to_string(&golden).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// A call of the node without what differs from run to run: the numbers of processes and threads.
fn comparable(call: &Value) -> Value {
    let mut params = call["params"].clone();
    if let Some(name) = params["name"].as_str().filter(|_| call["interface"] == "ThreadMap") {
        let name: String = name.chars().filter(|c| !c.is_ascii_digit()).collect();
        // Some threads have a number of their own, which leaves its mark behind.
        params = json!({ "name": name });
    }
    // The last digit gets lost when JSON is read.
    if let Some(progress) = params["verificationProgress"].as_f64() {
        params["verificationProgress"] = json!(format!("{progress:.14}"));
    }
    json!({
        "interface": call["interface"],
        "method": call["method"],
        "params": params,
        "context_has": call["context_has"],
        "handler": call["handler"],
    })
}

/// Holds what a node called against what was recorded.
fn assert_same(ours: Option<Value>, recorded: &Value) {
    let ours = ours.unwrap_or_else(|| panic!("not told: {recorded}"));
    let (ours, recorded) = (comparable(&ours), comparable(recorded));
    assert!(crate::recorded::same(&ours, &recorded), "told     {ours}\nrecorded {recorded}");
}
