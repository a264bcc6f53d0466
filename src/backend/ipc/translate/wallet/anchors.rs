//! Pay-to-anchor in what a wallet would tell of itself.
//!
//! The branch of February 2026 has no form for such an address, and aborts when it should tell one.
//! What the wallet has is asked by RPC first, which writes addresses as text.

use std::collections::HashSet;
use std::fmt::Write;

use bitcoin_grpc_contract::v1;
use bytes::Bytes;
use serde_json::{Value, json};

use super::{ANCHOR, Look};
use crate::error::CallError;

const LABELLED: &str =
    "the address book has the pay-to-anchor address, on which the node would abort";
const TOO_MANY: &str = "the wallet has too many transactions to look for pay-to-anchor outputs, \
                        on which the node would abort; use GetWalletTx";
const NOT_TOLD: &str =
    "the node does not tell whether the wallet has pay-to-anchor outputs, on which it would abort";

/// The one pay-to-anchor address of main, of the test networks, and of regtest.
const ADDRESSES: [&str; 3] = ["bc1pfeessrawgf", "tb1pfees9rn5nz", "bcrt1pfeesnyr2tx"];

/// Entries that are asked for at once; each is some 700 bytes of JSON.
const PAGE: usize = 1_000;

/// Pages that are asked for: as many entries take the node about a second to look at.
const MAX_PAGES: usize = 10;

/// Why all transactions cannot be asked for, if they cannot.
pub(super) async fn in_transactions(look: Look<'_>) -> Result<Option<&'static str>, CallError> {
    if !look.caller.link.profile.exceptions_kill {
        return Ok(None);
    }
    let mut seen = HashSet::new();
    for page in 0..MAX_PAGES {
        // What arrives meanwhile moves entries to later pages, so none is missed.
        let params = json!(["*", PAGE, page * PAGE]);
        let Some(Value::Array(entries)) = rpc(look, "listtransactions", params).await? else {
            return Ok(Some(NOT_TOLD));
        };
        for entry in &entries {
            let Some(txid) = txid(entry) else { return Ok(Some(NOT_TOLD)) };
            if seen.insert(txid.clone()) && look.has_anchor(&txid).await? {
                return Ok(Some(ANCHOR));
            }
        }
        if entries.len() < PAGE {
            return Ok(None);
        }
    }
    Ok(Some(TOO_MANY))
}

/// Why the address book cannot be asked for, if it cannot.
pub(super) async fn in_addresses(look: Look<'_>) -> Result<Option<&'static str>, CallError> {
    if !look.caller.link.profile.exceptions_kill {
        return Ok(None);
    }
    for address in ADDRESSES {
        // Addresses of other chains are errors.
        let Some(info) = rpc(look, "getaddressinfo", json!([address])).await? else { continue };
        let labels = info["labels"].as_array().map(Vec::len);
        return Ok(match labels {
            Some(0) => None,
            Some(_) => Some(LABELLED),
            None => Some(NOT_TOLD),
        });
    }
    Ok(Some(NOT_TOLD))
}

/// What an RPC command answers; nothing if it fails.
async fn rpc(look: Look<'_>, command: &str, params: Value) -> Result<Option<Value>, CallError> {
    let question = v1::NodeExecuteRpcRequest {
        method: command.to_owned(),
        params: params.to_string(),
        uri: uri(look.wallet),
    };
    let answer = look.caller.ask_as(question).await?;
    if answer.rpc_error.is_some() {
        return Ok(None);
    }
    let unreadable = |error| CallError::BadReply(format!("{command}: {error}"));
    serde_json::from_str(&answer.result).map(Some).map_err(unreadable)
}

/// Where the node's RPC has a wallet. Every byte of its name that is no letter or digit is escaped.
fn uri(wallet: &str) -> String {
    wallet.bytes().fold("/wallet/".to_owned(), |mut uri, byte| {
        match byte.is_ascii_alphanumeric() {
            true => uri.push(char::from(byte)),
            false => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
        uri
    })
}

/// The transaction of an entry, in internal byte order.
fn txid(entry: &Value) -> Option<Bytes> {
    let txid: bitcoin::Txid = entry["txid"].as_str()?.parse().ok()?;
    Some(super::id(txid))
}

#[cfg(test)]
mod tests {
    use bitcoin::params::Params;
    use bitcoin::{Address, Script};

    use super::*;

    #[test]
    fn the_addresses_are_those_of_the_script() {
        let script = Script::from_bytes(&super::super::PAY_TO_ANCHOR);
        let networks = [Params::BITCOIN, Params::SIGNET, Params::REGTEST];
        let addresses =
            networks.map(|params| Address::from_script(script, params).unwrap().to_string());
        assert_eq!(addresses, ADDRESSES);
    }

    #[test]
    fn a_wallets_name_is_one_segment_of_its_uri() {
        assert_eq!(uri(""), "/wallet/");
        assert_eq!(uri("a/../é 1"), "/wallet/a%2F%2E%2E%2F%C3%A9%201");
    }
}
