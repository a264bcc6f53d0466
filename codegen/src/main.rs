//! Writes what is generated and committed: the compiled schema, the layouts of older generations,
//! the contract, and its pages. Run from the project's root: `cargo run -p bitcoin-grpc-codegen`.

use std::path::Path;
use std::process::ExitCode;

use bitcoin_grpc_codegen::{Error, Generated, Paths};

fn main() -> ExitCode {
    match run(&Paths::new(".")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(paths: &Paths) -> Result<(), Error> {
    let tool = compile(paths)?;
    let written = Generated::derive(paths)?.write()?;
    for path in &written {
        say(&format!("wrote {}", path.display()));
    }
    // The layouts of older generations are a schema file themselves.
    if tool && written.iter().any(|path| path.extension().is_some_and(|e| e == "capnp")) {
        compile(paths)?;
    }
    Ok(())
}

/// Compiles the schema anew where the `capnp` tool is installed; says so where it is not.
fn compile(paths: &Paths) -> Result<bool, Error> {
    let compiled = paths.compiled_schema();
    match Paths::compile_schema(&paths.schema())? {
        Some(bytes) if std::fs::read(&compiled).is_ok_and(|found| found == bytes) => Ok(true),
        Some(bytes) => {
            std::fs::write(&compiled, bytes).map_err(|e| io(&compiled, e))?;
            say(&format!("wrote {}", compiled.display()));
            Ok(true)
        }
        None => {
            say("the capnp tool is not installed: using the committed schema/schema.bin");
            Ok(false)
        }
    }
}

fn io(path: &Path, source: std::io::Error) -> Error {
    Error::Io { path: path.display().to_string(), source }
}

#[allow(clippy::print_stderr, reason = "a command speaks to the person who ran it")]
fn say(line: &str) {
    eprintln!("{line}");
}
