//! The layers between frontends and backends, one file or folder each. [`crate::stack`] says their order.

pub mod admission;
pub mod deadline;
mod early;
pub mod retry;
pub mod rights;
pub mod streams;
pub mod telemetry;
pub mod validate;

#[cfg(test)]
mod testing;
