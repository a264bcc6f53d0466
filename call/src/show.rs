//! Answers as people read them: JSON whose bytes are hexadecimal (hashes as explorers show them) and whose
//! numbers are numbers; or, of an answer with a single value, that value.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage, Value};
use serde::ser::{Error, Serialize, SerializeMap, Serializer};

use crate::hashes::{Hashes, to_text};

/// Writes answers, with the knowledge which of their fields are hashes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writer<'a> {
    pub(crate) hashes: &'a Hashes,
}

impl Writer<'_> {
    /// All of it on one line.
    pub(crate) fn line(self, message: &DynamicMessage) -> serde_json::Result<String> {
        serde_json::to_string(&Shown(self, message))
    }

    /// For eyes: the value if there is just one, nothing if there is none, indented JSON otherwise.
    pub(crate) fn text(self, message: &DynamicMessage) -> serde_json::Result<Option<String>> {
        let descriptor = message.descriptor();
        let mut fields = descriptor.fields();
        let (first, second) = (fields.next(), fields.next());
        match (first, second) {
            (None, _) => Ok(None),
            (Some(only), None) if is_single(&only) => {
                if only.supports_presence() && !message.has_field(&only) {
                    return Ok(None);
                }
                self.bare(&only, &message.get_field(&only)).map(Some)
            }
            _ => serde_json::to_string_pretty(&Shown(self, message)).map(Some),
        }
    }

    /// A value without quotes.
    fn bare(self, field: &FieldDescriptor, value: &Value) -> serde_json::Result<String> {
        match value {
            Value::String(text) => Ok(text.clone()),
            value => {
                let text = serde_json::to_string(&Item(self, field, value))?;
                Ok(text.trim_matches('"').to_owned())
            }
        }
    }
}

fn is_single(field: &FieldDescriptor) -> bool {
    !field.is_list() && !matches!(field.kind(), Kind::Message(_))
}

/// A message.
struct Shown<'a>(Writer<'a>, &'a DynamicMessage);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self(writer, message) = self;
        if let Some(text) = well_known(message) {
            return to.serialize_str(&text);
        }
        let descriptor = message.descriptor();
        let fields = descriptor
            .fields()
            .filter(|field| !field.supports_presence() || message.has_field(field));
        let mut map = to.serialize_map(None)?;
        for field in fields {
            let value = message.get_field(&field);
            map.serialize_entry(field.name(), &Item(*writer, &field, &value))?;
        }
        map.end()
    }
}

/// The value of a field.
struct Item<'a>(Writer<'a>, &'a FieldDescriptor, &'a Value);

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self(writer, field, value) = *self;
        match value {
            Value::Bool(flag) => to.serialize_bool(*flag),
            Value::I32(number) => to.serialize_i32(*number),
            Value::I64(number) => to.serialize_i64(*number),
            Value::U32(number) => to.serialize_u32(*number),
            Value::U64(number) => to.serialize_u64(*number),
            Value::F32(number) if number.is_finite() => to.serialize_f32(*number),
            Value::F32(number) => to.serialize_str(not_finite(f64::from(*number))),
            Value::F64(number) if number.is_finite() => to.serialize_f64(*number),
            Value::F64(number) => to.serialize_str(not_finite(*number)),
            Value::String(text) => to.serialize_str(text),
            Value::Bytes(bytes) => to.serialize_str(&to_text(bytes, writer.hashes.has(field))),
            Value::EnumNumber(number) => enumerator(to, field, *number),
            Value::Message(inner) => Shown(writer, inner).serialize(to),
            Value::List(items) => {
                to.collect_seq(items.iter().map(|item| Item(writer, field, item)))
            }
            Value::Map(entries) => {
                let kind = field.kind();
                let entry =
                    kind.as_message().ok_or_else(|| S::Error::custom("a map of nothing"))?;
                let values = entry.map_entry_value_field();
                let entries = entries.iter();
                to.collect_map(
                    entries.map(|(key, value)| (text(key), Item(writer, &values, value))),
                )
            }
        }
    }
}

/// JSON has no number for what is not finite; protobuf's JSON has these words.
const fn not_finite(number: f64) -> &'static str {
    if number.is_nan() {
        "NaN"
    } else if number > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

/// JSON's keys are texts.
fn text(key: &MapKey) -> String {
    match key {
        MapKey::Bool(flag) => flag.to_string(),
        MapKey::I32(number) => number.to_string(),
        MapKey::I64(number) => number.to_string(),
        MapKey::U32(number) => number.to_string(),
        MapKey::U64(number) => number.to_string(),
        MapKey::String(text) => text.clone(),
    }
}

fn enumerator<S: Serializer>(
    to: S,
    field: &FieldDescriptor,
    number: i32,
) -> Result<S::Ok, S::Error> {
    let kind = field.kind();
    match kind.as_enum().and_then(|of| of.get_value(number)) {
        Some(value) => to.serialize_str(value.name()),
        None => to.serialize_i32(number),
    }
}

/// Times and spans as protobuf's own JSON has them, if they are within its bounds.
fn well_known(message: &DynamicMessage) -> Option<String> {
    match message.descriptor().full_name() {
        "google.protobuf.Timestamp" => {
            let time: prost_types::Timestamp = message.transcode_to().ok()?;
            let known = std::time::SystemTime::try_from(time).ok()?;
            // Later than the year 9999 there is no text.
            let end = std::time::UNIX_EPOCH + std::time::Duration::from_secs(253_402_300_799);
            (known >= std::time::UNIX_EPOCH && known <= end).then(|| time.to_string())
        }
        "google.protobuf.Duration" => {
            let span: prost_types::Duration = message.transcode_to().ok()?;
            std::time::Duration::try_from(span).ok().map(|_| span.to_string())
        }
        _ => None,
    }
}
