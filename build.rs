//! Writes the tonic services of the contract, and the code that forwards them, into `OUT_DIR`.

use std::error::Error;
use std::path::PathBuf;

use bitcoin_grpc_codegen::{Generated, Paths, build};

fn main() -> Result<(), Box<dyn Error>> {
    let paths = Paths::new(".");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    for input in [paths.schema(), paths.proto()] {
        println!("cargo::rerun-if-changed={}", input.display());
    }
    let generated = Generated::derive(&paths)?;
    std::fs::write(out.join("services.rs"), build::services(&generated))?;
    let descriptors = build::descriptors(&paths)?;
    let file = out.join("descriptors.bin");
    std::fs::write(&file, &descriptors)?;
    tonic_prost_build::configure()
        .out_dir(&out)
        // The messages live in the contract crate, which knows nothing of HTTP.
        .extern_path(".bitcoin.ipc.v1", "::bitcoin_grpc_contract::v1")
        .file_descriptor_set_path(&file)
        .skip_protoc_run()
        .compile_protos(&[] as &[&str], &[])?;
    Ok(())
}
