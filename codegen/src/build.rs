//! What build scripts ask for: code of other generators, made from the project's inputs.

use std::path::Path;

use crate::contract::{Form, Shape};
use crate::lock::proto_files;
use crate::output::{Generated, Paths};
use crate::schema::Content;
use crate::{Error, glue};

/// Module of the contract crate that holds the Cap'n Proto types.
const WIRE_MODULE: &str = "wire";

/// Writes capnpc's Rust for the whole schema into `out`.
///
/// # Errors
/// When the compiled schema cannot be read or `out` not be written.
pub fn wire_types(paths: &Paths, out: &Path) -> Result<(), Error> {
    let compiled = paths.compiled_schema();
    let request = std::fs::File::open(&compiled).map_err(|e| Error::io(&compiled, e))?;
    capnpc::codegen::CodeGenerationCommand::new()
        .output_directory(out)
        .default_parent_module(vec![WIRE_MODULE.to_owned()])
        .run(request)?;
    Ok(())
}

/// Writes prost's Rust for the contract's messages into `out`, as `bitcoin.ipc.v1.rs`.
///
/// # Errors
/// When the contract does not compile or `out` cannot be written.
pub fn messages(generated: &Generated, paths: &Paths, out: &Path) -> Result<(), Error> {
    let set = protox::compile(proto_files(&paths.proto())?, [paths.proto()])?;
    let mut config = prost_build::Config::new();
    config.out_dir(out).bytes(["."]);
    // A passphrase must not reach a log through Debug; the contract crate says "redacted" instead.
    config.skip_debug(secret_messages(generated));
    config.compile_fds(set).map_err(|e| Error::io(out, e))
}

/// The descriptors of the contract, comments included, for reflection.
///
/// # Errors
/// When the contract does not compile.
pub fn descriptors(paths: &Paths) -> Result<Vec<u8>, Error> {
    let mut compiler = protox::Compiler::new([paths.proto()])?;
    compiler.include_source_info(true).include_imports(true);
    compiler.open_files(proto_files(&paths.proto())?)?;
    Ok(compiler.encode_file_descriptor_set())
}

/// Full names of the messages that streams consist of.
#[must_use]
pub fn stream_messages(generated: &Generated) -> Vec<String> {
    let methods = generated.contract.services.iter().flat_map(|service| &service.methods);
    let streams = methods.filter(|rpc| rpc.form != Form::Unary);
    streams.map(|rpc| format!(".bitcoin.ipc.v1.{}", rpc.response)).collect()
}

/// Full names of the messages that hold a secret.
#[must_use]
pub fn secret_messages(generated: &Generated) -> Vec<String> {
    let secret = |shape: &Shape| {
        matches!(shape, Shape::Bytes(Content::Secret) | Shape::String(Content::Secret))
    };
    let messages = generated.contract.messages.values();
    let secrets = messages.filter(|m| m.fields.iter().any(|f| secret(&f.shape)));
    secrets.map(|m| format!(".bitcoin.ipc.v1.{}", m.name)).collect()
}

/// The implementations of tonic's service traits.
#[must_use]
pub fn services(generated: &Generated) -> String {
    glue::services(generated)
}
