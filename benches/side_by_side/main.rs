//! The proxy beside what it is made of, in one run: a direct Cap'n Proto client of the same node, a
//! bare tonic server, and the simplest proxy that works. It prints figures and ratios and judges
//! nothing. `docs/performance.md` tells what they mean.
//!
//! ```text
//! scripts/bench [--smoke] [--node PATH] [--method NAME] [--seconds N] [--rounds N] [--soak N]
//! scripts/bench-streams [--smoke] [--rounds N]
//! ```
//!
//! `--node` names the socket of a real node on regtest; without it the embedded node answers.
//! `--method` is chosen by what the node offers if it is not given. Every party is a process of its
//! own, so that its CPU time can be told from the others'. The load generators run in turn, never
//! at the same time.

mod call;
mod direct;
mod load;
mod measure;
mod naive;
mod parties;
mod party;
mod plan;
mod report;
mod streams;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["party", "node", socket] => party::node(socket),
        ["party", "echo", address] => party::echo(address),
        ["party", "naive", address, socket, profile, method] => {
            naive::serve(address, socket, profile, method)
        }
        ["party", "publisher", socket] => streams::publisher(socket),
        ["party", "listener", socket] => streams::listener(socket),
        ["party", "crowd", address, count, stalled, ..] => streams::crowd(address, count, stalled),
        ["streams", rest @ ..] => streams::run(rest),
        ["load", "direct", socket, profile, rest @ ..] => load::direct(socket, profile, rest),
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
