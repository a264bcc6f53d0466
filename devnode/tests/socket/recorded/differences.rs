//! Where the devnode deliberately answers otherwise than the recorded nodes, and why.

use serde_json::Value;

use super::compare::Difference;

/// A field that may differ.
struct Excuse {
    /// A command of JSON-RPC, or an interface and a method.
    of: &'static str,
    /// The path of the field.
    field: &'static str,
    /// What both sides must be: ours, the recorded, and the record.
    fits: fn(&Value, &Value, &Value) -> bool,
}

const fn excuse(
    of: &'static str,
    field: &'static str,
    fits: fn(&Value, &Value, &Value) -> bool,
) -> Excuse {
    Excuse { of, field, fits }
}

const EXCUSES: &[(&str, &[Excuse])] = &[
    (
        "a node leaves size and fees of a transaction that it does not have uninitialised",
        &[
            excuse("Chain.getTransactionAncestry", "/results/ancestorsize", unspecified),
            excuse("Chain.getTransactionAncestry", "/results/ancestorfees", unspecified),
        ],
    ),
    (
        "the memory that a mempool uses is estimated",
        &[
            excuse("Node.getMempoolDynamicUsage", "/results/result", within_a_tenth),
            excuse("getmempoolinfo", "/results/result/usage", within_a_tenth),
            excuse("getmempoolinfo", "/results/result/result/usage", within_a_tenth),
        ],
    ),
    (
        "help texts are the devnode's own",
        &[
            excuse("help", "/results/result", same_first_line),
            excuse("help", "/results/result/result", same_first_line),
            excuse("getblockhash", "/results/rpcError/message", same_first_line),
            excuse("getblockhash", "/results/result/error/message", same_first_line),
        ],
    ),
    (
        "only commands that are there are listed",
        &[excuse("Node.listRpcCommands", "/results/result", |ours, recorded, _| {
            let all = recorded.as_array().expect("names");
            let ours = ours.as_array().expect("names");
            ours.len() >= 40 && ours.iter().all(|name| all.contains(name))
        })],
    ),
    (
        "commands that wait are not served",
        &[
            excuse("waitfornewblock", "/results/result/error", |ours, recorded, _| {
                ours["code"] == METHOD_NOT_FOUND && recorded.is_null()
            }),
            excuse("waitfornewblock", "/results/result/result", |ours, recorded, _| {
                ours.is_null() && recorded["height"] == 135
            }),
        ],
    ),
    (
        "there is no wallet, and so no such command and no loader",
        &[
            excuse("listwallets", "/results/result", |ours, recorded, _| {
                ours.is_null() && recorded == "[]"
            }),
            excuse("listwallets", "/results/rpcError", |ours, recorded, _| {
                let ours = serde_json::from_str(ours.as_str().expect("an error"));
                let ours: Value = ours.expect("JSON");
                ours["code"] == METHOD_NOT_FOUND && recorded.is_null()
            }),
            excuse("getwalletinfo", "/results/rpcError/code", |ours, recorded, _| {
                *ours == METHOD_NOT_FOUND && *recorded == NO_SUCH_WALLET
            }),
            excuse("getwalletinfo", "/results/rpcError/message", |ours, recorded, _| {
                ours == "Method not found" && recorded.as_str().expect("words").contains("wallet")
            }),
            excuse("Node.customWalletLoader", "/error", |ours, recorded, _| {
                ours["kind"] == "disconnected" && recorded.is_null()
            }),
            excuse("Node.customWalletLoader", "/results", |ours, recorded, _| {
                ours.is_null() && recorded["result"] == "$cap"
            }),
        ],
    ),
    (
        "there is nothing that traces",
        &[
            excuse("Init.makeTracing", "/error", |ours, recorded, _| {
                ours["kind"] == "failed" && recorded.is_null()
            }),
            excuse("Init.makeTracing", "/results", |ours, recorded, _| {
                ours.is_null() && recorded["result"] == "$cap"
            }),
        ],
    ),
    (
        "it runs by the machine's clock, also where the recorded node's was set",
        &[excuse("uptime", "/results/result", |ours, recorded, _| {
            ours.as_u64().is_some_and(|seconds| seconds < 60) && recorded.is_i64()
        })],
    ),
    (
        "names of threads have the numbers of their process",
        &[excuse("Thread.getName", "/results/result", |ours, recorded, _| {
            let plain = |name: &Value| -> String {
                let name = name.as_str().expect("a name").replace("(from rec)", "(from test)");
                name.chars().filter(|c| !c.is_ascii_digit()).collect()
            };
            plain(ours) == plain(recorded)
        })],
    ),
    (
        "what is never relayed is not counted",
        &[
            excuse("getpeerinfo", "/results/0/inv_to_send", |ours, recorded, _| {
                ours.is_null() && *recorded == 0
            }),
            excuse("getpeerinfo", "/results/0/last_inv_sequence", |ours, recorded, _| {
                ours.is_null() && recorded.is_u64()
            }),
        ],
    ),
    (
        "the contract knows the own address of a connection without a time and services before it",
        &[excuse("Node.getNodesStats", "/results/stats/0/addrBind", |ours, recorded, _| {
            let ours = ours.as_str().expect("hex");
            *recorded == format!("00e1f50500{ours}")
        })],
    ),
];

