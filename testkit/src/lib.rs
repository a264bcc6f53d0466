//! Tools for tests, made from the wire facts and the descriptors alone.
//!
//! Nothing here uses the generated glue or capnpc's accessors, so that a test can hold them against
//! a second opinion. [`generation`] reads the facts of one generation, [`tree`] holds a value as it
//! stands on the wire, [`encode`] and [`decode`] are a small Cap'n Proto of their own. [`plan`] says
//! which field of a message stands where, by the rules of the design and the annotations of
//! `schema/grpc.capnp`; [`cross`] carries a message over by such a plan, and [`arbitrary`] makes up
//! messages. [`server`] plays a node over a socket.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a tool of tests: what cannot go on must end the test and say why"
)]

pub mod any;
pub mod arbitrary;
pub mod cross;
pub mod decode;
pub mod encode;
pub mod generation;
mod packed;
pub mod plan;
pub mod server;
pub mod tree;
pub mod world;

pub use generation::Generation;
pub use server::{Answer, Call, FactsServer};
pub use tree::Tree;
pub use world::World;
