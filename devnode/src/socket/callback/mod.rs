//! Calls that the node makes on objects of its clients.
//!
//! `caller` is the thread that calls, `chain`, `operator` and `settings` are what is said to whom.

mod caller;
pub(super) mod chain;
mod operator;
pub(super) mod settings;

use std::cell::Cell;
use std::rc::Rc;

use bitcoin_grpc_contract::transfer::ContextWriter;
use bitcoin_grpc_contract::{Inner, PROFILES, Profile};
use capnp::any_pointer;
use capnp::capability::Client;

pub(super) use caller::{Caller, NodeThread, NodeThreads};

use super::answer::Fault;
use super::connection::Connection;

/// An object of a client that the node calls.
pub(super) struct Callback {
    pub(super) connection: Rc<Connection>,
    /// The capability; clients may pass none.
    client: Option<Client>,
}

/// A callback that got no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// There is nothing to call.
    Null,
    /// The client left.
    Gone,
    /// The client answered with an error.
    Raised(capnp::Error),
}

impl From<capnp::Error> for Trouble {
    fn from(error: capnp::Error) -> Self {
        match error.kind {
            capnp::ErrorKind::Disconnected => Self::Gone,
            _ => Self::Raised(error),
        }
    }
}

impl Trouble {
    /// What it was, for people.
    pub(super) fn cause(&self) -> String {
        match self {
            Self::Null => "the callback is null".to_owned(),
            Self::Gone => "the client left inside a callback".to_owned(),
            Self::Raised(error) => format!("the callback answered with an error: {error}"),
        }
    }
}

/// What a callback is told and answers with: writes the parameters, given how to write the context.
pub(super) type Params<'a> =
    &'a dyn Fn(any_pointer::Builder<'_>, ContextWriter<'_>) -> Result<(), capnp::Error>;

/// Counts a callback that waits for its answer.
struct Inside<'a>(&'a Cell<usize>);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// The number of a method of a callback interface. Those interfaces were never renumbered: where a generation has another
/// layout of one, its number is that of the others.
fn ordinal(profile: &Profile, method: Inner) -> u16 {
    let at = profile.inner(method).or_else(|| PROFILES.iter().find_map(|p| p.inner(method)));
    at.map_or(0, |at| at.ordinal)
}

impl Callback {
    pub(super) fn new(connection: Rc<Connection>, client: Option<Client>) -> Self {
        Self { connection, client }
    }

    /// Calls a method and reads its answer.
    pub(super) async fn call<T>(
        &self,
        caller: &Caller,
        method: Inner,
        params: Params<'_>,
        read: impl FnOnce(any_pointer::Reader<'_>) -> Result<T, capnp::Error>,
    ) -> Result<T, Trouble> {
        let ordinal = ordinal(self.connection.shared.profile, method);
        self.call_at(caller, (method.interface_id(), ordinal), params, read).await
    }

    /// The same for a method at a place on the wire.
    async fn call_at<T>(
        &self,
        caller: &Caller,
        (interface_id, ordinal): (u64, u16),
        params: Params<'_>,
        read: impl FnOnce(any_pointer::Reader<'_>) -> Result<T, capnp::Error>,
    ) -> Result<T, Trouble> {
        let connection = &self.connection;
        let client = self.client.as_ref().ok_or(Trouble::Null)?;
        if connection.is_closed() {
            return Err(Trouble::Gone);
        }
        let mut call: capnp::capability::Request<any_pointer::Owned, any_pointer::Owned> =
            client.new_call(interface_id, ordinal, None);
        let ends = caller.ends(connection);
        params(call.get(), &mut |context| ends.write(context))?;
        let inside = &connection.callbacks_inside;
        inside.set(inside.get() + 1);
        let _inside = Inside(inside);
        let answer = async {
            tokio::select! {
                answer = call.send().promise => answer.map_err(Trouble::from),
                () = connection.closed() => Err(Trouble::Gone),
            }
        };
        let answer = ends.own.lend(answer).await?;
        Ok(read(answer.get()?)?)
    }

    /// Tells the client something; the answer is empty.
    pub(super) async fn tell(
        &self,
        caller: &Caller,
        method: Inner,
        params: Params<'_>,
    ) -> Result<(), Trouble> {
        self.call(caller, method, params, |_| Ok(())).await
    }

    /// Calls a method at a place on the wire that has no parameters.
    pub(super) async fn tell_at(
        &self,
        caller: &Caller,
        interface_id: u64,
        ordinal: u16,
    ) -> Result<(), Trouble> {
        let place = (interface_id, ordinal);
        self.call_at(caller, place, &chain::only_context, |_| Ok(())).await
    }

    /// Tells the client that nothing more will come, by the callback's `destroy`.
    pub(super) async fn end(&self, caller: &Caller, destroy: Inner) -> Result<(), Trouble> {
        self.tell(caller, destroy, &chain::only_context).await
    }
}

impl Connection {
    /// What a callback without an answer means for the call that made it.
    pub(super) fn callback_failed(&self, trouble: &Trouble) -> Fault {
        let cause = trouble.cause();
        match trouble {
            Trouble::Null => Fault::Dies(cause),
            _ if self.rules.exceptions_kill => Fault::Dies(cause),
            Trouble::Gone => Fault::Malformed(capnp::Error::disconnected(cause)),
            Trouble::Raised(error) => Fault::Exception(error.to_string()),
        }
    }
}
