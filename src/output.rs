//! What the program says to the person who started it. Everything else goes to the log.

use std::fmt::Display;
use std::io::Write;

/// Says something: results, addresses, what to do next. It goes to standard output.
///
/// Nobody may be listening any more (a pipe that was closed); that is no reason to stop serving.
pub fn say(what: impl Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{what}").and_then(|()| out.flush());
}

/// Says what went wrong. It goes to standard error.
pub fn complain(what: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "bitcoin-grpc: {what}");
}
