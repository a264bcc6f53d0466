//! What the program says to the person who started it. Everything else goes to the log.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the one place that prints")]

use std::fmt::Display;

/// Says something: results, addresses, what to do next. It goes to standard output.
pub fn say(what: impl Display) {
    println!("{what}");
}

/// Says what went wrong. It goes to standard error.
pub fn complain(what: impl Display) {
    eprintln!("bitcoin-grpc: {what}");
}
