//! The file: TOML, with the options' names as keys.

use std::path::Path;

use toml::{Table, Value};

use super::fault::Fault;
use super::options::{Opt, option};
use super::typed::{Source, Typed};

/// Options whose value may be a list of words.
const LISTS: [&str; 1] = ["node"];

/// Adds what a file says.
pub(super) fn read(path: &Path, typed: &mut Typed, faults: &mut Vec<Fault>) {
    let place = || path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&text, &place(), typed, faults),
        Err(error) => faults.push(Fault::new(place(), format!("cannot be read: {error}"))),
    }
}

pub(super) fn parse(text: &str, place: &str, typed: &mut Typed, faults: &mut Vec<Fault>) {
    let table: Table = match text.parse() {
        Ok(table) => table,
        Err(error) => return faults.push(Fault::new(place, format!("is not TOML: {error}"))),
    };
    for (key, value) in table {
        let outcome = match option(&key) {
            Some(option) => {
                values(option, value).map(|values| typed.give(option, Source::File, values))
            }
            None => Err("there is no such option".to_owned()),
        };
        if let Err(problem) = outcome {
            faults.push(Fault::new(format!("{key} (in {place})"), problem));
        }
    }
}

fn values(option: &Opt, value: Value) -> Result<Vec<String>, String> {
    match value {
        Value::Array(values) if option.many || LISTS.contains(&option.name) => {
            values.into_iter().map(text).collect()
        }
        value => Ok(vec![text(value)?]),
    }
}

fn text(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Boolean(switch) => Ok(switch.to_string()),
        other => Err(format!("cannot be a {}", other.type_str())),
    }
}
