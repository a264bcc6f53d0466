//! Every input that `docs/node-safety.md` knows to end a node, hang it or mislead others, as requests.

use bitcoin_grpc::call::Outcome;
use bitcoin_grpc_contract::{Method, Request, v1};
use bitcoin_grpc_testkit::any;
use prost_reflect::DynamicMessage;
use tokio::time::timeout;

use crate::facts::Facts;
use crate::hints::Contract;
use crate::tally;
use crate::world::{PATIENCE, World};

/// Methods, and requests in protobuf's text format. What stands in angle brackets is put in by [`filled`]; a request with
/// `<short>` is there once for every wrong length of a hash.
const REQUESTS: &[(&str, &str)] = &[
    ("Chain.GetBlockHash", "height: -1"),
    ("Chain.GetBlockHash", "height: -2147483648"),
    ("Chain.GetBlockHash", "height: <above>"),
    ("Chain.GetBlockHash", "height: 2147483647"),
    ("Chain.FindLocatorFork", "locator { block_hashes: <short> }"),
    ("Chain.FindLocatorFork", "locator { <102 hashes> }"),
    ("Chain.BlockFilterMatchesAny", "block_hash: <short> filter_set: 'Q'"),
    ("Chain.BlockFilterMatchesAny", "filter_type: 256 block_hash: <tip>"),
    ("Chain.FindBlock", "hash: <short>"),
    ("Chain.FindBlock", "hash: <tip> block <60 nested>"),
    (
        "Chain.FindBlock",
        "hash: <tip> block { want_data: true next_block { want_data: true next_block { want_data: true } } }",
    ),
    ("Chain.FindAncestorByHeight", "block_hash: <short>"),
    ("Chain.FindAncestorByHash", "block_hash: <short> ancestor_hash: <tip>"),
    ("Chain.FindAncestorByHash", "block_hash: <tip> ancestor_hash: <short>"),
    ("Chain.FindCommonAncestor", "block_hash_1: <short> block_hash_2: <tip>"),
    ("Chain.FindCommonAncestor", "block_hash_1: <tip> block_hash_2: <short>"),
    ("Chain.FindCoins", "outpoints { txid: <short> }"),
    ("Chain.GuessVerificationProgress", "block_hash: <short>"),
    ("Chain.HasBlocks", "block_hash: <short>"),
    ("Chain.HasBlocks", "block_hash: <tip> max_height: -1"),
    ("Chain.HasBlocks", "block_hash: <tip> max_height: -2147483648"),
    ("Chain.IsRbfOptIn", "tx: <bad>"),
    ("Chain.IsInMempool", "txid: <short>"),
    ("Chain.HasDescendantsInMempool", "txid: <short>"),
    ("Chain.GetTransactionAncestry", "txid: <short>"),
    ("Chain.BroadcastTransaction", "tx: <bad>"),
    ("Chain.BroadcastTransaction", "tx: <tx> broadcast_method: 9"),
    ("Chain.BroadcastTransaction", "tx: <tx> broadcast_method: -1"),
    (
        "Chain.CalculateIndividualBumpFees",
        "outpoints { txid: <short> } target_feerate { sat_per_kvb: 1 }",
    ),
    ("Chain.CalculateIndividualBumpFees", "target_feerate { sat_per_kvb: -1 }"),
    (
        "Chain.CalculateCombinedBumpFee",
        "outpoints { txid: <short> } target_feerate { sat_per_kvb: 1 }",
    ),
    ("Chain.CalculateCombinedBumpFee", "target_feerate { sat_per_kvb: 9223372036854775807 }"),
    ("Chain.CheckChainLimits", "tx: <bad>"),
    ("Chain.WaitForNotificationsIfTipChanged", "old_tip: <short>"),
    ("Chain.OverwriteRwSetting", "name: 'x' value: '{'"),
    ("Chain.OverwriteRwSetting", "name: 'x' value: '\"\\\\ud800\"'"),
    ("Chain.OverwriteRwSetting", "name: 'x' value: '5'"),
    ("Chain.OverwriteRwSetting", "name: 'x' value: '{\"a\":1}'"),
    ("Chain.OverwriteRwSetting", "name: 'x' value: '<600 lists>'"),
    ("Mining.WaitTipChanged", "current_tip: <tip> timeout_ms: nan"),
    ("Mining.WaitTipChanged", "current_tip: <tip> timeout_ms: -1"),
    ("Mining.WaitTipChanged", "current_tip: <short> timeout_ms: 1"),
    ("Mining.CreateNewBlock", "options { block_reserved_weight: 1999 }"),
    ("Mining.CreateNewBlock", "options { block_reserved_weight: 4000001 }"),
    ("Mining.CreateNewBlock", "options { block_reserved_weight: 18446744073709551615 }"),
    ("Mining.CreateNewBlock", "options { coinbase_output_max_additional_sigops: 80001 }"),
    ("Mining.CheckBlock", "block: <bad>"),
    ("Mining.SubmitBlock", "block: <bad>"),
    ("Mining.Interrupt", ""),
    ("Mining.GetTransactionsByTxId", "txids: <short>"),
    ("Mining.GetTransactionsByWitnessId", "wtxids: <short>"),
    ("BlockTemplate.SubmitSolution", "handle: '<handle>' coinbase: <bad>"),
    ("BlockTemplate.WaitNext", "handle: '<handle>' options { timeout_ms: nan }"),
    ("BlockTemplate.WaitNext", "handle: '<handle>' options { timeout_ms: -1 }"),
    ("BlockTemplate.GetBlock", "handle: 'no such handle'"),
    ("Node.BaseInitialize", "global_args {}"),
    ("Node.AppInitMain", ""),
    ("Node.AppShutdown", ""),
    ("Node.UpdateRwSetting", "name: 'x' value: '['"),
    ("Node.UpdateRwSetting", "name: 'x' value: '1.5'"),
    ("Node.ForceSetting", "name: 'x' value: '[[1]]'"),
    ("Node.ForceSetting", "name: 'blockmintxfee' value: '[\"a\"]'"),
    ("Chain.OverwriteRwSetting", "name: 'blockmintxfee' value: '[\"a\"]'"),
    ("Node.GetProxy", "network: -1"),
    ("Node.GetProxy", "network: 7"),
    ("Node.GetProxy", "network: 2147483647"),
    ("Node.GetNodeCount", "directions: 99"),
    ("Node.Ban", ""),
    ("Node.Ban", "address { network: 1 address: <short> }"),
    ("Node.Ban", "address { network: 99 address: '\\001\\002\\003\\004' }"),
    (
        "Node.Ban",
        "address { network: 1 address: '\\001\\002\\003\\004' } duration_s: 9223372036854775807",
    ),
    ("Node.Unban", "subnet: '1.2.3.4/33'"),
    ("Node.Unban", "subnet: ''"),
    ("Node.DisconnectByAddress", ""),
    ("Node.DisconnectByAddress", "address { network: 1 address: <short> }"),
    ("Node.GetUnspentOutput", ""),
    ("Node.GetUnspentOutput", "outpoint { txid: <short> }"),
    ("Node.ExecuteRpc", "method: 'help' params: '['"),
    ("Node.ExecuteRpc", "method: 'help' params: '{\"command\":\"\\\\ud800\"}'"),
    ("Node.ExecuteRpc", "method: 'help' params: '[\"\\\\udc00x\"]'"),
    ("Node.ExecuteRpc", "method: 'help' params: '<600 lists>'"),
    ("Node.BroadcastTransaction", "tx: <bad>"),
    ("Node.BroadcastTransaction", "tx: <tx> max_tx_fee_sat: -1"),
    ("Rpc.ExecuteRpc", "request: '{'"),
    ("Rpc.ExecuteRpc", "request: '<600 lists>'"),
    ("Rpc.ExecuteRpc", "request: '[{\"method\":\"help\"}]'"),
    ("Rpc.ExecuteRpc", "request: '{\"method\":\"help\",\"params\":[\"\\\\ud800\"]}'"),
    ("WalletLoader.SetMockTime", "unix_time: -1"),
    ("WalletLoader.SetMockTime", "unix_time: 9223372037"),
    ("WalletLoader.SetMockTime", "unix_time: 9223372036854775807"),
    ("WalletLoader.SchedulerMockForward", ""),
    ("WalletLoader.SchedulerMockForward", "delta_seconds: 3601"),
    ("WalletLoader.CreateWallet", "name: 'plain'"),
    ("WalletLoader.CreateWallet", "name: 'odd' flags: 34359738368"),
    ("WalletLoader.RestoreWallet", "name: 'unloaded' backup_path: 'nothing'"),
    ("Wallet.AbandonTransaction", "wallet: 'w' txid: <tip>"),
    ("Wallet.AbandonTransaction", "wallet: 'w' txid: <short>"),
    ("Wallet.GetTx", "wallet: 'w' txid: <short>"),
    ("Wallet.GetWalletTx", "wallet: 'w' txid: <short>"),
    ("Wallet.GetCredit", "wallet: 'w' txout { value_sat: -1 script_pubkey: 'Q' }"),
    ("Wallet.GetCredit", "wallet: 'w' txout { value_sat: 2100000000000001 script_pubkey: 'Q' }"),
    ("Wallet.GetDebit", "wallet: 'w' txin { previous_output { txid: <short> } }"),
    ("Wallet.GetCoins", "wallet: 'w' outpoints { txid: <short> }"),
    ("Wallet.IsLockedCoin", "wallet: 'w' outpoint { txid: <short> }"),
    ("Wallet.CommitTransaction", "wallet: 'w'"),
    ("Wallet.CommitTransaction", "wallet: 'w' tx: <bad>"),
    ("Wallet.CommitTransaction", "wallet: 'w' tx: <tx>"),
    ("Wallet.CommitBumpTransaction", "wallet: 'w' txid: <tip> tx: <bad>"),
    ("Wallet.GetNewDestination", "wallet: 'w' address_type: 9"),
    (
        "Wallet.GetMinimumFee",
        "wallet: 'w' tx_vbytes: 100 coin_control { override_feerate: true feerate { sat_per_kvb: 9223372036854775807 } }",
    ),
    ("Wallet.CreateTransaction", "wallet: 'w' coin_control { feerate { sat_per_kvb: -1 } }"),
];

