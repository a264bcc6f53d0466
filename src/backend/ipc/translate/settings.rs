//! Settings that a node stumbles over.
//!
//! The node reads settings where it needs them, as text, number or truth, and an exception in its
//! reading is not always caught: a value of an odd type, written now, can end the node later.

use bitcoin_grpc_contract::{Method, Violation, v1};
use serde_json::Value;

use super::super::link::Caller;
use crate::error::CallError;

const NO_FILE: &str = "the node runs with -nosettings, and would abort on the write";

const STAYS: &str = "it is looked at to know what would end the node, and must not change between the look and the call; set it where the node is started";

/// Settings that are looked at before a call that would end the node without them, or with them: whether its RPC
/// server runs, which program signs, and whether there is a file for settings.
const LOOKED_AT: [&str; 3] = ["server", "signer", "settings"];

/// The only setting that the node itself writes as a list, and that it reads as nothing else. One that it
/// reads as a text, such as `blockmintxfee` for every template, would end it.
const LIST: &str = "wallet";

/// Holds a setting's new value to the types that the node can read: null, truth values and texts, and
/// for the list of wallets a list of texts. The node's own windows write numbers as texts, too.
pub(super) fn value(name: &str, json: &str) -> Result<(), CallError> {
    violation(name, json).map_or(Ok(()), |violation| Err(CallError::Invalid(vec![violation])))
}

/// What is wrong with a setting's new value.
pub(super) fn violation(name: &str, json: &str) -> Option<Violation> {
    let accepted = match serde_json::from_str(json) {
        Ok(Value::Null | Value::Bool(_) | Value::String(_)) => true,
        Ok(Value::Array(items)) => name == LIST && items.iter().all(Value::is_string),
        _ => false,
    };
    let description =
        "must be null, true, false or a text, or for the setting wallet a list of texts; write numbers as texts"
            .to_owned();
    (!accepted).then(|| Violation { field: "value".to_owned(), description })
}

/// Refuses a write to a settings file that the node does not have.
pub(super) async fn write(
    caller: Caller<'_>,
    method: Method,
    action: v1::SettingsAction,
) -> Result<(), CallError> {
    if action == v1::SettingsAction::SkipWrite
        || get(caller, "settings").await? != Value::Bool(false)
    {
        return Ok(());
    }
    Err(CallError::Refused { method, why: NO_FILE })
}

/// Refuses to change a setting by which it is known what ends the node. The RPC server goes on running whatever
/// becomes of `server`, and others may change between a look and the call that follows.
pub(super) fn stays(caller: Caller<'_>, method: Method, name: &str) -> Result<(), CallError> {
    match caller.link.profile.exceptions_kill && LOOKED_AT.contains(&name) {
        true => Err(CallError::Refused { method, why: STAYS }),
        false => Ok(()),
    }
}

/// Whether a switch is on, as the node reads it: a text counts by the number it begins with, and an
/// empty one is on.
pub(super) async fn is_set(caller: Caller<'_>, name: &str) -> Result<bool, CallError> {
    Ok(match get(caller, name).await? {
        Value::Bool(on) => on,
        Value::String(text) => text.is_empty() || leading_number_is_not_zero(&text),
        _ => false,
    })
}

/// Whether a switch is known to be off; one that is not set is not.
pub(super) async fn is_off(caller: Caller<'_>, name: &str) -> Result<bool, CallError> {
    Ok(match get(caller, name).await? {
        Value::Bool(on) => !on,
        Value::String(text) => !text.is_empty() && !leading_number_is_not_zero(&text),
        _ => false,
    })
}

fn leading_number_is_not_zero(text: &str) -> bool {
    let text = text.trim_start().trim_start_matches(['+', '-']);
    text.chars().take_while(char::is_ascii_digit).any(|digit| digit != '0')
}

/// Whether a setting is not there, or an empty text.
pub(super) async fn is_empty(caller: Caller<'_>, name: &str) -> Result<bool, CallError> {
    Ok(match get(caller, name).await? {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        _ => false,
    })
}

/// Whether all values of a setting can be read as text.
pub(super) async fn are_texts(caller: Caller<'_>, name: &str) -> Result<bool, CallError> {
    let question = v1::ChainGetSettingsListRequest { name: name.to_owned() };
    let values = caller.ask_as(question).await?.values;
    Ok(values
        .iter()
        .all(|value| matches!(serde_json::from_str(value), Ok(Value::String(_) | Value::Bool(_)))))
}

async fn get(caller: Caller<'_>, name: &str) -> Result<Value, CallError> {
    let question = v1::ChainGetSettingRequest { name: name.to_owned() };
    let value = caller.ask_as(question).await?.value;
    serde_json::from_str(&value)
        .map_err(|error| CallError::BadReply(format!("setting {name}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_node_reads_is_written() {
        for good in ["null", "true", "\"1\""] {
            assert_eq!(value("blockmintxfee", good), Ok(()), "{good}");
        }
        for list in ["[]", "[\"a\",\"b\"]"] {
            assert_eq!(value("wallet", list), Ok(()), "{list}");
            assert!(value("blockmintxfee", list).is_err(), "{list}");
        }
        for bad in ["1", "{}", "[1]", "[[\"a\"]]", "{", ""] {
            assert!(value("wallet", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_text_is_a_number_to_a_switch() {
        assert!(leading_number_is_not_zero("1"));
        assert!(leading_number_is_not_zero("-10x"));
        assert!(!leading_number_is_not_zero("0"));
        assert!(!leading_number_is_not_zero("no"));
    }
}
