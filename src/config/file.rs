//! The file: TOML, with the options' names as keys. `[[listener]]` tables have some of them, too.

use std::path::Path;

use toml::{Table, Value};

use super::fault::Fault;
use super::options::{OF_LISTENERS, Opt, option};
use super::typed::{Source, Typed};

/// Options whose value may be a list of words.
const LISTS: [&str; 1] = ["node"];

/// Options that are no numbers although they have only digits: TOML would have taken `0o660` for 432.
const TEXTS: [&str; 1] = ["socket-mode"];

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
        let outcome = match value {
            Value::Array(tables) if key == LISTENER => {
                listeners(tables, place, typed, faults);
                Ok(())
            }
            value => give(&key, value, Source::File, typed),
        };
        if let Err(problem) = outcome {
            faults.push(Fault::new(format!("{key} (in {place})"), problem));
        }
    }
}

/// Name of the tables that describe listeners.
const LISTENER: &str = "listener";

fn listeners(tables: Vec<Value>, place: &str, typed: &mut Typed, faults: &mut Vec<Fault>) {
    for (number, table) in (1..).zip(tables) {
        let (mut listener, at) = (Typed::default(), format!("in {place}, listener {number}"));
        let Value::Table(table) = table else {
            faults.push(Fault::new(at, "is no table"));
            continue;
        };
        for (key, value) in table {
            let outcome = match OF_LISTENERS.contains(&key.as_str()) {
                true => give(&key, value, Source::Listener(number), &mut listener),
                false => Err("a listener has no such option".to_owned()),
            };
            if let Err(problem) = outcome {
                faults.push(Fault::new(format!("{key} ({at})"), problem));
            }
        }
        typed.listeners.push(listener);
    }
}

fn give(key: &str, value: Value, source: Source, typed: &mut Typed) -> Result<(), String> {
    let option = option(key).ok_or("there is no such option")?;
    values(option, value).map(|values| typed.give(option, source, values))
}

fn values(option: &Opt, value: Value) -> Result<Vec<String>, String> {
    match value {
        Value::Integer(_) if TEXTS.contains(&option.name) => {
            Err("must be a text, such as \"660\"".to_owned())
        }
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
