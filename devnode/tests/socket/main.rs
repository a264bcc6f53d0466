//! The devnode at its socket, asked by a plain Cap'n Proto client.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail loudly"
)]

mod basics;
mod client;
mod deadly;
mod events;
mod facts;
mod handlers;
mod life;
mod recorded;
mod templates;
mod threads;
