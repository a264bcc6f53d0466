//! The integration tests: one binary, so that it is linked once.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics fails")]

mod suite;
