//! The RPC commands inside `ExecuteRpc`. To the node one such call can be anything that its RPC
//! server can do, so commands are granted by name, and what the node is told of the caller is ours.

use std::borrow::Cow;
use std::collections::BTreeSet;

use bitcoin_grpc_contract::{Request, Violation};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Grants;
use crate::call::Caller;
use crate::error::CallError;

/// Longest JSON-RPC request that is searched for its command, in bytes: what the schema allows.
const MAX_REQUEST: usize = 1024 * 1024;

/// How a URI that selects a wallet begins.
const WALLET: &str = "/wallet/";

/// A set of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Names {
    /// Every name.
    All,
    /// These.
    These(BTreeSet<String>),
}

impl Names {
    fn hold(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(names) => names.contains(name),
        }
    }
}

/// Commands, and the wallets that they may be run on by their URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandGrant {
    /// Names of commands.
    pub commands: Names,
    /// Names of wallets.
    pub wallets: Names,
}

impl CommandGrant {
    /// Every command on every wallet.
    #[must_use]
    pub const fn all() -> Self {
        Self { commands: Names::All, wallets: Names::All }
    }
}

/// The commands that one caller may run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Commands(Vec<CommandGrant>);

impl Commands {
    pub(super) fn add(&mut self, grant: CommandGrant) {
        if !self.0.contains(&grant) {
            self.0.push(grant);
        }
    }

    pub(super) fn add_all(&mut self, other: &Self) {
        other.0.iter().for_each(|grant| self.add(grant.clone()));
    }

    fn hold_all(&self) -> bool {
        self.0.contains(&CommandGrant::all())
    }

    fn check(&self, command: &str, uri: &str) -> Result<(), CallError> {
        let mut grants = self.0.iter().filter(|grant| grant.commands.hold(command)).peekable();
        if grants.peek().is_none() {
            return Err(CallError::CommandDenied { command: command.to_owned() });
        }
        match wallet(uri)? {
            Some(wallet) if !grants.any(|grant| grant.wallets.hold(&wallet)) => {
                Err(CallError::CommandWalletDenied { wallet })
            }
            _ => Ok(()),
        }
    }
}

/// Holds the command of a request, if it runs one, against what was granted, and writes into it who
/// really asks.
pub(super) fn admit(
    grants: &Grants,
    caller: &Caller,
    request: &mut Request,
) -> Result<(), CallError> {
    match request {
        Request::NodeExecuteRpc(q) => {
            if grants.commands().hold_all() {
                return Ok(());
            }
            grants.commands().check(&q.method, &q.uri)
        }
        Request::RpcExecuteRpc(q) => {
            caller.name().clone_into(&mut q.user);
            // The node, too, begins to read after the space.
            if q.request.trim_ascii_start().starts_with('[') {
                return Err(invalid("request", "is a batch; send its commands one by one"));
            }
            if grants.commands().hold_all() {
                return Ok(());
            }
            grants.commands().check(&command(&q.request)?, &q.uri)
        }
        _ => Ok(()),
    }
}

/// The command of a JSON-RPC request. A member that is there twice is a fault: two readers may
/// differ on which of them counts.
fn command(request: &str) -> Result<Cow<'_, str>, CallError> {
    #[derive(Deserialize)]
    struct Command<'a> {
        #[serde(borrow)]
        method: Cow<'a, str>,
        #[serde(rename = "params", default)]
        _params: IgnoredAny,
        #[serde(rename = "id", default)]
        _id: IgnoredAny,
        #[serde(rename = "jsonrpc", default)]
        _version: IgnoredAny,
    }
    if request.len() > MAX_REQUEST {
        return Err(invalid("request", &format!("must have at most {MAX_REQUEST} bytes")));
    }
    serde_json::from_str::<Command<'_>>(request)
        .map(|command| command.method)
        .map_err(|error| invalid("request", &format!("is no JSON-RPC request: {error}")))
}

/// The wallet that a URI selects, if any.
fn wallet(uri: &str) -> Result<Option<String>, CallError> {
    match uri.strip_prefix(WALLET) {
        Some(name) => percent_decoded(name)
            .map(Some)
            .ok_or_else(|| invalid("uri", "has a % that no two hexadecimal digits follow")),
        None if matches!(uri, "" | "/") => Ok(None),
        None => Err(invalid("uri", "must be empty or /wallet/NAME")),
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let (byte, more) = match (first, more) {
            (b'%', [high, low, more @ ..]) => (digit(*high)? << 4 | digit(*low)?, more),
            (b'%', _) => return None,
            (byte, more) => (*byte, more),
        };
        bytes.push(byte);
        rest = more;
    }
    String::from_utf8(bytes).ok()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn invalid(field: &str, description: &str) -> CallError {
    CallError::Invalid(vec![Violation {
        field: field.to_owned(),
        description: description.to_owned(),
    }])
}

#[cfg(test)]
#[path = "commands_tests.rs"]
mod tests;
