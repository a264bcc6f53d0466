//! Requests from JSON: bytes are hexadecimal (hashes as explorers show them), numbers are numbers, and names
//! are the contract's.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use serde_json::Value as Json;

use crate::guess::did_you_mean;
use crate::hashes::Hashes;
use crate::scalar;
use crate::wrong::Wrong;

/// Deepest nesting of a request. A server refuses more long before.
const MAX_DEPTH: usize = 64;

/// Reads values of fields, with the knowledge which of them are hashes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) hashes: &'a Hashes,
}

type Read<T> = Result<T, Wrong>;

impl Reader<'_> {
    /// A request from the text of one JSON object.
    pub(crate) fn request(self, of: &MessageDescriptor, text: &str) -> Read<DynamicMessage> {
        let json: Json = serde_json::from_str(text)
            .map_err(|error| Wrong::new(format!("this is no JSON: {error}")))?;
        if !json.is_object() {
            return Err(Wrong::new("a request in JSON is an object: {\"field\": value}"));
        }
        self.message(of, &json, 0)
    }

    /// A message from an object, or from what is short for it.
    fn message(self, of: &MessageDescriptor, json: &Json, depth: usize) -> Read<DynamicMessage> {
        if depth > MAX_DEPTH {
            return Err(Wrong::new(format!("is nested more than {MAX_DEPTH} deep")));
        }
        let Json::Object(fields) = json else { return self.short(of, json, depth) };
        let mut message = DynamicMessage::new(of.clone());
        for (name, value) in fields {
            let field = field_named(of, name)?;
            // JSON's null is what is not said.
            if !value.is_null() {
                self.put(&mut message, &field, value, depth)?;
            }
        }
        Ok(message)
    }

    /// Sets a field.
    pub(crate) fn put(
        self,
        message: &mut DynamicMessage,
        field: &FieldDescriptor,
        json: &Json,
        depth: usize,
    ) -> Read<()> {
        alone(message, field)?;
        let value = self.field(field, json, depth).map_err(|wrong| wrong.within(field.name()))?;
        message.set_field(field, value);
        Ok(())
    }

    /// What is short for a message: a text for an outpoint, a time or a span, or the value of its only
    /// field.
    fn short(self, of: &MessageDescriptor, json: &Json, depth: usize) -> Read<DynamicMessage> {
        if let Json::String(text) = json {
            if let Some((txid, vout)) = outpoint_fields(of) {
                return self.outpoint(of, text, &txid, &vout);
            }
            if let Some(message) = well_known(of, text) {
                return message;
            }
        }
        let mut fields = of.fields();
        let (Some(only), None) = (fields.next(), fields.next()) else {
            let fields = if of.fields().len() == 0 { "{}".to_owned() } else { names(of) };
            return Err(Wrong::new(format!("takes an object: {fields}")));
        };
        let mut message = DynamicMessage::new(of.clone());
        self.put(&mut message, &only, json, depth)?;
        Ok(message)
    }

    /// `TXID:N`, as bitcoin's tools write an outpoint.
    fn outpoint(
        self,
        of: &MessageDescriptor,
        text: &str,
        txid: &FieldDescriptor,
        vout: &FieldDescriptor,
    ) -> Read<DynamicMessage> {
        let parts = text.split_once(':').and_then(|(id, n)| Some((id, n.parse::<u32>().ok()?)));
        let (id, number) = parts.ok_or_else(|| Wrong::new("takes TXID:NUMBER"))?;
        let mut message = DynamicMessage::new(of.clone());
        self.put(&mut message, txid, &Json::from(id), 0)?;
        message.set_field(vout, Value::U32(number));
        Ok(message)
    }

    /// The value of a field, a list for a list.
    fn field(self, field: &FieldDescriptor, json: &Json, depth: usize) -> Read<Value> {
        match json {
            _ if field.is_map() => self.map(field, json, depth),
            Json::Array(items) if field.is_list() => {
                let items = items.iter().enumerate().map(|(index, item)| {
                    self.item(field, item, depth).map_err(|wrong| wrong.item(index))
                });
                items.collect::<Read<Vec<_>>>().map(Value::List)
            }
            _ if field.is_list() => Err(Wrong::new("takes a list")),
            one => self.item(field, one, depth),
        }
    }

    fn map(self, field: &FieldDescriptor, json: &Json, depth: usize) -> Read<Value> {
        let (Json::Object(entries), Kind::Message(entry)) = (json, field.kind()) else {
            return Err(Wrong::new("takes an object"));
        };
        let (keys, values) = (entry.map_entry_key_field(), entry.map_entry_value_field());
        let entries = entries.iter().map(|(key, value)| {
            let value = self.item(&values, value, depth + 1).map_err(|wrong| wrong.within(key))?;
            Ok((scalar::key(&keys.kind(), key)?, value))
        });
        entries.collect::<Read<_>>().map(Value::Map)
    }

    /// One value, of a list, too.
    pub(crate) fn item(self, field: &FieldDescriptor, json: &Json, depth: usize) -> Read<Value> {
        match field.kind() {
            Kind::Bytes => scalar::bytes(json, self.hashes.has(field)),
            Kind::Message(of) => self.message(&of, json, depth + 1).map(Value::Message),
            kind => scalar::value(&kind, json).unwrap_or_else(|| Err(Wrong::new("is no value"))),
        }
    }
}

