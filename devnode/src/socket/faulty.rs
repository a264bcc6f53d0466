//! What goes wrong with calls on demand.

use capnp::any_pointer;
use capnp::capability::{Params, Results};

use super::answer::Fault;
use super::object::Object;
use crate::fault::{Called, FaultKind, Moment, Place};

impl Object {
    /// Counts a call, and carries it out as far as nothing goes wrong.
    pub(super) async fn received(
        &self,
        interface_id: u64,
        ordinal: u16,
        params: Params<any_pointer::Owned>,
        results: Results<any_pointer::Owned>,
    ) -> Result<(), capnp::Error> {
        let shared = &self.connection.shared;
        let called = Called::at(shared.profile, interface_id, ordinal);
        shared.faults.count_call(called);
        self.arrive(called).await?;
        let outcome = self.call(interface_id, ordinal, params, results).await;
        if shared.faults.strike(Place::Done, called).is_some() {
            return self.lose().await;
        }
        outcome
    }

    async fn arrive(&self, called: Called) -> Result<(), capnp::Error> {
        let faults = &self.connection.shared.faults;
        match faults.strike(Place::Arrival, called) {
            Some(FaultKind::Error { kind, text }) => Err(capnp::Error { kind, extra: text }),
            Some(FaultKind::Die) => {
                let fault = Fault::Dies("a fault on demand".to_owned());
                Err(self.error(&called.to_string(), fault))
            }
            Some(FaultKind::Freeze(time)) => {
                // Everything that the node does is done on this thread.
                std::thread::sleep(time);
                Ok(())
            }
            Some(FaultKind::Restart(restart)) => {
                faults.restart(restart);
                self.lose().await
            }
            Some(FaultKind::Disconnect(Moment::Before)) => self.lose().await,
            _ => Ok(()),
        }
    }

    /// Keeps a call that has its server thread from going on.
    pub(super) async fn hold(&self, called: Called) {
        match self.connection.shared.faults.strike(Place::Running, called) {
            Some(FaultKind::Late(time)) => tokio::time::sleep(time).await,
            Some(FaultKind::Silent) => std::future::pending().await,
            _ => {}
        }
    }

    /// Ends the connection; the call has no answer.
    async fn lose<T>(&self) -> T {
        self.connection.lost.notify_one();
        std::future::pending().await
    }
}
