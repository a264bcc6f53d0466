//! Requests from `field=value` arguments.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor, ReflectMessage, Value};
use serde_json::Value as Json;

use crate::error::CallError;
use crate::json::{Reader, alone, field_named};
use crate::wrong::Wrong;

/// Longest file that a field's value is read from, in bytes. The largest message is 4 MiB, which is 8 MiB
/// of hex.
pub(crate) const MAX_FILE: u64 = 16 * 1024 * 1024;

/// Makes a request out of arguments such as `height=5`, `block.want_data=true`, `outpoints=TXID:0` (again
/// for a second one), `block=@FILE`, `echo=@@at` for a text that begins with @.
pub(crate) fn request(
    of: &MessageDescriptor,
    arguments: &[String],
    reader: Reader<'_>,
) -> Result<DynamicMessage, CallError> {
    let mut request = DynamicMessage::new(of.clone());
    let mut given = HashSet::new();
    for argument in arguments {
        let (path, value) = argument.split_once('=').ok_or_else(|| {
            CallError::mistyped(format!("{argument}: arguments are written field=value"))
        })?;
        let value = match value.strip_prefix('@') {
            Some(literal) if literal.starts_with('@') => literal.to_owned(),
            Some(file) => from_file(Path::new(file))
                .map_err(|why| CallError::mistyped(format!("{path}: {file}: {why}")))?,
            None => value.to_owned(),
        };
        let many = set(&mut request, path, &value, reader)
            .map_err(|wrong| CallError::mistyped(wrong.to_string()))?;
        if !given.insert(path) && !many {
            return Err(CallError::mistyped(format!("{path}: is given twice")));
        }
    }
    Ok(request)
}

fn from_file(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_FILE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE {
        return Err(std::io::Error::other(format!("longer than {MAX_FILE} bytes")));
    }
    text.truncate(text.trim_end().len());
    Ok(text)
}

/// Sets a field, and says whether it may be set again.
fn set(
    message: &mut DynamicMessage,
    path: &str,
    text: &str,
    reader: Reader<'_>,
) -> Result<bool, Wrong> {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let field = field_named(&message.descriptor(), name)?;
    let Some(rest) = rest else {
        return set_here(message, &field, text, reader);
    };
    alone(message, &field)?;
    let none = || Wrong::new("has no fields of its own").within(name);
    if field.is_list() || field.is_map() || field.kind().as_message().is_none() {
        return Err(none());
    }
    let inner = message.get_field_mut(&field).as_message_mut().ok_or_else(none)?;
    set(inner, rest, text, reader).map_err(|wrong| wrong.within(name))
}

fn set_here(
    message: &mut DynamicMessage,
    field: &FieldDescriptor,
    text: &str,
    reader: Reader<'_>,
) -> Result<bool, Wrong> {
    let json = meant(field, text)?;
    if !field.is_list() || json.is_array() {
        let again = field.is_list() && message.has_field(field);
        let within = || Wrong::new("is given twice, one of them as a list").within(field.name());
        return if again {
            Err(within())
        } else {
            reader.put(message, field, &json, 0).map(|()| false)
        };
    }
    let item = reader.item(field, &json, 0).map_err(|wrong| wrong.within(field.name()))?;
    if let Value::List(list) = message.get_field_mut(field) {
        list.push(item);
    }
    Ok(true)
}

/// The value that an argument's text stands for. Only objects and lists are JSON here: texts and hex
/// are not quoted on a command line.
fn meant(field: &FieldDescriptor, text: &str) -> Result<Json, Wrong> {
    let is_message = field.kind().as_message().is_some();
    let may_be_json = text.starts_with(['[', '{']) && (is_message || field.is_list());
    let as_it_is = || Json::String(text.to_owned());
    if !may_be_json {
        return Ok(as_it_is());
    }
    match serde_json::from_str(text) {
        Ok(json @ Json::Array(_)) => Ok(json),
        Ok(json) if is_message => Ok(json),
        Err(error) if is_message => {
            Err(Wrong::new(format!("this is no JSON: {error}")).within(field.name()))
        }
        // An item of a list of texts may look like JSON.
        _ => Ok(as_it_is()),
    }
}
