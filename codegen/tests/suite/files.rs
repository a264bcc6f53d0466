//! What is committed is what the generator writes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bitcoin_grpc_codegen::schema::Schema;
use bitcoin_grpc_codegen::{Generated, Paths};

use crate::{GENERATED, paths, root};

/// What to do about it.
const REPAIR: &str = "repair with: cargo run -p bitcoin-grpc-codegen";

/// A copy of what the generator reads and writes, gone at the end of the test.
struct Copy(PathBuf);

impl Copy {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("codegen-{}-{name}", std::process::id()));
        for part in ["schema", "proto", "docs/api"] {
            copy(&root().join(part), &folder.join(part));
        }
        Self(folder)
    }

    fn paths(&self) -> Paths {
        Paths::new(&self.0)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        match entry.file_type().expect("a type").is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).expect("a copy")),
        }
    }
}

fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut contents = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => contents.extend(self::contents(&path)),
            false => drop(contents.insert(path.clone(), std::fs::read(&path).expect("a file"))),
        }
    }
    contents
}

#[test]
fn generated_files_are_fresh() {
    let drift = GENERATED.drift();
    assert!(drift.is_empty(), "not as the generator writes them: {drift:?}\n{REPAIR}");
}

#[test]
fn the_compiled_schema_is_fresh() {
    let Some(compiled) = Paths::compile_schema(&paths().schema()).expect("a schema") else {
        eprintln!("the capnp tool is not installed: the compiled schema is not checked");
        return;
    };
    let committed = std::fs::read(paths().compiled_schema()).expect("the compiled schema");
    // Versions of the tool sign their output, so it is what they say that counts.
    let [compiled, committed] = [compiled, committed]
        .map(|bytes| format!("{:#?}", Schema::read(&bytes).expect("a compiled schema")));
    let place = compiled.lines().zip(committed.lines()).find(|(new, old)| new != old);
    assert!(compiled == committed, "schema/schema.bin is not that of schema/: {place:?}\n{REPAIR}");
}

#[test]
fn a_second_run_changes_nothing() {
    let copy = Copy::new("twice");
    let before = contents(&copy.0);
    for _ in 0..2 {
        let written = Generated::derive(&copy.paths()).expect("a project").write();
        assert_eq!(written.expect("written"), Vec::<PathBuf>::new());
    }
    assert!(before == contents(&copy.0));
}

#[test]
fn a_file_that_drifted_is_named_and_repaired() {
    let copy = Copy::new("drift");
    let before = contents(&copy.0);
    let damaged = copy.paths().proto().join("bitcoin/ipc/v1/echo.proto");
    let text = std::fs::read_to_string(&damaged).expect("a file");
    std::fs::write(&damaged, text.replace("same text", "other text")).expect("written");
    let generated = Generated::derive(&copy.paths()).expect("a project");
    assert_eq!(generated.drift(), [damaged]);
    generated.write().expect("written");
    assert!(before == contents(&copy.0));
}
