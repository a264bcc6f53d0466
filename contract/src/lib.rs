//! The contract: the messages that clients exchange, the node's Cap'n Proto types, and the glue
//! that carries values between the two.
//!
//! Nothing here knows of HTTP, of sockets or of threads. A frontend makes a [`Request`] out of what
//! a client sent; [`check`](Request::check) holds it against the schema's bounds; a backend finds
//! the [`Method`] in the [`Profile`] of its node and lets [`transfer`] write the parameters and
//! read the results.

mod adapt;
mod budget;
pub mod callback;
mod check;
mod codec;
mod error;
mod glue;
mod mask;
mod method;
mod profile;
pub mod transfer;
pub mod v1;
pub mod wire;

pub use check::Violation;
pub use error::GlueError;
pub use glue::{CallbackAnswer, Event, Inner, Method, PROFILES, Reply, Request, Service};
pub use mask::mask;
pub use method::{Access, Dialogue, Form, MethodInfo, Needs, Said, Target, Unary};
pub use profile::{At, FeeRateForm, InterfaceSize, Profile, Slot};
