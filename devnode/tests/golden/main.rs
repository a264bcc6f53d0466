//! The devnode against recordings of real nodes (`tests/golden` of the workspace).

mod calls;
mod chain;
mod compare;
mod events;
mod harness;
mod params;
mod reads;
