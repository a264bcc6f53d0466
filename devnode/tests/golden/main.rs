//! The devnode against recordings of real nodes (`tests/golden` of the workspace).

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod chain;
mod harness;
mod pool;
mod rpc;
mod verdicts;
