//! Writes the contract's descriptors, and the way from a method to the types of its messages, into
//! `OUT_DIR`.

use std::error::Error;
use std::fmt::Write;
use std::path::PathBuf;

use bitcoin_grpc_codegen::contract::{Contract, Form, Rpc};
use bitcoin_grpc_codegen::{Generated, Paths, build};

fn main() -> Result<(), Box<dyn Error>> {
    let paths = Paths::new("..");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    for input in [paths.schema(), paths.proto()] {
        println!("cargo::rerun-if-changed={}", input.display());
    }
    let generated = Generated::derive(&paths)?;
    std::fs::write(out.join("descriptors.bin"), build::descriptors(&paths)?)?;
    Ok(std::fs::write(out.join("any.rs"), any(&generated.contract))?)
}

/// Functions that carry requests and replies of a method known only at run time to and from
/// protobuf.
fn any(contract: &Contract) -> String {
    let all = rpcs(contract);
    let unary: Vec<_> = all.iter().filter(|(_, rpc)| rpc.form == Form::Unary).cloned().collect();
    let mut out = String::new();
    for (name, ty, rpcs) in [("request", "Request", &all), ("reply", "Reply", &unary)] {
        let _ = writeln!(
            out,
            "pub(super) fn {name}(method: Method, bytes: &[u8]) -> Option<{ty}> {{\n    Some(match method {{"
        );
        for (variant, _) in rpcs {
            let _ = writeln!(
                out,
                "        Method::{variant} => {ty}::{variant}(Message::decode(bytes).ok()?),"
            );
        }
        let rest = if rpcs.len() == all.len() { "" } else { "        _ => return None,\n" };
        let _ = writeln!(out, "{rest}    }})\n}}\n");
        let _ = writeln!(
            out,
            "pub(super) fn {name}_bytes(message: &{ty}) -> Vec<u8> {{\n    match message {{"
        );
        for (variant, _) in rpcs {
            let _ = writeln!(out, "        {ty}::{variant}(m) => m.encode_to_vec(),");
        }
        let _ = writeln!(out, "    }}\n}}\n");
    }
    out
}

fn rpcs(contract: &Contract) -> Vec<(String, &Rpc)> {
    let services = contract.services.iter();
    services
        .flat_map(|s| s.methods.iter().map(move |rpc| (format!("{}{}", s.name, rpc.name), rpc)))
        .collect()
}
