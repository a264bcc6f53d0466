//! The program `bitcoin-grpc`.

use std::path::PathBuf;
use std::process::ExitCode;

use bitcoin_grpc::app;
use bitcoin_grpc::config::{Config, Invocation};
use bitcoin_grpc::output::complain;

/// Exit code for a configuration with faults, as clap uses it for arguments that it does not know.
const MISTYPED: u8 = 2;

fn main() -> ExitCode {
    let invocation = match Invocation::read(std::env::args_os()) {
        Ok(invocation) => invocation,
        // Help is an "error", too; clap prints it where it belongs.
        Err(error) => error.exit(),
    };
    let command = invocation.command;
    let home = std::env::var_os("HOME").map(PathBuf::from);
    match Config::mean(invocation, home.as_deref()) {
        Ok(config) => outcome(
            app::run(command, config).map_err(|error| (error.to_string(), error.exit_code())),
        ),
        Err(faults) => outcome(Err((format!("the configuration has faults:\n{faults}"), MISTYPED))),
    }
}

fn outcome(result: Result<(), (String, u8)>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err((what, code)) => {
            complain(what);
            ExitCode::from(code)
        }
    }
}
