//! Faults on demand, as a plain Cap'n Proto client of a hosted devnode meets them.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail loudly"
)]

mod calls;
mod client;
mod connections;
mod replies;
mod restarts;
