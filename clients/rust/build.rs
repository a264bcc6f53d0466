//! Writes the messages and stubs of the contract into `OUT_DIR`. No `protoc` is needed.

use std::error::Error;
use std::path::Path;

const PROTO: &str = "../../proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PROTO}");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(Path::new(PROTO).join("bitcoin/ipc/v1"))? {
        files.push(entry?.path());
    }
    let descriptors = protox::compile(files, [PROTO])?;
    tonic_prost_build::configure().build_server(false).compile_fds(descriptors)?;
    Ok(())
}
