//! What a command looks like, and the table of all.

use serde_json::value::RawValue;

use super::error::{RpcError, code};
use super::params::Params;
use super::{chain, control, mine, network, pool, raw, send};
use crate::node::Node;

/// A JSON type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool,
    Number,
    Text,
    Array,
    Object,
    /// Any of them, as an argument's type.
    Any,
}

impl Kind {
    /// The type of a JSON text, which shows in its first character.
    pub(super) fn of(json: &str) -> Self {
        match json.bytes().next() {
            Some(b'"') => Self::Text,
            Some(b'[') => Self::Array,
            Some(b'{') => Self::Object,
            Some(b't' | b'f') => Self::Bool,
            Some(b'-' | b'0'..=b'9') => Self::Number,
            _ => Self::Null,
        }
    }

    pub(super) fn takes(self, other: Self) -> bool {
        self == Self::Any || self == other
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Number => "number",
            Self::Text => "string",
            Self::Array => "array",
            Self::Object => "object",
            Self::Any => "any",
        }
    }
}

/// One argument of a command.
#[derive(Debug)]
pub(super) struct Param {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) required: bool,
}

/// An argument that has to be given.
pub(super) const fn needed(name: &'static str, kind: Kind) -> Param {
    Param { name, kind, required: true }
}

/// An argument that may be left out.
pub(super) const fn optional(name: &'static str, kind: Kind) -> Param {
    Param { name, kind, required: false }
}

/// A command.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) name: &'static str,
    pub(super) params: &'static [Param],
    /// What it does, in one sentence.
    pub(super) about: &'static str,
    pub(super) run: fn(&mut Node, &Params) -> Result<Box<RawValue>, RpcError>,
}

impl Command {
    /// Its name and arguments on one line, optional ones in parentheses.
    pub(super) fn usage(&self) -> String {
        let params = self.params.iter().map(|param| match (param.kind, param.required) {
            (Kind::Text, true) => format!(" \"{}\"", param.name),
            (Kind::Text, false) => format!(" ( \"{}\" )", param.name),
            (_, true) => format!(" {}", param.name),
            (_, false) => format!(" ( {} )", param.name),
        });
        format!("{}{}", self.name, params.collect::<String>())
    }

    /// How it is called and what it does.
    pub(super) fn help(&self) -> String {
        format!("{}\n\n{}\n", self.usage(), self.about)
    }

    /// Runs it on arguments in JSON.
    pub(super) fn call(&self, node: &mut Node, params: &str) -> Result<Box<RawValue>, RpcError> {
        let params = Params::read(params, self)?;
        params.check(self)?;
        (self.run)(node, &params)
    }
}

/// The tables of all parts.
const TABLES: [&[Command]; 7] = [
    chain::COMMANDS,
    pool::COMMANDS,
    send::COMMANDS,
    raw::COMMANDS,
    mine::COMMANDS,
    network::COMMANDS,
    control::COMMANDS,
];

/// Every command, in no order.
pub(super) fn commands() -> impl Iterator<Item = &'static Command> {
    TABLES.iter().copied().flatten()
}

/// The command of a name.
pub(super) fn find(name: &str) -> Result<&'static Command, RpcError> {
    commands()
        .find(|command| command.name == name)
        .ok_or_else(|| RpcError::new(code::METHOD_NOT_FOUND, "Method not found"))
}