/// The same where exceptions kill; elsewhere they are answered.
const WHERE_EXCEPTIONS_KILL: &[(&str, &str)] = &[
    ("Chain.OverwriteRwSetting", "name: 'server' value: 'false'"),
    ("Node.UpdateRwSetting", "name: 'server' value: 'false'"),
    ("Node.ForceSetting", "name: 'server' value: 'false'"),
    ("Node.ForceSetting", "name: 'server' value: '\"0\"'"),
    ("Node.ForceSetting", "name: 'signer' value: '\"/bin/false\"'"),
    ("Node.ForceSetting", "name: 'settings' value: 'false'"),
    ("Chain.HandleRpc", "command { name: 'x' }"),
];

/// Wrong lengths of a hash.
const SHORT: [usize; 5] = [0, 1, 31, 33, 64];

/// Codes by which such a request is refused: INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, OUT_OF_RANGE and
/// UNIMPLEMENTED.
const REFUSALS: [usize; 5] = [3, 5, 9, 11, 12];

/// How many requests there were, and which of them were not refused.
#[derive(Debug)]
pub struct Refused {
    /// Requests in all.
    pub requests: usize,
    /// Those that were not refused, with what came of them.
    pub others: Vec<String>,
}

/// Sends all of them, one after the other. The world is looked at after each.
pub(crate) fn run(world: &mut World) -> Refused {
    let template = Request::MiningCreateNewBlock(v1::MiningCreateNewBlockRequest::default());
    if let Ok(Outcome::Reply(reply)) = world.block_on(world.ask(template)) {
        world.facts.learn(&reply);
    }
    let mut refused = Refused { requests: 0, others: Vec::new() };
    let more = if world.exceptions_kill() { WHERE_EXCEPTIONS_KILL } else { &[] };
    for (name, pattern) in REQUESTS.iter().chain(more) {
        for text in filled(pattern, &world.facts) {
            let code = sent(world, name, &text);
            refused.requests += 1;
            tally::code(code);
            if !REFUSALS.contains(&code) {
                refused.others.push(format!("{name} {text}: {code}"));
            }
        }
    }
    refused
}

