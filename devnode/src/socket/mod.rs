//! The node at its unix socket, as libmultiprocess serves it.
//!
//! `listener` accepts connections, `connection` is one of them, `object` is what a client holds a
//! capability on, `init` makes and frees such objects, `context` and `thread` find and run server
//! threads, `callback` calls clients, `handler` knows which of them listen, `lenient` tells what a node lets through, and `answer` turns a request into the node's
//! reply. `faulty` is what goes wrong on demand, `rules` how a generation behaves beyond its tables.
//! `legacy` are methods that only older generations have.
//! Every generation of the interface is spoken by the tables of the contract crate: ordinals,
//! layouts and inner encodings come from the profile alone.

mod answer;
mod callback;
mod connection;
mod context;
mod death;
mod faulty;
mod handler;
mod init;
mod inspect;
mod interrupt;
mod led;
mod legacy;
mod listener;
mod object;
mod rules;
mod shared;
mod template;
mod thread;
mod untyped;

pub use death::Deaths;
pub use handler::{Message, RpcCall, Signal};
pub use listener::{ServeError, Server, bind_private};
pub use rules::Busy;
pub use shared::Shared;
