//! The proxy beside what it is made of, in one run: a direct Cap'n Proto client of the same node,
//! and a bare tonic server. It prints figures and ratios and judges nothing.
//!
//! ```text
//! cargo bench --bench side_by_side -- [--smoke] [--seconds N] [--soak N] [--node PATH]
//! ```
//!
//! `--node` names the socket of a real node on regtest; without it the embedded node answers.
//! Every party is a process of its own, so that its CPU time can be told from the others'. The
//! load generators run in turn, never at the same time.

mod load;
mod measure;
mod party;
mod plan;
mod report;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["party", "node", socket] => party::node(socket),
        ["party", "echo", address] => party::echo(address),
        ["load", "direct", socket, rest @ ..] => load::direct(socket, rest),
        ["load", "grpc", address, rest @ ..] => load::grpc(address, rest),
        words => plan::Plan::parse(words).and_then(|plan| report::run(&plan)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}
