//! Writes the tonic services of the contract, and the code that forwards them, into `OUT_DIR`.

use std::error::Error;
use std::path::{Path, PathBuf};

use bitcoin_grpc_codegen::{Generated, Paths, build};
use tonic_prost_build::Builder;

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
    let clients = services(&file, &out.join("client"))?.build_server(false);
    clients.compile_protos(&[] as &[&str], &[])?;
    let mut servers = services(&file, &out.join("server"))?.build_client(false);
    for message in build::stream_messages(&generated) {
        // Servers write events that are encoded already.
        servers = servers.extern_path(message, "crate::frontend::grpc::envelope::Envelope");
    }
    servers.compile_protos(&[] as &[&str], &[])?;
    Ok(())
}

fn services(descriptors: &Path, out: &Path) -> Result<Builder, Box<dyn Error>> {
    std::fs::create_dir_all(out)?;
    Ok(tonic_prost_build::configure()
        .out_dir(out)
        // The messages live in the contract crate, which knows nothing of HTTP.
        .extern_path(".bitcoin.ipc.v1", "::bitcoin_grpc_contract::v1")
        .file_descriptor_set_path(descriptors)
        .skip_protoc_run())
}