/// Of the members of a oneof there is one; the last would silently win.
pub(crate) fn alone(message: &DynamicMessage, field: &FieldDescriptor) -> Read<()> {
    let choices = field.containing_oneof();
    let mut others = choices.iter().flat_map(|choices| choices.fields());
    match others.find(|other| other != field && message.has_field(other)) {
        Some(other) => {
            let (one, other) = (field.name(), other.name());
            Err(Wrong::new(format!("takes only one of {other} and {one}")))
        }
        None => Ok(()),
    }
}

/// The field of that name, with a guess if there is none.
pub(crate) fn field_named(of: &MessageDescriptor, name: &str) -> Read<FieldDescriptor> {
    let found = of.get_field_by_name(name).or_else(|| of.get_field_by_json_name(name));
    found.ok_or_else(|| {
        let known: Vec<String> = of.fields().map(|field| field.name().to_owned()).collect();
        let guess = did_you_mean(name, known.iter().map(String::as_str));
        let has = match known.len() {
            0 => "; it has none".to_owned(),
            _ if guess.is_empty() => format!("; it has {}", names(of)),
            _ => guess,
        };
        Wrong::new(format!("{} has no field {name}{has}", of.name()))
    })
}

fn names(of: &MessageDescriptor) -> String {
    of.fields().map(|field| field.name().to_owned()).collect::<Vec<_>>().join(", ")
}

/// The fields of an outpoint, if it is one.
fn outpoint_fields(of: &MessageDescriptor) -> Option<(FieldDescriptor, FieldDescriptor)> {
    let is_one = of.name() == "OutPoint" && of.fields().len() == 2;
    is_one.then(|| Some((of.get_field_by_name("txid")?, of.get_field_by_name("vout")?)))?
}

/// Times and spans as protobuf's own JSON has them.
fn well_known(of: &MessageDescriptor, text: &str) -> Option<Read<DynamicMessage>> {
    let mut message = DynamicMessage::new(of.clone());
    let (done, takes) = match of.full_name() {
        "google.protobuf.Timestamp" => {
            let time = text.parse::<prost_types::Timestamp>().ok();
            (time.and_then(|time| message.transcode_from(&time).ok()), "2026-01-31T12:00:00Z")
        }
        "google.protobuf.Duration" => {
            let span = text.parse::<prost_types::Duration>().ok();
            (span.and_then(|span| message.transcode_from(&span).ok()), "a span such as 1.5s")
        }
        _ => return None,
    };
    Some(done.map(|()| message).ok_or_else(|| Wrong::new(format!("takes {takes}"))))
}
