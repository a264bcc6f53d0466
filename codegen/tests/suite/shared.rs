//! The profiles say what the wire facts beside the project say, where they lie there.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::{paths, root};

/// Set where the facts must be there, so that this test cannot pass by their absence.
const REQUIRE: &str = "BITCOIN_GRPC_REQUIRE_SHARED";

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).expect("a readable file");
    serde_json::from_str(&text).expect("JSON")
}

/// What matters of a field: where it lies, what it reads as, and what it stands for.
fn field(value: &Value) -> Value {
    let default = value.get("default").filter(|d| !matches!(d, Value::Null | Value::Bool(false)));
    let default = default.filter(|d| d.as_f64() != Some(0.0));
    let exception = value.pointer("/annotations/exception");
    serde_json::json!([
        value["name"],
        value["ordinal"],
        value["type"],
        value["offset"],
        default,
        exception
    ])
}

fn fields(value: &Value) -> Vec<Value> {
    value.as_array().expect("fields").iter().map(field).collect()
}

fn interface(value: &Value) -> Value {
    let methods = value["methods"].as_array().expect("methods").iter().map(|m| {
        serde_json::json!([m["ordinal"], m["name"], fields(&m["params"]), fields(&m["results"])])
    });
    let extends = value.get("extends").cloned().unwrap_or_else(|| serde_json::json!([]));
    serde_json::json!([value["id"], extends, methods.collect::<Vec<_>>()])
}

fn structure(value: &Value) -> Value {
    let parameters = value.get("parameters").cloned().unwrap_or_else(|| serde_json::json!([]));
    let size = [&value["dataWords"], &value["pointers"]];
    serde_json::json!([value["id"], size, parameters, fields(&value["fields"])])
}

fn compare(name: &str, part: &str, ours: &Value, theirs: &Value, view: fn(&Value) -> Value) {
    let (ours, theirs) = (ours[part].as_object(), theirs[part].as_object());
    let (ours, theirs) = (ours.expect("an object"), theirs.expect("an object"));
    let keys: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    for key in keys {
        let (ours, theirs) = (ours.get(key).map(view), theirs.get(key).map(view));
        assert_eq!(ours, theirs, "{name}: {key}");
    }
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string());
    names.map(|name| name.expect("a name")).filter(|name| name.ends_with(".json")).collect()
}

#[test]
fn the_profiles_are_the_shared_facts() {
    let shared = root().join("../shared/wire");
    if !shared.exists() {
        let absent = format!("no {}: the profiles are not compared", shared.display());
        assert!(std::env::var_os(REQUIRE).is_none(), "{absent}");
        eprintln!("{absent}");
        return;
    }
    assert_eq!(names(&paths().profiles()), names(&shared));
    for name in names(&shared) {
        let (ours, theirs) = (read(&paths().profiles().join(&name)), read(&shared.join(&name)));
        compare(&name, "interfaces", &ours, &theirs, interface);
        compare(&name, "structs", &ours, &theirs, structure);
        compare(&name, "fileIds", &ours, &theirs, Value::clone);
        assert_eq!(format!("{}.json", ours["profile"].as_str().expect("a name")), name);
    }
}
