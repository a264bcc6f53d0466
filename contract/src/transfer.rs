//! Carries calls across: from request to parameters, from results to reply, and back.

use bytes::Bytes;
use capnp::capability::Client;

use crate::error::GlueError;
use crate::glue::{self, Method, Reply, Request};
use crate::profile::{At, Profile};
use crate::v1;
use crate::wire::proxy_capnp::context;

/// Fills the context of a call: the server thread that runs it, and the one for callbacks.
pub type ContextWriter<'a> = &'a mut dyn FnMut(context::Builder<'_>);

/// Writes the parameters of a call as `profile` lays them out at `at`.
///
/// # Errors
/// When a value does not fit, or the generation lacks a field that the caller set.
pub fn write_params(
    request: &Request,
    at: At,
    profile: &Profile,
    params: capnp::any_pointer::Builder<'_>,
    context: ContextWriter<'_>,
) -> Result<(), GlueError> {
    glue::write_params(request, at, profile, params, context)
}

/// Reads the results of a call.
///
/// # Errors
/// When they are malformed, or hold an exception in place of a result.
pub fn read_results(
    method: Method,
    at: At,
    profile: &Profile,
    results: capnp::any_pointer::Reader<'_>,
) -> Result<Reply, GlueError> {
    glue::read_results(method, at, profile, results)
}

/// The objects that the results of a call pass, in the order of
/// [`object_places`]; `None` where a pointer is null.
///
/// # Errors
/// When the results are malformed.
pub fn result_objects(
    method: Method,
    at: At,
    results: capnp::any_pointer::Reader<'_>,
) -> Result<Vec<Option<Client>>, GlueError> {
    glue::result_objects(method, at, results)
}

/// What stands for an object in a reply. [`read_results`] leaves it blank: who holds the object
/// says how callers name it.
#[derive(Debug, PartialEq)]
pub enum ObjectPlace<'a> {
    /// A lease on it.
    Lease(&'a mut v1::Lease),
    /// Its name.
    Name(&'a mut String),
}

/// The places of the objects in a reply, in order.
pub fn object_places(reply: &mut Reply) -> Vec<ObjectPlace<'_>> {
    glue::object_places(reply)
}

/// Reads the parameters of a call as a server does, and its context if it has one.
///
/// # Errors
/// When they are malformed, or hold something that does not decode.
pub fn read_params<'a>(
    method: Method,
    at: At,
    profile: &Profile,
    params: capnp::any_pointer::Reader<'a>,
) -> Result<(Request, Option<context::Reader<'a>>), GlueError> {
    glue::read_params(method, at, profile, params)
}

/// Writes the results of a call as a server does.
///
/// # Errors
/// When a value does not fit.
pub fn write_results(
    reply: &Reply,
    at: At,
    profile: &Profile,
    results: capnp::any_pointer::Builder<'_>,
) -> Result<(), GlueError> {
    glue::write_results(reply, at, profile, results)
}

pub(crate) fn number<T, U: TryFrom<T>>(value: T) -> Result<U, GlueError> {
    U::try_from(value).map_err(|_| GlueError::Number)
}

pub(crate) fn length(len: usize) -> Result<u32, GlueError> {
    u32::try_from(len).map_err(|_| GlueError::Length)
}

pub(crate) fn text(text: capnp::text::Reader<'_>) -> Result<String, GlueError> {
    Ok(text.to_str()?.to_owned())
}

pub(crate) fn bytes(data: capnp::data::Reader<'_>) -> Bytes {
    Bytes::copy_from_slice(data)
}
