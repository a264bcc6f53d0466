//! Tests against nodes of our own making, and against real ones.

mod real;
mod requests;
