//! Streams: how long an event takes from the node to its subscribers, and what that costs.
//!
//! ```text
//! scripts/bench-streams [--smoke] [--rounds N]
//! ```
//!
//! The node's part says when it told an event, the subscribers' part when it arrived, both by the
//! machine's clock. `publisher` is the node, `crowd` holds the subscribers, each a `subscriber`, and
//! `listener` is one that speaks to the node itself. `report` runs them and prints.

mod book;
mod crew;
mod crowd;
mod listener;
mod publisher;
mod report;
mod subscriber;
mod work;

pub(crate) use crowd::serve as crowd;
pub(crate) use listener::serve as listener;
pub(crate) use publisher::serve as publisher;
pub(crate) use report::run;

use rustix::time::{ClockId, clock_gettime};

use crate::plan::Outcome;

/// The time in nanoseconds, the same for all processes of the machine.
fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    // Counts from the machine's start and is never negative.
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// Lines of the standard input, until it is closed.
fn orders() -> tokio::sync::mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        // What gives the orders waits for each to be done, so few are ever under way.
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Says something as a line of JSON.
fn tell(what: &impl serde::Serialize) -> Outcome {
    crate::report::say(&serde_json::to_string(what)?);
    Ok(())
}