/// Sends one, and gives the code of its status.
fn sent(world: &mut World, name: &str, text: &str) -> usize {
    let named = |method: &Method| method.info().full_name == name;
    let rpc = Contract::get().rpcs.iter().find(|rpc| named(&rpc.method)).expect("a method");
    let message = DynamicMessage::parse_text_format(rpc.opening.clone(), text);
    let message = message.unwrap_or_else(|error| panic!("{name} {text}: {error}"));
    let request = any::request(rpc.method, &message);
    world.count(crate::Target::Requests, 1);
    let outcome = world.block_on(async { timeout(PATIENCE, world.ask(request)).await });
    world.check();
    world.block_on(world.healthy());
    match outcome.unwrap_or_else(|_| world.fail(&format!("{name} {text} hangs"))) {
        Ok(Outcome::Reply(_) | Outcome::Stream(_)) => 0,
        Err(error) => error.code() as usize,
    }
}

/// The requests that a pattern stands for.
fn filled(pattern: &str, facts: &Facts) -> Vec<String> {
    let tx = facts.transactions.last().expect("a transaction");
    let whole = pattern
        .replace("<tip>", &bytes(&facts.hashes[1]))
        .replace("<tx>", &bytes(tx))
        .replace("<above>", &(facts.tip + 1).to_string())
        .replace("<handle>", facts.handles.last().map_or("none", String::as_str))
        .replace("<102 hashes>", &format!("block_hashes: {} ", bytes(&[7; 32])).repeat(102))
        .replace("<60 nested>", &nested(60))
        .replace("<600 lists>", &format!("{}{}", "[".repeat(600), "]".repeat(600)));
    let each = |name: &str, values: Vec<Vec<u8>>| -> Vec<String> {
        values.iter().map(|value| whole.replace(name, &bytes(value))).collect()
    };
    match (whole.contains("<short>"), whole.contains("<bad>")) {
        (true, _) => each("<short>", SHORT.map(|length| vec![7; length]).to_vec()),
        (_, true) => each("<bad>", bad(tx)),
        _ => vec![whole],
    }
}

/// Transactions, or blocks, that are none.
fn bad(tx: &[u8]) -> Vec<Vec<u8>> {
    let no_inputs = [&[2, 0, 0, 0, 0, 1][..], &[0; 9], &[0; 4]].concat();
    let longer = [tx, &[0]].concat();
    vec![vec![], vec![0xff; 200], vec![0; 80], tx[..tx.len() - 3].to_vec(), longer, no_inputs]
}

fn nested(levels: usize) -> String {
    format!(
        "{}{}",
        "{ want_height: true next_block ".repeat(levels - 1),
        "{".to_owned() + &"}".repeat(levels)
    )
}

/// A text in the text format that stands for bytes.
fn bytes(bytes: &[u8]) -> String {
    let escaped: String = bytes.iter().map(|byte| format!("\\{byte:03o}")).collect();
    format!("'{escaped}'")
}
