//! Writes the messages, the Cap'n Proto types and the glue between them into `OUT_DIR`.

use std::error::Error;
use std::path::{Path, PathBuf};

use bitcoin_grpc_codegen::{Generated, Paths, build};

fn main() -> Result<(), Box<dyn Error>> {
    let paths = Paths::new("..");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    for input in [paths.schema(), paths.proto()] {
        println!("cargo::rerun-if-changed={}", input.display());
    }
    let generated = Generated::derive(&paths)?;
    build::wire_types(&paths, &out)?;
    build::messages(&generated, &paths, &out)?;
    write(&out.join("glue.rs"), &bitcoin_grpc_codegen::glue::glue(&generated))
}

fn write(path: &Path, text: &str) -> Result<(), Box<dyn Error>> {
    Ok(std::fs::write(path, text)?)
}
