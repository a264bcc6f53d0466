//! What the program is told to do, in two steps: [`typed`] is what was typed, wherever it was typed;
//! [`meant`] is what it means. Faults are collected, not thrown: all are reported at once.

mod cli;
pub mod embedded;
mod fault;
mod file;
pub mod meant;
pub mod options;
mod paths;
mod reader;
mod spawn;
pub mod typed;

pub use cli::{Command, Invocation, command};
pub use fault::{Fault, Faults};
pub use meant::Config;
