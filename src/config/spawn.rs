//! A node that is to be started, in the configuration.

use std::path::Path;

use super::meant::some_time;
use super::paths;
use super::reader::Reader;
use crate::backend::ipc::{Command, Restart, STOP_LIMIT, SpawnConfig, Start};

/// What stands before a command.
const SPAWN: &str = "spawn:";

/// Options that have a meaning for spawned nodes only.
const ONLY_SPAWNED: [&str; 3] = ["start", "restart", "stop-limit"];

/// Options that would have a spawned node, which has one connection, share itself.
const ONE_ONLY: [&str; 2] = ["connections", "threads"];

/// Options that say where a node is that is there already.
const WHERE: [&str; 2] = ["chain", "datadir"];

/// Whether a node is to be started.
pub(super) fn is_wanted(reader: &Reader<'_>) -> bool {
    reader.words("node").first().is_some_and(|first| first.starts_with(SPAWN))
}

/// Finds fault with what has a meaning for spawned nodes only.
pub(super) fn refuse(reader: &mut Reader<'_>) {
    refuse_all(reader, &ONLY_SPAWNED, "has no meaning without --node spawn:COMMAND");
}

/// The node to start; `None` if the command is none.
pub(super) fn spawn(reader: &mut Reader<'_>, home: Option<&Path>) -> Option<SpawnConfig> {
    let (start, restart, stop_limit) = (
        reader.one("start", start).unwrap_or_default(),
        reader.one("restart", restart).unwrap_or_default(),
        reader.one("stop-limit", some_time).unwrap_or(STOP_LIMIT),
    );
    let words = reader.words("node");
    let rest = words.first()?.strip_prefix(SPAWN)?;
    refuse_all(
        reader,
        &WHERE,
        "has no meaning beside --node spawn:COMMAND, whose arguments say it",
    );
    for option in ONE_ONLY {
        if reader.one(option, |text| Ok(text != "1")).unwrap_or(false) {
            reader.fault(option, "must be 1 for a spawned node, which has one connection");
        }
    }
    let usual_data = home.map(paths::default_data_directory);
    match command(rest, &words[1..]) {
        Ok(command) => Some(SpawnConfig { command, restart, start, stop_limit, usual_data }),
        Err(problem) => {
            reader.fault("node", problem);
            None
        }
    }
}

fn refuse_all(reader: &mut Reader<'_>, options: &[&str], problem: &str) {
    for option in options {
        if reader.was_given(option) {
            reader.fault(option, problem);
        }
    }
}

/// A command: words of a list as they are, or one text in the words that a shell would make of it.
fn command(first: &str, others: &[String]) -> Result<Command, String> {
    let words = match others {
        [] => shlex::split(first).ok_or("has a quotation that does not end")?,
        others => std::iter::once(first.to_owned()).chain(others.iter().cloned()).collect(),
    };
    let command = Command::new(words).ok_or("names no program behind spawn:")?;
    let texts = std::iter::once(&command.program).chain(&command.arguments);
    match texts.into_iter().any(|text| text.contains('\0')) {
        true => Err("has a zero byte in it".to_owned()),
        false => Ok(command),
    }
}

fn start(text: &str) -> Result<Start, String> {
    match text {
        "auto" => Ok(Start::Auto),
        "manual" => Ok(Start::Manual),
        _ => Err("is neither auto nor manual".to_owned()),
    }
}

fn restart(text: &str) -> Result<Restart, String> {
    match text {
        "always" => Ok(Restart::Always),
        "on-failure" => Ok(Restart::OnFailure),
        "never" => Ok(Restart::Never),
        _ => Err("is none of always, on-failure, never".to_owned()),
    }
}
