//! What the program is told to do, in two steps: [`typed`] is what was typed, wherever it was typed;
//! [`meant`] is what it means. Faults are collected, not thrown: all are reported at once.

pub mod caller;
mod cli;
mod command;
pub mod embedded;
mod fault;
mod file;
mod listeners;
pub mod meant;
pub mod options;
mod paths;
pub mod policy;
mod reader;
mod secret;
mod spawn;
pub mod typed;

pub use cli::{Invocation, command, completed};
pub use command::Command;
pub use fault::{Fault, Faults};
pub use meant::Config;
pub(crate) use secret::read_guarded;
