//! Calls that are left out of the replay, and why.

use serde_json::Value;

/// Calls that real nodes answer although a value is missing, or something follows it. The devnode refuses both, so that a
/// client which sends such is found out.
const TOLERATED: &[(&str, &[u64])] = &[
    (
        "pr29409-2025-05",
        &[614, 618, 627, 632, 636, 638, 639, 640, 642, 648, 649, 651, 654, 655, 659, 664, 669],
    ),
    ("pr10102-2024-07", &[928]),
    ("pr10102-2026-02", &[934]),
];

/// Other calls by their number.
const OTHERS: &[(&str, &[u64], &str)] = &[
    (
        "pr29409-2025-05",
        &[645, 646],
        "the coins that a client sends along are not read; the node only writes them",
    ),
    ("pr29409-2025-05", &[742, 743], "another connection, without a thread map; see handlers"),
    ("pr10102-2024-07", &[555, 559], "the peer of that recording is not described field by field"),
];

/// Methods of July 2024's Mining, of which half are stubs there. The devnode has none of them.
const STUBS: [&str; 6] = [
    "createNewBlock",
    "getTransactionsUpdated",
    "processNewBlock",
    "startNode",
    "stopNode",
    "testBlockValidity",
];

/// Why a call is left out, if it is.
pub(super) fn of(label: &str, record: &Value) -> Option<&'static str> {
    let seq = record["seq"].as_u64()?;
    if TOLERATED.iter().any(|(of, seqs)| *of == label && seqs.contains(&seq)) {
        return Some("values of another length are refused");
    }
    let other = OTHERS.iter().find(|(of, seqs, _)| *of == label && seqs.contains(&seq));
    if let Some((_, _, reason)) = other {
        return Some(reason);
    }
    let stub = STUBS.iter().any(|method| record["method"] == *method);
    if label == "pr10102-2024-07" && record["interface"] == "Mining" && stub {
        return Some("half of that Mining is stubs");
    }
    crate::replay::difference(record)
}
