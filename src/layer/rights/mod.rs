//! Who may call what. Frontends find out who calls and hand in, with every call, what that caller
//! was granted; here it is held against the call.

mod commands;
mod grants;
mod policy;

use std::task::{Context, Poll};

use bitcoin_grpc_contract::Access;
use tower::{Layer, Service};

use super::early::Early;
use crate::call::{Call, Outcome};
use crate::error::CallError;

pub use commands::{CommandGrant, Names};
pub use grants::{Beside, Grants};
pub use policy::{Entrance, Policy, PolicyBuilder};

/// A set of access classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights(u8);

impl Rights {
    /// What is open without being granted: reading public state, and handing in transactions,
    /// blocks and template solutions.
    #[must_use]
    pub const fn open() -> Self {
        Self(0).grant(Access::Read).grant(Access::Submit)
    }

    /// The same set with one class more.
    #[must_use]
    pub const fn grant(self, class: Access) -> Self {
        Self(self.0 | 1 << class as u8)
    }

    /// Whether the class is in the set.
    #[must_use]
    pub const fn hold(self, class: Access) -> bool {
        self.0 & 1 << class as u8 != 0
    }
}

impl Default for Rights {
    fn default() -> Self {
        Self::open()
    }
}

/// Refuses calls that their caller was not granted.
#[derive(Debug, Clone, Copy, Default)]
pub struct RightsLayer;

impl<S> Layer<S> for RightsLayer {
    type Service = RightsGate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RightsGate { inner }
    }
}

/// The service of [`RightsLayer`].
#[derive(Debug, Clone)]
pub struct RightsGate<S> {
    inner: S,
}

/// Holds a call against what its caller was granted, and makes it say truly who calls.
fn admit(call: &mut Call) -> Result<(), CallError> {
    call.grants.check(call.method())?;
    commands::admit(&call.grants, &call.caller, &mut call.request)
}

impl<S: Service<Call, Response = Outcome, Error = CallError>> Service<Call> for RightsGate<S> {
    type Response = Outcome;
    type Error = CallError;
    type Future = Early<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut call: Call) -> Self::Future {
        match admit(&mut call) {
            Ok(()) => Early::passed(self.inner.call(call)),
            Err(denied) => Early::refused(denied),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bitcoin_grpc_contract::{Method, Request, v1};
    use tower::ServiceExt;

    use super::*;
    use crate::layer::testing::{call, echo};

    fn shutdown(rights: Rights) -> Call {
        let request = Request::NodeStartShutdown(v1::NodeStartShutdownRequest::default());
        Call { grants: Arc::new(Grants::of(rights)), ..call(request) }
    }

    #[test]
    fn reading_and_submitting_are_open_and_nothing_else() {
        let open = Access::ALL.into_iter().filter(|class| Rights::open().hold(*class));
        assert!(open.eq([Access::Read, Access::Submit]));
    }

    #[test]
    fn a_grant_adds_one_class() {
        for class in [Access::Wallet, Access::Control, Access::Lifecycle] {
            let granted = Rights::open().grant(class);
            let held: Vec<_> = Access::ALL.into_iter().filter(|c| granted.hold(*c)).collect();
            assert_eq!(held, [Access::Read, Access::Submit, class]);
        }
    }

    #[tokio::test]
    async fn refuses_what_is_not_granted_and_never_sends_it() {
        let gate = RightsLayer.layer(echo());
        let method = Method::NodeStartShutdown;
        let refused = gate.clone().oneshot(shutdown(Rights::open())).await;
        assert_eq!(refused, Err(CallError::Denied { method, class: Access::Lifecycle }));
        assert_eq!(gate.inner.calls(), 0);
    }

    #[tokio::test]
    async fn lets_through_what_is_granted() {
        let gate = RightsLayer.layer(echo());
        // The mock answers every method with the reply of Echo.
        let granted = shutdown(Rights::open().grant(Access::Lifecycle));
        assert!(gate.clone().oneshot(granted).await.is_ok());
        assert_eq!(gate.inner.calls(), 1);
    }
}
