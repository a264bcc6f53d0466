//! The devnode against recordings of real nodes (`tests/golden` of the workspace).

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod calls;
mod chain;
mod compare;
mod events;
mod harness;
mod mining;
mod params;
mod pool;
mod reads;
mod rpc;
mod verdicts;
