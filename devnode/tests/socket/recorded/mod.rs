//! Recorded calls of every interface of a run, replayed at the socket from the wire facts, callbacks included.
//!
//! `run` replays, `differences` says what is left out and why, `runs` are the runs; `commands` are those that clients
//! serve.

mod commands;
mod differences;
mod run;
mod runs;
