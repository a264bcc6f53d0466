//! Calls to places on the wire, whatever stands there.

use bitcoin_grpc_contract::wire::init_capnp::init::{make_echo_params, make_echo_results};
use bitcoin_grpc_contract::wire::proxy_capnp::thread;
use capnp::any_pointer;
use capnp::capability::{Client, FromClientHook, Response};

/// A reply whose type the caller knows.
pub(super) type Answer = Response<any_pointer::Owned>;

/// Calls a method; `fill` writes its parameters.
pub(super) async fn call<E: From<capnp::Error>>(
    target: &Client,
    interface_id: u64,
    ordinal: u16,
    fill: impl FnOnce(any_pointer::Builder<'_>) -> Result<(), E>,
) -> Result<Answer, E> {
    let mut request = target.hook.new_call(interface_id, ordinal, None).hook;
    fill(request.get())?;
    Ok(request.send().promise.await?)
}

/// Calls a method whose parameters are a context and nothing else, and whose result is one object,
/// as those are by which Init makes the root objects. `None`: the node made none.
pub(super) async fn make(
    target: &Client,
    interface_id: u64,
    ordinal: u16,
    on: &thread::Client,
) -> capnp::Result<Option<Client>> {
    let answer = call(target, interface_id, ordinal, |params| {
        let params = params.init_as::<make_echo_params::Builder<'_>>();
        params.init_context().set_thread(on.clone());
        Ok::<_, capnp::Error>(())
    })
    .await?;
    let results = answer.get()?.get_as::<make_echo_results::Reader<'_>>()?;
    match results.has_result() {
        true => Ok(Some(results.get_result()?.cast_to())),
        false => Ok(None),
    }
}

/// Calls a method whose parameters are a context and nothing else, and which returns nothing.
pub(super) async fn run(
    target: &Client,
    interface_id: u64,
    ordinal: u16,
    on: &thread::Client,
) -> capnp::Result<()> {
    call(target, interface_id, ordinal, |params| {
        let params = params.init_as::<make_echo_params::Builder<'_>>();
        params.init_context().set_thread(on.clone());
        Ok::<_, capnp::Error>(())
    })
    .await
    .map(drop)
}

/// Whether an object has a method, found out without running it.
///
/// The call names no server thread. The node looks the thread up before anything else, and answers a
/// method that exists with an error about the missing thread, one that does not with
/// `unimplemented`. So nothing is executed, in any generation, as long as the method there takes a
/// context; the few that take none must not be asked about.
pub(super) async fn has(target: &Client, interface_id: u64, ordinal: u16) -> capnp::Result<bool> {
    let answer = call(target, interface_id, ordinal, |params| {
        params.init_as::<make_echo_params::Builder<'_>>().init_context();
        Ok::<_, capnp::Error>(())
    })
    .await;
    match answer {
        Ok(_) => Ok(true),
        Err(error) => match error.kind {
            capnp::ErrorKind::Unimplemented => Ok(false),
            capnp::ErrorKind::Disconnected => Err(error),
            _ => Ok(true),
        },
    }
}
