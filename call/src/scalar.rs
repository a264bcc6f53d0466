//! Single values from JSON. A text stands for any of them, as there are no others on a command line.

use std::str::FromStr;

use prost_reflect::{EnumDescriptor, Kind, MapKey, Value};
use serde_json::Value as Json;

use crate::guess::did_you_mean;
use crate::hashes::{HASH, from_text};
use crate::wrong::Wrong;

/// What stands before bytes that are given as characters.
const TEXT: &str = "text:";

/// The value of anything but bytes and messages; `None` for those.
pub(crate) fn value(kind: &Kind, json: &Json) -> Option<Result<Value, Wrong>> {
    let value = match kind {
        Kind::Bool => json.as_bool().or_else(|| parsed(json)).map(Value::Bool),
        Kind::String => json.as_str().map(|text| Value::String(text.to_owned())),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
            signed(json).and_then(|n| i32::try_from(n).ok()).map(Value::I32)
        }
        Kind::Uint32 | Kind::Fixed32 => {
            unsigned(json).and_then(|n| u32::try_from(n).ok()).map(Value::U32)
        }
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => signed(json).map(Value::I64),
        Kind::Uint64 | Kind::Fixed64 => unsigned(json).map(Value::U64),
        Kind::Double => json.as_f64().or_else(|| parsed(json)).map(Value::F64),
        Kind::Float => float(json).map(Value::F32),
        Kind::Enum(of) => return Some(enumerator(of, json)),
        Kind::Bytes | Kind::Message(_) => return None,
    };
    Some(value.ok_or_else(|| Wrong::new(format!("takes {}", kind_name(kind)))))
}

/// Bytes from hexadecimal digits, or from characters after `text:`.
pub(crate) fn bytes(json: &Json, is_hash: bool) -> Result<Value, Wrong> {
    let text = json.as_str();
    if is_hash {
        let bytes = text.and_then(|text| from_text(text, true));
        let hash = bytes.filter(|bytes| bytes.len() == HASH);
        return hash.map(|bytes| Value::Bytes(bytes.into())).ok_or_else(|| {
            let length = text.map_or(0, |text| text.chars().count());
            Wrong::new(format!("takes a hash, 64 hexadecimal digits; this has {length} characters"))
        });
    }
    let bytes = text.and_then(|text| match text.strip_prefix(TEXT) {
        Some(characters) => Some(characters.as_bytes().to_vec()),
        None => from_text(text, false),
    });
    bytes.map(|bytes| Value::Bytes(bytes.into())).ok_or_else(|| {
        Wrong::new("takes hexadecimal digits, two for each byte, or text:CHARACTERS")
    })
}

/// The key of an entry in a map, which JSON has as text.
pub(crate) fn key(kind: &Kind, text: &str) -> Result<MapKey, Wrong> {
    let value = value(kind, &Json::String(text.to_owned())).transpose()?;
    match value {
        Some(Value::Bool(flag)) => Ok(MapKey::Bool(flag)),
        Some(Value::I32(number)) => Ok(MapKey::I32(number)),
        Some(Value::I64(number)) => Ok(MapKey::I64(number)),
        Some(Value::U32(number)) => Ok(MapKey::U32(number)),
        Some(Value::U64(number)) => Ok(MapKey::U64(number)),
        Some(Value::String(text)) => Ok(MapKey::String(text)),
        _ => Err(Wrong::new("is no key")),
    }
}

fn parsed<T: FromStr>(json: &Json) -> Option<T> {
    json.as_str()?.parse().ok()
}

fn signed(json: &Json) -> Option<i64> {
    json.as_i64().or_else(|| parsed(json))
}

fn unsigned(json: &Json) -> Option<u64> {
    json.as_u64().or_else(|| parsed(json))
}

/// A number that 32 bits can hold, however roughly.
#[expect(clippy::cast_possible_truncation, reason = "that is what the field has")]
fn float(json: &Json) -> Option<f32> {
    let number = json.as_f64().or_else(|| parsed(json))?;
    let short = number as f32;
    (short.is_finite() == number.is_finite()).then_some(short)
}

