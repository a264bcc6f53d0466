//! The node at its unix socket, as libmultiprocess serves it.
//!
//! `listener` accepts connections, `connection` is one of them, `object` is what a client holds a
//! capability on, `thread` is a server thread, and `answer` turns a request into the node's reply.
//! Every generation of the interface is spoken by the tables of the contract crate: ordinals,
//! layouts and inner encodings come from the profile alone.

mod answer;
mod connection;
mod death;
mod lenient;
mod listener;
mod object;
mod shared;
mod thread;

pub use death::Deaths;
pub use listener::{ServeError, Server};
pub use shared::Shared;
