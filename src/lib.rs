//! A gRPC face for a Bitcoin Core node.
//!
//! The modules stand in the order in which a call visits them. A client's request arrives at a
//! [`frontend`], which turns it into a [`call::Call`]: a typed request, who asks, and until when.
//! The call passes the layers of the [`stack`], each of which may answer it with a
//! [`error::CallError`], and reaches a [`backend`], which asks the node. The reply takes the same
//! way back. [`config`] says how all this is set up and [`app`] runs it.

pub mod app;
pub mod backend;
pub mod call;
pub mod config;
pub mod error;
mod fair;
pub mod frontend;
pub mod layer;
pub mod metrics;
pub mod output;
mod regular;
pub mod stack;
pub mod stream;
pub mod trace;