/// An enumerator by its number, its name, or its name without the enumeration's.
fn enumerator(of: &EnumDescriptor, json: &Json) -> Result<Value, Wrong> {
    if let Some(number) = signed(json) {
        let known = i32::try_from(number).ok().filter(|number| of.get_value(*number).is_some());
        return known.map(Value::EnumNumber).ok_or_else(|| Wrong::new(choices(of, "")));
    }
    let typed = json.as_str().unwrap_or_default().to_uppercase().replace('-', "_");
    let prefix = prefix(of);
    let typed = typed.strip_prefix(&prefix).unwrap_or(&typed);
    let found = of.values().find(|value| short(value.name(), &prefix) == typed);
    found.map(|value| Value::EnumNumber(value.number())).ok_or_else(|| {
        let known = names(of);
        Wrong::new(choices(of, &did_you_mean(typed, known.iter().map(String::as_str))))
    })
}

fn choices(of: &EnumDescriptor, guess: &str) -> String {
    format!("takes one of {}{guess}", names(of).join(", "))
}

/// The names of an enumeration's values, without its own.
pub(crate) fn names(of: &EnumDescriptor) -> Vec<String> {
    let prefix = prefix(of);
    of.values().map(|value| short(value.name(), &prefix).to_owned()).collect()
}

fn short<'a>(name: &'a str, prefix: &str) -> &'a str {
    name.strip_prefix(prefix).unwrap_or(name)
}

/// What the names of all enumerators begin with: `FEE_REASON_` for FeeReason.
fn prefix(of: &EnumDescriptor) -> String {
    let mut prefix = String::new();
    for (at, letter) in of.name().char_indices() {
        if at > 0 && letter.is_uppercase() {
            prefix.push('_');
        }
        prefix.push(letter.to_ascii_uppercase());
    }
    prefix + "_"
}

/// What a field takes, for people.
pub(crate) fn kind_name(kind: &Kind) -> String {
    match kind {
        Kind::Bool => "true or false".to_owned(),
        Kind::String => "a text".to_owned(),
        Kind::Bytes => "hexadecimal digits".to_owned(),
        Kind::Double | Kind::Float => "a number".to_owned(),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => "a whole number of 32 bits".to_owned(),
        Kind::Uint32 | Kind::Fixed32 => "a whole number of 32 bits, 0 or more".to_owned(),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => "a whole number".to_owned(),
        Kind::Uint64 | Kind::Fixed64 => "a whole number, 0 or more".to_owned(),
        Kind::Enum(of) => of.name().to_owned(),
        Kind::Message(of) => of.name().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_have_bounds() {
        for (kind, good, bad) in [
            (Kind::Int32, json!(-2_147_483_648i64), json!(2_147_483_648i64)),
            (Kind::Uint32, json!(4_294_967_295u64), json!(-1)),
            (Kind::Int64, json!("9223372036854775807"), json!(9_223_372_036_854_775_808u64)),
            (Kind::Uint64, json!("18446744073709551615"), json!("18446744073709551616")),
            (Kind::Float, json!(3e38), json!(3e39)),
            (Kind::Bool, json!("true"), json!(1)),
            (Kind::Double, json!("1e400"), json!("one")),
            (Kind::String, json!(""), json!(5)),
        ] {
            assert!(value(&kind, &good).unwrap().is_ok(), "{kind:?} {good}");
            assert!(value(&kind, &bad).unwrap().is_err(), "{kind:?} {bad}");
        }
    }

    #[test]
    fn bytes_are_hex_or_characters() {
        let of = |text: &str| bytes(&json!(text), false);
        assert_eq!(of("00ff"), Ok(Value::Bytes(vec![0, 255].into())));
        assert_eq!(of("text:00"), Ok(Value::Bytes(b"00".to_vec().into())));
        assert!(of("0").is_err() && of("zz").is_err() && bytes(&json!(7), false).is_err());
        let short = bytes(&json!("00ff"), true).unwrap_err().to_string();
        assert!(short.contains("64") && short.contains("4 characters"), "{short}");
    }
}
