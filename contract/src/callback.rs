//! Carries callbacks across: objects of ours into calls, events to us, answers back, and, for those
//! who play a node, the other way round.
//!
//! Where a callback stands is found in the profile, as for calls:
//! [`Profile::inner_at`](crate::Profile::inner_at) for what arrived,
//! [`Profile::inner`](crate::Profile::inner) for what is to be sent.

use capnp::capability::Client;
use capnp::private::capability::ClientHook;

use crate::error::GlueError;
use crate::glue::{self, CallbackAnswer, Event, Inner, Method};
use crate::profile::{At, Profile};
use crate::transfer::{ContextWriter, ObjectPlace};
use crate::wire::handler_capnp::handler;
use crate::wire::proxy_capnp::context;

/// Puts an object of ours into parameters that have been written.
///
/// # Errors
/// When the method passes none.
pub fn attach(
    method: Method,
    at: At,
    params: capnp::any_pointer::Builder<'_>,
    object: Box<dyn ClientHook>,
) -> Result<(), GlueError> {
    glue::set_callback(method, at, params, object)
}

/// Takes the client's object out of parameters, as a node does; `None` if it is null.
///
/// # Errors
/// When the parameters are malformed, or the method passes none.
pub fn passed(
    method: Method,
    at: At,
    params: capnp::any_pointer::Reader<'_>,
) -> Result<Option<Client>, GlueError> {
    glue::get_callback(method, at, params)
}

/// Takes the node's handler out of results; `None` if there is none.
///
/// # Errors
/// When the results are malformed.
pub fn read_handler(
    method: Method,
    at: At,
    results: capnp::any_pointer::Reader<'_>,
) -> Result<Option<handler::Client>, GlueError> {
    glue::read_handler(method, at, results)
}

/// Writes results with a handler, as a node does.
///
/// # Errors
/// When the method returns none.
pub fn write_handler(
    method: Method,
    at: At,
    results: capnp::any_pointer::Builder<'_>,
    handler: handler::Client,
) -> Result<(), GlueError> {
    glue::write_handler(method, at, results, handler)
}

/// What a streaming method returns beside a handler, as a field of the stream's messages.
///
/// # Errors
/// When the results are malformed.
pub fn read_outcome(
    method: Method,
    at: At,
    profile: &Profile,
    results: capnp::any_pointer::Reader<'_>,
) -> Result<Option<Vec<u8>>, GlueError> {
    glue::read_outcome(method, at, profile, results)
}

/// Reads what the node says to an object of ours, and the context of the call.
///
/// # Errors
/// When it is malformed.
pub fn read_event<'a>(
    inner: Inner,
    at: At,
    profile: &Profile,
    params: capnp::any_pointer::Reader<'a>,
) -> Result<(Event, Option<context::Reader<'a>>), GlueError> {
    glue::read_event(inner, at, profile, params)
}

/// The objects that an event passes, in the order of [`event_places`]; `None` where a pointer is
/// null.
///
/// # Errors
/// When the parameters are malformed.
pub fn event_objects(
    inner: Inner,
    at: At,
    params: capnp::any_pointer::Reader<'_>,
) -> Result<Vec<Option<Client>>, GlueError> {
    glue::event_objects(inner, at, params)
}

/// The places of the objects in an event, in order. [`read_event`] leaves them blank.
pub fn event_places(event: &mut Event) -> Vec<ObjectPlace<'_>> {
    glue::event_places(event)
}

/// Writes what a node says to an object of its client's.
///
/// # Errors
/// When a value does not fit, or the generation lacks a field.
pub fn write_event(
    event: &Event,
    at: At,
    profile: &Profile,
    params: capnp::any_pointer::Builder<'_>,
    context: ContextWriter<'_>,
) -> Result<(), GlueError> {
    glue::write_event(event, at, profile, params, context)
}

/// Writes the answer of a client to the node.
///
/// # Errors
/// When a value does not fit.
pub fn write_answer(
    answer: &CallbackAnswer,
    at: At,
    profile: &Profile,
    results: capnp::any_pointer::Builder<'_>,
) -> Result<(), GlueError> {
    glue::write_answer(answer, at, profile, results)
}

/// Reads the answer of a client, as a node does.
///
/// # Errors
/// When it is malformed.
pub fn read_answer(
    inner: Inner,
    at: At,
    profile: &Profile,
    results: capnp::any_pointer::Reader<'_>,
) -> Result<CallbackAnswer, GlueError> {
    glue::read_answer(inner, at, profile, results)
}
