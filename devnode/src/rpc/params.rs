//! The arguments of a command.

use std::collections::BTreeMap;

use bitcoin::consensus::encode::deserialize;
use bitcoin::hex::FromHex;
use bitcoin::{BlockHash, Transaction, Txid};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::command::{Command, Kind};
use super::error::{RpcError, code};
use crate::settings::Json;

/// Arguments by position; those left out at the end are missing, those left out before are null.
#[derive(Debug, Default)]
pub(super) struct Params(Vec<Box<RawValue>>);

type Named = BTreeMap<String, Box<RawValue>>;

impl Params {
    /// Reads arguments in JSON: an array, or an object with their names. Anything else counts as none.
    pub(super) fn read(text: &str, command: &Command) -> Result<Self, RpcError> {
        let json = Json::parse(text);
        if let Ok(values) = serde_json::from_str(json.as_str()) {
            return Ok(Self(values));
        }
        match serde_json::from_str::<Named>(json.as_str()) {
            Ok(named) => Self::from_named(named, command),
            Err(_) => Ok(Self::default()),
        }
    }

    /// Puts named arguments into their places. `args` may hold the first ones by position.
    fn from_named(mut named: Named, command: &Command) -> Result<Self, RpcError> {
        let mut values: Vec<Option<Box<RawValue>>> = match named.remove("args") {
            Some(args) => serde_json::from_str(args.get())
                .map(|values: Vec<Box<RawValue>>| values.into_iter().map(Some).collect())
                .map_err(|_| RpcError::parameter("Parameter args must be an array"))?,
            None => Vec::new(),
        };
        for (place, param) in command.params.iter().enumerate() {
            let Some(value) = named.remove(param.name) else { continue };
            if place < values.len() {
                let name = param.name;
                return Err(RpcError::parameter(format!(
                    "Parameter {name} specified twice both as positional and named argument"
                )));
            }
            values.resize(place, None);
            values.push(Some(value));
        }
        if let Some(name) = named.keys().next() {
            return Err(RpcError::parameter(format!("Unknown named parameter {name}")));
        }
        Ok(Self(values.into_iter().map(|value| value.unwrap_or_else(null)).collect()))
    }

    /// Holds the arguments against what the command takes.
    pub(super) fn check(&self, command: &Command) -> Result<(), RpcError> {
        let required = command.params.iter().filter(|param| param.required).count();
        if self.0.len() < required || self.0.len() > command.params.len() {
            return Err(RpcError::misc(command.help()));
        }
        let wrong: Vec<String> = command
            .params
            .iter()
            .enumerate()
            .filter_map(|(place, param)| {
                let actual = self.kind(place);
                let fine = param.kind.takes(actual) || (actual == Kind::Null && !param.required);
                (!fine).then(|| {
                    format!(
                        "    \"Position {} ({})\": \"JSON value of type {} is not of expected type \
                         {}\"",
                        place + 1,
                        param.name,
                        actual.name(),
                        param.kind.name()
                    )
                })
            })
            .collect();
        if wrong.is_empty() {
            return Ok(());
        }
        let message = format!("Wrong type passed:\n{{\n{}\n}}", wrong.join(",\n"));
        Err(RpcError::new(code::TYPE, message))
    }

    /// All arguments as they came.
    pub(super) fn all(&self) -> &[Box<RawValue>] {
        &self.0
    }

    /// The type of an argument; missing ones are null.
    pub(super) fn kind(&self, place: usize) -> Kind {
        self.0.get(place).map_or(Kind::Null, |value| Kind::of(value.get()))
    }

    /// An argument, if it is there.
    pub(super) fn optional<T: DeserializeOwned>(
        &self,
        place: usize,
    ) -> Result<Option<T>, RpcError> {
        if self.kind(place) == Kind::Null {
            return Ok(None);
        }
        let text = self.0.get(place).map_or("null", |value| value.get());
        let wrong = match Kind::of(text) {
            Kind::Number => "JSON integer out of range",
            _ => "JSON value is not of expected type",
        };
        serde_json::from_str(text).map(Some).map_err(|_| RpcError::misc(wrong))
    }

    /// An argument that has to be there.
    pub(super) fn get<T: DeserializeOwned>(&self, place: usize) -> Result<T, RpcError> {
        self.optional(place)?.ok_or_else(|| RpcError::misc("JSON value is not of expected type"))
    }

    /// An amount of BTC in satoshi, given as a number or as text.
    pub(super) fn amount(&self, place: usize) -> Result<Option<i64>, RpcError> {
        let Some(value) = self.0.get(place).filter(|_| self.kind(place) != Kind::Null) else {
            return Ok(None);
        };
        let text = value.get().trim_matches('"');
        let amount = bitcoin::Amount::from_str_in(text, bitcoin::Denomination::Bitcoin);
        let amount = amount.map_err(|_| RpcError::new(code::TYPE, "Invalid amount"))?;
        Ok(Some(amount.to_sat().cast_signed()))
    }

    /// A block hash.
    pub(super) fn block_hash(&self, place: usize, name: &str) -> Result<BlockHash, RpcError> {
        hash(&self.get::<String>(place)?, name)
    }

    /// A transaction id.
    pub(super) fn txid(&self, place: usize, name: &str) -> Result<Txid, RpcError> {
        hash(&self.get::<String>(place)?, name)
    }

    /// A transaction in hex.
    pub(super) fn transaction(&self, place: usize) -> Result<Transaction, RpcError> {
        decode_transaction(&self.get::<String>(place)?).ok_or_else(|| {
            let message = "TX decode failed. Make sure the tx has at least one input.";
            RpcError::new(code::DESERIALIZATION, message)
        })
    }
}

fn null() -> Box<RawValue> {
    RawValue::NULL.to_owned()
}

/// A transaction in hex; none if it does not decode or has no inputs.
pub(super) fn decode_transaction(hex: &str) -> Option<Transaction> {
    let bytes = Vec::from_hex(hex).ok()?;
    deserialize::<Transaction>(&bytes).ok().filter(|tx| !tx.input.is_empty())
}

/// Hex digits of a hash.
const HASH_DIGITS: usize = 64;

pub(super) fn hash<T: std::str::FromStr>(text: &str, name: &str) -> Result<T, RpcError> {
    if text.len() != HASH_DIGITS {
        return Err(RpcError::parameter(format!(
            "{name} must be of length {HASH_DIGITS} (not {}, for '{text}')",
            text.len()
        )));
    }
    text.parse().map_err(|_| {
        RpcError::parameter(format!("{name} must be hexadecimal string (not '{text}')"))
    })
}
