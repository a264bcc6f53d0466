//! Between Cap'n Proto and the JSON of the recordings.

use bitcoin::hex::{DisplayHex, FromHex};
use bitcoin_grpc_contract::wire::proxy_capnp::{context, thread};
use capnp::introspect::TypeVariant;
use capnp::{dynamic_list, dynamic_struct, dynamic_value};
use serde_json::{Map, Value, json};

use crate::client::name_thread;

/// Fills parameters; null stays a null pointer.
pub(crate) fn fill(mut to: dynamic_struct::Builder<'_>, from: &Value) {
    for (name, value) in from.as_object().into_iter().flatten().filter(|(_, v)| !v.is_null()) {
        let field = to.get_schema().get_field_by_name(name).expect("a field");
        match field.get_type().which() {
            TypeVariant::Struct(_) => fill(to.reborrow().init(field).unwrap().downcast(), value),
            TypeVariant::List(_) => {
                let items = value.as_array().expect("a list");
                let list = to.reborrow().initn(field, items.len() as u32).unwrap();
                fill_list(list.downcast(), items);
            }
            of => set(of, value, |value| to.set(field, value).unwrap()),
        }
    }
}

fn fill_list(mut to: dynamic_list::Builder<'_>, items: &[Value]) {
    for (place, item) in items.iter().enumerate() {
        let of = to.element_type().which();
        set(of, item, |value| to.set(place as u32, value).unwrap());
    }
}

fn set(of: TypeVariant, value: &Value, put: impl FnOnce(dynamic_value::Reader<'_>)) {
    let bytes;
    put(match (of, value) {
        (TypeVariant::Bool, Value::Bool(value)) => (*value).into(),
        (TypeVariant::Int32, value) => (value.as_i64().unwrap() as i32).into(),
        (TypeVariant::Int64, value) => value.as_i64().unwrap().into(),
        (TypeVariant::UInt32, value) => (value.as_u64().unwrap() as u32).into(),
        (TypeVariant::UInt64, value) => value.as_u64().unwrap().into(),
        (TypeVariant::Float64, value) => number(value).into(),
        (TypeVariant::Text, Value::String(text)) => text.as_str().into(),
        (TypeVariant::Data, Value::String(hex)) => {
            bytes = Vec::from_hex(hex).unwrap();
            bytes.as_slice().into()
        }
        (_, value) => panic!("{value} has no place"),
    });
}

/// Names the thread of a call, if its parameters have a context.
pub(crate) fn set_context(to: dynamic_struct::Builder<'_>, thread: &thread::Client) {
    let field = to.get_schema().find_field_by_name("context").expect("a schema");
    if let Some(field) = field {
        let context: dynamic_struct::Builder<'_> = to.init(field).unwrap().downcast();
        name_thread(context.downcast::<context::Owned>(), Some(thread));
    }
}

/// Results as they are recorded: null for null pointers, also for empty elements of lists.
pub(crate) fn show(from: dynamic_struct::Reader<'_>) -> Value {
    let mut shown = Map::new();
    for field in from.get_schema().get_non_union_fields().unwrap() {
        let name = field.get_proto().get_name().unwrap().to_str().unwrap().to_owned();
        let of = field.get_type();
        let is_null = of.is_pointer_type() && !from.has(field).unwrap();
        let value = match of.which() {
            // The recorder could not tell a list that is not there from an empty one.
            TypeVariant::List(_) if is_null => json!([]),
            _ if is_null => Value::Null,
            _ => show_value(from.get(field).unwrap()),
        };
        shown.insert(name, value);
    }
    Value::Object(shown)
}

fn show_value(value: dynamic_value::Reader<'_>) -> Value {
    match value {
        dynamic_value::Reader::Bool(value) => json!(value),
        dynamic_value::Reader::UInt8(value) => json!(value),
        dynamic_value::Reader::Int32(value) => json!(value),
        dynamic_value::Reader::Int64(value) => json!(value),
        dynamic_value::Reader::UInt16(value) => json!(value),
        dynamic_value::Reader::UInt32(value) => json!(value),
        dynamic_value::Reader::UInt64(value) => json!(value),
        dynamic_value::Reader::Float64(value) => json!(value),
        dynamic_value::Reader::Text(value) => json!(value.to_str().unwrap()),
        dynamic_value::Reader::Data(value) => json!(value.to_lower_hex_string()),
        dynamic_value::Reader::Struct(value) => show(value),
        dynamic_value::Reader::List(list) => {
            list.iter().map(|item| show_item(item.unwrap())).collect()
        }
        other => panic!("a type that no recording has: {other:?}"),
    }
}

fn show_item(item: dynamic_value::Reader<'_>) -> Value {
    match item {
        // In a list nobody can tell an empty Data from none.
        dynamic_value::Reader::Data([]) => Value::Null,
        item => show_value(item),
    }
}

/// A floating-point number; JSON has no words for some.
fn number(value: &Value) -> f64 {
    match value {
        Value::String(word) => word.parse().unwrap(),
        value => value.as_f64().unwrap(),
    }
}
