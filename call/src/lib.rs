//! Calls any method of a gRPC server by its name, with fields as people write them, and shows the answer
//! the same way: hashes in display hex, transactions and blocks in hex. What there is to call is asked of
//! the server itself, by reflection.
//!
//! A [`Session`] reaches a server and learns what it has; it carries out a [`Wish`]. Nothing here knows of a
//! certain interface, but for two things that the contract of bitcoin-grpc says of itself: in comments, which
//! bytes are hashes in internal byte order, and by its name, which message is an outpoint.

mod catalogue;
mod describe;
mod dynamic;
mod error;
mod fields;
mod guess;
mod hashes;
mod json;
mod reach;
mod reflect;
mod scalar;
mod session;
mod show;
mod terminal;
mod told;
mod wrong;

#[cfg(test)]
mod round_trip;

pub use error::CallError;
pub use reach::{Address, Bearer, Reach, Tls};
pub use session::{Form, Session, Wish};
pub use terminal::Terminal;
