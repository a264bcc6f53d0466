//! `shield`: sends requests until so many were sent. See `docs/fuzzing.md`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a tool of tests: what cannot go on must end it and say why"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use bitcoin_grpc_contract::Profile;
use bitcoin_grpc_shield::mutate::Mutator;
use bitcoin_grpc_shield::{Subject, Tally, Target, choose, deadly, end, run};
use clap::{Arg, ArgMatches, Command, value_parser};

/// Of ten inputs, how many go which way.
const TURNS: [Target; 10] = [
    Target::Requests,
    Target::Messages,
    Target::Requests,
    Target::Bytes,
    Target::Messages,
    Target::Requests,
    Target::Messages,
    Target::Requests,
    Target::Messages,
    Target::Requests,
];

fn main() -> ExitCode {
    let given = command().get_matches();
    choose(subject(&given)).expect("the first run is yet to come");
    let requests: u64 = *given.get_one("requests").unwrap();
    let seed: u64 = *given.get_one("seed").unwrap();
    let corpus: &PathBuf = given.get_one("corpus").unwrap();
    let turns = turns(given.get_one::<String>("target").unwrap());
    let began = Instant::now();
    let outcome = std::panic::catch_unwind(|| {
        let refused = deadly();
        println!(
            "{} requests that end nodes; {} were not refused",
            refused.requests,
            refused.others.len()
        );
        refused.others.iter().for_each(|other| println!("  {other}"));
        send(requests, seed, corpus, &turns);
        end();
    });
    report(&Tally::now(), began);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn command() -> Command {
    let arg = |name: &'static str| Arg::new(name).long(name);
    Command::new("shield")
        .about("Sends mutated requests through bitcoin-grpc to a node, and fails if the node would have died.")
        .arg(arg("requests").value_name("N").default_value("100000").value_parser(value_parser!(u64)))
        .arg(arg("node").value_name("unix:PATH").help("A real node on regtest, in place of embedded ones"))
        .arg(arg("profile").value_name("NAME").conflicts_with("node").help("Generation of the embedded nodes, in place of all in turn"))
        .arg(arg("target").default_value("all").value_parser(["all", "requests", "messages", "bytes"]))
        .arg(arg("seed").default_value("1").value_parser(value_parser!(u64)))
        .arg(
            arg("corpus")
                .default_value(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus"))
                .value_parser(value_parser!(PathBuf)),
        )
}

fn subject(given: &ArgMatches) -> Subject {
    if let Some(node) = given.get_one::<String>("node") {
        return Subject::Real(node.strip_prefix("unix:").unwrap_or(node).into());
    }
    let profile = given.get_one::<String>("profile").map(|name| {
        Profile::by_name(name).unwrap_or_else(|| panic!("no generation is called {name}")).name
    });
    Subject::Embedded(profile)
}

fn turns(target: &str) -> Vec<Target> {
    TURNS.into_iter().filter(|turn| target == "all" || turn.name() == target).collect()
}

fn send(requests: u64, seed: u64, corpus: &Path, turns: &[Target]) {
    let mutator = |target: Target| {
        Mutator::new(&corpus.join(target.name()), seed).expect("a corpus that can be read")
    };
    let mut mutators = Target::ALL.map(mutator);
    for turn in turns.iter().cycle() {
        if Tally::now().total() >= requests {
            return;
        }
        run(*turn, &mutators[*turn as usize].input());
    }
}

fn report(tally: &Tally, began: Instant) {
    let took = began.elapsed().as_secs_f64();
    println!(
        "{} requests sent in {took:.0} s, {:.0} a second",
        tally.total(),
        tally.total() as f64 / took
    );
    for target in Target::ALL {
        println!("  {:<9} {}", target.name(), tally.sent[target as usize]);
    }
    let codes = tally.codes.iter().enumerate().filter(|(_, count)| **count > 0);
    let codes: Vec<_> = codes.map(|(code, count)| format!("{code}: {count}")).collect();
    println!("answers by code: {}; {} calls that wait were given up", codes.join(", "), tally.left);
    println!("calls that came in at embedded nodes: {}", tally.reached);
    if let Some(memory) = memory() {
        println!("memory: {memory}");
    }
}

/// What this process holds now, and the most it held.
fn memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let lines =
        status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"));
    Some(
        lines
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>()
            .join(", "),
    )
}
