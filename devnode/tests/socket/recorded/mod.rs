//! Recorded calls of every interface, replayed at the socket from the wire facts, callbacks included.
//!
//! `runs` are the runs, `run` replays one, `during` knows what the recorder did while a call waited, `compare` finds where
//! an answer is another than the recorded one, `differences` says which fields may be, how and why, `peer` is the peer that
//! the recorder played; `commands` are those that clients serve.

mod commands;
mod compare;
mod differences;
mod during;
mod peer;
mod run;
mod runs;

pub(crate) use compare::same;
