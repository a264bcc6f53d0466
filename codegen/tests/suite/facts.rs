//! The compiled schema says what the wire facts say.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin_grpc_codegen::facts::{FieldFacts, InterfaceFacts, Profile};
use bitcoin_grpc_codegen::layout::type_text;
use bitcoin_grpc_codegen::schema::{Field, Interface, Scalar};
use serde_json::Value;

use crate::{GENERATED, NEWEST, profile};

/// A field in the form of the facts.
#[derive(Debug, PartialEq)]
struct Fact {
    name: String,
    ordinal: u16,
    ty: String,
    offset: u32,
    default: Option<Scalar>,
    exception: Option<String>,
}

fn of_facts(fields: &[FieldFacts]) -> Vec<Fact> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let fact = |field: &FieldFacts| Fact {
        name: field.name.clone(),
        ordinal: field.ordinal,
        ty: field.ty.clone(),
        offset: field.offset,
        default: nonzero(field.scalar()),
        exception: field.annotations.get("exception").and_then(text),
    };
    fields.iter().map(fact).collect()
}

fn of_schema(fields: &[Field]) -> Vec<Fact> {
    let fact = |field: &Field| Fact {
        name: field.name.clone(),
        ordinal: field.ordinal,
        ty: type_text(&field.ty),
        offset: field.offset,
        default: nonzero(field.default),
        exception: field.notes.exception.clone(),
    };
    fields.iter().map(fact).collect()
}

/// Zero, false and no default are one on the wire.
fn nonzero(default: Option<Scalar>) -> Option<Scalar> {
    default.filter(|d| ![Scalar::Bool(false), Scalar::Int(0), Scalar::Float(0.0)].contains(d))
}

fn hex(id: u64) -> String {
    format!("{id:#x}")
}

fn schema_interface(name: &str) -> &'static Interface {
    GENERATED.schema.interface(name).unwrap_or_else(|| panic!("no interface {name} in the schema"))
}

fn compare_interface(name: &str, facts: &InterfaceFacts) {
    let schema = schema_interface(name);
    assert_eq!(hex(schema.id), facts.id, "id of {name}");
    let parents = schema.extends.iter().map(|id| GENERATED.schema.interfaces[id].name.as_str());
    assert_eq!(parents.collect::<Vec<_>>(), facts.extends, "ancestors of {name}");
    assert_eq!(schema.methods.len(), facts.methods.len(), "methods of {name}");
    for (method, fact) in schema.methods.iter().zip(&facts.methods) {
        assert_eq!((&method.name, method.ordinal), (&fact.name, fact.ordinal), "in {name}");
        let place = format!("{name}.{}", method.name);
        assert_eq!(of_schema(&method.params), of_facts(&fact.params), "parameters of {place}");
        assert_eq!(of_schema(&method.results), of_facts(&fact.results), "results of {place}");
    }
}

fn compare_struct(name: &str, profile: &Profile) {
    let facts = &profile.structs[name];
    let schema = GENERATED.schema.structure(name);
    let schema = schema.unwrap_or_else(|| panic!("no struct {name} in the schema"));
    assert_eq!(hex(schema.id), facts.id, "id of {name}");
    assert_eq!(
        (schema.data_words, schema.pointers, &schema.parameters),
        (facts.data_words, facts.pointers, &facts.parameters),
        "size of {name}"
    );
    assert_eq!(of_schema(&schema.fields), of_facts(&facts.fields), "fields of {name}");
}

fn compare(profile: &Profile) {
    for (name, facts) in &profile.interfaces {
        compare_interface(name, facts);
    }
    for name in profile.structs.keys() {
        compare_struct(name, profile);
    }
    for (file, id) in &profile.file_ids {
        let schema = GENERATED.schema.files.get(file).copied();
        assert_eq!(schema.map(hex).as_ref(), Some(id), "id of {file}");
    }
}

#[test]
fn the_schema_is_that_of_the_newest_branch() {
    compare(profile(NEWEST));
}

#[test]
fn mining_rpc_and_echo_are_those_of_core_32() {
    let core = profile("core-32");
    for name in ["Mining", "BlockTemplate", "Rpc", "Echo", "Thread", "ThreadMap"] {
        compare_interface(name, &core.interfaces[name]);
    }
    for name in core.structs.keys() {
        compare_struct(name, core);
    }
}

#[test]
fn the_schema_has_nothing_besides() {
    let facts = profile(NEWEST);
    let own: BTreeSet<_> = GENERATED.schema.interfaces.values().map(|i| i.name.as_str()).collect();
    assert_eq!(own, facts.interfaces.keys().map(String::as_str).collect());
    let own: BTreeSet<_> = GENERATED.schema.structs.values().map(|s| s.name.as_str()).collect();
    assert_eq!(own, facts.structs.keys().map(String::as_str).collect());
}

#[test]
fn no_two_things_share_an_id() {
    let schema = &GENERATED.schema;
    let interfaces = schema.interfaces.values().map(|i| (i.id, i.name.clone()));
    let structs = schema.structs.values().map(|s| (s.id, s.name.clone()));
    let files = schema.files.iter().map(|(name, id)| (*id, name.clone()));
    let mut seen = BTreeMap::new();
    for (id, name) in interfaces.chain(structs).chain(files) {
        let other = seen.insert(id, name.clone());
        assert_eq!(other, None, "{} is also the id of {name}", hex(id));
    }
}
