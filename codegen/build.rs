//! Compiles the annotation structs of `schema/grpc.capnp`, so that the generator can read them.

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let request = Path::new("../schema/schema.bin");
    println!("cargo::rerun-if-changed={}", request.display());
    capnpc::codegen::CodeGenerationCommand::new()
        .output_directory(std::env::var("OUT_DIR")?)
        .run(std::fs::File::open(request)?)?;
    Ok(())
}
