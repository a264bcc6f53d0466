//! JSON-RPC without HTTP: what the interfaces' `executeRpc` run.
//!
//! `envelope` is the JSON-RPC around a command, `command` the table of commands, `params` their arguments, `value` and
//! `error` what they answer. The commands themselves are in `chain` (blocks), `pool` (waiting transactions), `send`
//! (new ones), `raw` (transactions as such), `mine`, `gbt` (templates for miners), `network` and `control`. `block`,
//! `transaction`, `script`, `descriptor`, `pool_entry` and `peer` are the JSON of what these commands show.
//!
//! The commands are those that somebody with a regtest node needs; any other name is answered as Bitcoin Core answers
//! a name that it does not know. Fields and errors are those of the generation that is played, except that help texts
//! are the devnode's own, and short.

mod block;
mod chain;
mod command;
mod control;
mod descriptor;
mod envelope;
mod error;
mod gbt;
mod mine;
mod network;
mod params;
mod peer;
mod pool;
mod pool_entry;
mod raw;
mod script;
mod send;
mod transaction;
mod value;

pub use error::RpcError;

use crate::node::Node;

/// Answers a JSON-RPC request, or a batch of them, given and answered in JSON text. Never fails: faults are in the
/// reply. `null` is the answer to notifications.
pub fn answer(node: &mut Node, request: &str) -> String {
    envelope::answer(node, request)
}

/// Runs one command on arguments in JSON text, and gives its result in JSON text. What is no array or object counts as
/// no arguments.
///
/// # Errors
/// As the command says.
pub fn execute(node: &mut Node, command: &str, params: &str) -> Result<String, RpcError> {
    command::find(command)?.call(node, params).map(|result| result.get().to_owned())
}

/// Names of all commands, sorted.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = command::commands().map(|command| command.name).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests;
