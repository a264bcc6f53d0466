//! A hosted devnode as a plain Cap'n Proto client meets it: its faults on demand, its data, its largest blocks.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail loudly"
)]

mod calls;
mod client;
mod connections;
mod data;
mod heavy;
mod replies;
mod restarts;
