//! The generator and what it is made of: schema against facts, contract against schema, files
//! against generator.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on ends")]

mod comments;
mod facts;
mod files;
mod layouts;
mod lock;
mod methods;
mod shared;

use std::path::PathBuf;
use std::sync::LazyLock;

use bitcoin_grpc_codegen::facts::Profile;
use bitcoin_grpc_codegen::{Generated, Paths};

/// What the generator makes of the project.
static GENERATED: LazyLock<Generated> =
    LazyLock::new(|| Generated::derive(&paths()).expect("the project's own input"));

/// Profile of the newest interfaces.
const NEWEST: &str = "pr10102-2026-07";

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn paths() -> Paths {
    Paths::new(root())
}

fn profile(name: &str) -> &'static Profile {
    GENERATED.profiles.iter().find(|p| p.profile == name).expect("a profile of that name")
}
