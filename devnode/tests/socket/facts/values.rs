//! Between the JSON of the recordings and values on the wire.

use std::collections::BTreeMap;

use bitcoin::hex::{DisplayHex, FromHex};
use bitcoin_grpc_codegen::schema::Type;
use bitcoin_grpc_testkit::Tree;
use bitcoin_grpc_testkit::generation::{Generation, Layout};
use serde_json::{Map, Value, json};

/// The fields of a struct, defaults where the recording has none.
pub(crate) fn fields(
    generation: &Generation,
    layout: &Layout,
    from: &Value,
) -> BTreeMap<String, Tree> {
    let mut fields = layout.blank();
    for (name, value) in from.as_object().into_iter().flatten() {
        let slot = layout.slot(name).unwrap_or_else(|| panic!("no field {name}"));
        fields.insert(name.clone(), tree(generation, &slot.ty, value));
    }
    fields
}

fn tree(generation: &Generation, ty: &Type, value: &Value) -> Tree {
    match (ty, value) {
        (_, Value::Null) => Tree::Null,
        (Type::Bool, Value::Bool(value)) => Tree::Bool(*value),
        (Type::Int(_) | Type::UInt(_), Value::Number(number)) => Tree::Int(
            number.as_i64().map(i128::from).or(number.as_u64().map(i128::from)).expect("integer"),
        ),
        (Type::Float64, Value::String(word)) => Tree::Float(word.parse().expect("a number")),
        (Type::Float64, Value::Number(number)) => Tree::Float(number.as_f64().expect("a number")),
        (Type::Text, Value::String(text)) => Tree::Text(text.clone()),
        (Type::Data, Value::String(hex)) => Tree::Data(Vec::from_hex(hex).expect("hex")),
        (Type::List(element), Value::Array(items)) => {
            Tree::List(items.iter().map(|item| tree(generation, element, item)).collect())
        }
        (Type::Struct { name, args }, Value::Object(_)) => {
            Tree::Struct(fields(generation, &generation.structure(name, args), value))
        }
        (Type::Interface { .. }, Value::Number(place)) => {
            Tree::Capability(u32::try_from(place.as_u64().expect("a place")).expect("few"))
        }
        (ty, value) => panic!("{value} is no {ty:?}"),
    }
}

/// What was read, without its context: null for null pointers, also for empty elements of lists; a list that is not
/// there is empty, as in the recordings.
pub(crate) fn show(generation: &Generation, layout: &Layout, tree: &Tree) -> Value {
    let Tree::Struct(found) = tree else { panic!("not a struct: {tree:?}") };
    let mut shown = Map::new();
    for (name, value) in found.iter().filter(|(name, _)| *name != "context") {
        let slot = layout.slot(name).unwrap_or_else(|| panic!("no field {name}"));
        shown.insert(name.clone(), show_value(generation, &slot.ty, value));
    }
    Value::Object(shown)
}

fn show_value(generation: &Generation, ty: &Type, value: &Tree) -> Value {
    match (ty, value) {
        (Type::List(_), Tree::Null) => json!([]),
        (_, Tree::Null) => Value::Null,
        (_, Tree::Bool(value)) => json!(value),
        (_, Tree::Int(value)) => match (i64::try_from(*value), u64::try_from(*value)) {
            (Ok(value), _) => json!(value),
            (_, value) => json!(value.expect("64 bits")),
        },
        (_, Tree::Float(value)) => json!(value),
        (_, Tree::Text(text)) => json!(text),
        (_, Tree::Data(data)) => json!(data.to_lower_hex_string()),
        (Type::List(element), Tree::List(items)) => {
            items.iter().map(|item| show_item(generation, element, item)).collect()
        }
        (Type::Struct { name, args }, Tree::Struct(_)) => {
            show(generation, &generation.structure(name, args), value)
        }
        (_, Tree::Capability(_)) => json!("$cap"),
        other => panic!("nothing that is read: {other:?}"),
    }
}

fn show_item(generation: &Generation, element: &Type, item: &Tree) -> Value {
    match item {
        // In a list nobody can tell an empty Data from none.
        Tree::Data(data) if data.is_empty() => Value::Null,
        item => show_value(generation, element, item),
    }
}
