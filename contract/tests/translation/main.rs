//! Every method's translation, held against a second one that was made by other means: the test kit
//! knows the wire from its facts and the messages from their descriptors.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on ends")]

mod callbacks;
mod harness;
mod objects;
mod properties;
mod refusals;
mod rules;
mod socket;
