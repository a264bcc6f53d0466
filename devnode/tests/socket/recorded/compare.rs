//! Whether an answer is the recorded one, and where it is not.

use serde_json::{Map, Value, json};

/// A place where an answer is another than the recorded one. What is missing on a side is null there.
#[derive(Debug)]
pub(crate) struct Difference {
    /// The names on the way, with a stroke before each.
    pub(crate) path: String,
    pub(crate) ours: Value,
    pub(crate) recorded: Value,
}

/// All places where two values differ.
pub(crate) fn differences(ours: &Value, recorded: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", ours, recorded, &mut found);
    found
}

/// Whether two values are the same.
pub(crate) fn same(ours: &Value, recorded: &Value) -> bool {
    differences(ours, recorded).is_empty()
}

fn compare(path: &str, ours: &Value, recorded: &Value, found: &mut Vec<Difference>) {
    match (ours, recorded) {
        (Value::Object(a), Value::Object(b)) => {
            let mut names: Vec<_> = a.keys().chain(b.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                let of = |object: &Map<String, Value>| object.get(name).cloned();
                match (of(a), of(b)) {
                    (Some(a), Some(b)) => compare(&format!("{path}/{name}"), &a, &b, found),
                    (a, b) => found.push(Difference {
                        path: format!("{path}/{name}"),
                        ours: a.unwrap_or_default(),
                        recorded: b.unwrap_or_default(),
                    }),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (place, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{path}/{place}"), a, b, found);
            }
        }
        (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => {
            if a.is_f64() != b.is_f64() || a.as_f64() != b.as_f64() {
                found.push(difference(path, ours, recorded));
            }
        }
        _ if ours == recorded => {}
        _ => found.push(difference(path, ours, recorded)),
    }
}

fn difference(path: &str, ours: &Value, recorded: &Value) -> Difference {
    Difference { path: path.to_owned(), ours: ours.clone(), recorded: recorded.clone() }
}

/// What came of a recorded call: its results, or its error without what the recorder's library put before.
pub(crate) fn recorded(record: &Value) -> Value {
    let Some(error) = record.get("error") else {
        let results = record.get("results").filter(|results| !results.is_null());
        let mut results = results.cloned().unwrap_or_else(|| json!({}));
        capabilities(&mut results);
        return json!({ "results": results });
    };
    let text = error["text"].as_str().unwrap_or_default();
    let text = text.strip_prefix("remote exception: ").unwrap_or(text);
    failure(error["kind"].as_str().unwrap_or_default(), text)
}

/// What came of our call.
pub(crate) fn ours(outcome: Result<Value, &capnp::Error>) -> Value {
    match outcome {
        Ok(results) => json!({ "results": results }),
        Err(error) => {
            let kind = format!("{:?}", error.kind).to_lowercase();
            let text = error.extra.strip_prefix("remote exception: ").unwrap_or(&error.extra);
            failure(&kind, text)
        }
    }
}

/// The words in which a library says that the other side is gone are its own.
fn failure(kind: &str, text: &str) -> Value {
    let text = if ["disconnected", "timeout"].contains(&kind) { "" } else { text };
    json!({ "error": { "kind": kind, "text": text } })
}

/// What the recorder knew of an object is that it is one.
fn capabilities(value: &mut Value) {
    match value {
        Value::Object(fields) if fields.contains_key("$cap") => *value = json!("$cap"),
        Value::Object(fields) => fields.values_mut().for_each(capabilities),
        _ => {}
    }
}

/// Texts that are JSON on both sides and differ are compared as JSON. If only their form differs, they stay texts.
pub(crate) fn parse_texts(ours: &mut Value, recorded: &mut Value) {
    match (ours, recorded) {
        (Value::Object(ours), Value::Object(recorded)) => {
            for (name, ours) in ours {
                recorded.get_mut(name).into_iter().for_each(|recorded| parse_texts(ours, recorded));
            }
        }
        (ours @ Value::String(_), recorded @ Value::String(_)) if ours != recorded => {
            let parsed = |text: &Value| serde_json::from_str::<Value>(text.as_str()?).ok();
            if let (Some(a), Some(b)) = (parsed(ours), parsed(recorded))
                && !same(&a, &b)
            {
                (*ours, *recorded) = (a, b);
            }
        }
        _ => {}
    }
}

#[test]
fn differences_are_found_and_named() {
    let same_as = |a, b| differences(&a, &b).into_iter().map(|d| d.path).collect::<Vec<_>>();
    assert_eq!(same_as(json!({"a": [1, {"b": ""}]}), json!({"a": [1, {"b": null}]})), ["/a/1/b"]);
    assert_eq!(same_as(json!(u64::MAX), json!(u64::MAX - 1)), [""]);
    assert_eq!(same_as(json!(1), json!(1.0)), [""]);
    assert_eq!(same_as(json!({"a": 1}), json!({"b": 1})), ["/a", "/b"]);
    assert_eq!(same_as(json!([1]), json!([1, 2])), [""]);
    assert_eq!(same_as(json!(true), json!(1)), [""]);
}
