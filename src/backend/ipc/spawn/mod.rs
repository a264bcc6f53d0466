//! A node that this program starts, and ends with itself.
//!
//! `config.rs` is what the operator says about it, `child.rs` the process and its output, `settings.rs`
//! and `conf.rs` what a parent process tells its node to start with, `lifecycle.rs` the calls that make
//! a running node of an empty process (`early.rs` is what else may come before), and `nursery.rs` when there is to be another one.

mod child;
mod conf;
mod config;
mod early;
mod lifecycle;
mod nursery;
mod output;
mod settings;

pub(super) use child::{Child, Way};
pub use config::{Command, Restart, STOP_LIMIT, SpawnConfig, Start};
pub(super) use early::{may_come_early, tells_of_the_start};
pub(super) use lifecycle::Lifecycle;
pub(super) use nursery::{Next, Nursery, describe};
pub(super) use settings::{SettingsError, global_args};
