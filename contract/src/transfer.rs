//! Carries calls across: from request to parameters, from results to reply, and back.

use bytes::Bytes;

use crate::error::GlueError;
use crate::glue::{self, Method, Reply, Request};
use crate::profile::{At, Profile};
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