/// Codes of JSON-RPC errors.
const METHOD_NOT_FOUND: i64 = -32601;
const NO_SUCH_WALLET: i64 = -18;

fn unspecified(ours: &Value, recorded: &Value, record: &Value) -> bool {
    *ours == 0 && recorded.is_number() && record["results"]["ancestors"] == 0
}

/// Of an empty mempool, the recorded nodes said 64 bytes, or 96 if there had been something in it.
fn within_a_tenth(ours: &Value, recorded: &Value, _: &Value) -> bool {
    let (ours, recorded) = (ours.as_u64().expect("bytes"), recorded.as_u64().expect("bytes"));
    ours.abs_diff(recorded) * 10 < recorded || (ours, recorded) == (64, 96)
}

/// A command's help begins with the command and its parameters.
fn same_first_line(ours: &Value, recorded: &Value, _: &Value) -> bool {
    let first =
        |text: &Value| text.as_str().and_then(|text| text.lines().next().map(str::to_owned));
    first(ours).is_some() && first(ours) == first(recorded)
}

/// Calls that are not made.
const LEFT_OUT: &[(&str, &[u64], &str)] = &[(
    "pr29409-2025-05",
    &[742, 743],
    "the recorder did not note what its client without a thread map was told; see handlers",
)];

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
pub(super) fn left_out(label: &str, record: &Value) -> Option<&'static str> {
    let seq = record["seq"].as_u64()?;
    let listed = LEFT_OUT.iter().find(|(of, seqs, _)| *of == label && seqs.contains(&seq));
    if let Some((_, _, reason)) = listed {
        return Some(reason);
    }
    let stub = STUBS.iter().any(|method| record["method"] == *method);
    (label == "pr10102-2024-07" && record["interface"] == "Mining" && stub)
        .then_some("half of that Mining is stubs")
}

/// Judges differences, and keeps whether excuses were used.
#[derive(Debug, Default)]
pub(super) struct Excuses {
    /// Since the last time they were taken.
    used: Vec<(&'static str, &'static str)>,
}

impl Excuses {
    /// What is wrong with an answer that differs in these places; nothing if all of them are excused.
    pub(super) fn judge(&mut self, record: &Value, found: Vec<Difference>) -> Option<String> {
        let name = name(record);
        let mut wrong = Vec::new();
        for difference in found {
            let fits = |excuse: &&Excuse| {
                excuse.of == name
                    && difference.path == excuse.field
                    && (excuse.fits)(&difference.ours, &difference.recorded, record)
            };
            match EXCUSES.iter().flat_map(|(_, excuses)| *excuses).find(fits) {
                Some(excuse) => self.used.push((excuse.of, excuse.field)),
                None => wrong.push(difference),
            }
        }
        let told = |d: &Difference| {
            format!("{}\n    ours     {}\n    recorded {}", d.path, d.ours, d.recorded)
        };
        (!wrong.is_empty()).then(|| wrong.iter().map(told).collect::<Vec<_>>().join("\n  "))
    }

    /// Whether an excuse was used since the last time.
    pub(super) fn taken(&mut self) -> bool {
        !std::mem::take(&mut self.used).is_empty()
    }
}

/// The command that a record runs, or its method.
fn name(record: &Value) -> String {
    let (interface, method) = (record["interface"].as_str(), record["method"].as_str());
    let (interface, method) = (interface.unwrap_or_default(), method.unwrap_or_default());
    let params = &record["params"];
    match (interface, method) {
        ("JSON-RPC", command) => command.to_owned(),
        ("Node", "executeRpc") => params["command"].as_str().unwrap_or_default().to_owned(),
        ("Rpc", "executeRpc") => {
            let request = params["request"].as_str().unwrap_or_default();
            let request: Value = serde_json::from_str(request).unwrap_or_default();
            request["method"].as_str().unwrap_or_default().to_owned()
        }
        _ => format!("{interface}.{method}"),
    }
}
