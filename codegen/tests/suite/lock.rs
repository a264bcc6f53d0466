//! Numbers of the contract, once given, mean the same for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use bitcoin_grpc_codegen::contract::{
    Contract, Limits, Message, Origin, ProtoField, Shape, Source,
};
use bitcoin_grpc_codegen::lock::{Lock, PACKAGE_FOLDER};

/// A committed contract of one message, gone at the end of the test.
struct Committed(PathBuf);

impl Committed {
    fn new(name: &str, body: &str) -> Self {
        let root = std::env::temp_dir().join(format!("lock-{}-{name}", std::process::id()));
        let folder = root.join(PACKAGE_FOLDER);
        std::fs::create_dir_all(&folder).expect("a folder");
        let text =
            format!("syntax = \"proto3\";\npackage bitcoin.ipc.v1;\nmessage M {{\n{body}\n}}\n");
        std::fs::write(folder.join("m.proto"), text).expect("written");
        Self(root)
    }

    fn lock(&self) -> Lock {
        Lock::read(&self.0).expect("a contract")
    }
}

impl Drop for Committed {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn contract(fields: &[&str]) -> Contract {
    let field = |name: &&str| ProtoField {
        name: (*name).to_owned(),
        doc: String::new(),
        shape: Shape::Bool,
        optional: false,
        oneof: None,
        source: Source::Contract,
        number: 0,
        limits: Limits::default(),
    };
    let message = Message {
        name: "M".to_owned(),
        file: "m".to_owned(),
        doc: String::new(),
        fields: fields.iter().map(field).collect(),
        origin: Origin::Contract,
        requested: false,
    };
    Contract {
        services: Vec::new(),
        messages: BTreeMap::from([("M".to_owned(), message)]),
        order: vec!["M".to_owned()],
        enums: BTreeMap::new(),
    }
}

/// Numbers that the fields of a contract get.
fn numbered(lock: &Lock, fields: &[&str]) -> Vec<u32> {
    let mut contract = contract(fields);
    lock.apply(&mut contract);
    contract.messages["M"].fields.iter().map(|f| f.number).collect()
}

fn reserved(lock: &Lock, fields: &[&str]) -> Vec<(String, u32)> {
    let present: BTreeSet<&str> = fields.iter().copied().collect();
    lock.reserved("M", &present).into_iter().collect()
}

#[test]
fn nothing_committed_means_numbers_from_one() {
    assert_eq!(numbered(&Lock::default(), &["a", "b", "c"]), [1, 2, 3]);
}

#[test]
fn fields_keep_their_numbers_in_any_order() {
    let committed = Committed::new("order", "bool a = 1; bool b = 7;");
    assert_eq!(numbered(&committed.lock(), &["b", "a"]), [7, 1]);
}

#[test]
fn a_new_field_gets_a_number_that_was_never_used() {
    let committed = Committed::new("new", "reserved 9; reserved \"gone\"; bool a = 1; bool b = 2;");
    assert_eq!(numbered(&committed.lock(), &["new", "a", "b", "newer"]), [10, 1, 2, 11]);
}

#[test]
fn a_field_that_goes_leaves_its_number_reserved() {
    let committed = Committed::new("gone", "reserved 3; reserved \"c\"; bool a = 1; bool b = 2;");
    let expected = [("b".to_owned(), 2), ("c".to_owned(), 3)];
    assert_eq!(reserved(&committed.lock(), &["a"]), expected);
}

#[test]
fn a_new_name_is_a_new_field() {
    let committed = Committed::new("rename", "bool a = 1; bool b = 2;");
    assert_eq!(numbered(&committed.lock(), &["a", "renamed"]), [1, 3]);
    assert_eq!(reserved(&committed.lock(), &["a", "renamed"]), [("b".to_owned(), 2)]);
}

#[test]
fn a_field_that_returns_takes_nobody_elses_number() {
    let committed = Committed::new("return", "reserved 2; reserved \"b\"; bool a = 1;");
    assert_eq!(numbered(&committed.lock(), &["a", "new", "b"]), [1, 3, 2]);
    assert_eq!(reserved(&committed.lock(), &["a", "new", "b"]), []);
}
