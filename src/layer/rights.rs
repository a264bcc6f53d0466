//! Who may call what. In this first form every caller has the same rights: those that the
//! configuration grants.

use std::task::{Context, Poll};

use bitcoin_grpc_contract::{Access, Method};
use tower::{Layer, Service};

use super::early::Early;
use crate::call::{Call, Outcome};
use crate::error::CallError;

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

    /// Whether a method may be called.
    ///
    /// # Errors
    /// With the class that it needs.
    pub fn check(self, method: Method) -> Result<(), CallError> {
        let class = method.info().access;
        if self.hold(class) { Ok(()) } else { Err(CallError::Denied { method, class }) }
    }
}

impl Default for Rights {
    fn default() -> Self {
        Self::open()
    }
}

/// Refuses calls whose class is not granted.
#[derive(Debug, Clone, Copy)]
pub struct RightsLayer {
    granted: Rights,
}

impl RightsLayer {
    /// Lets through what `granted` holds.
    #[must_use]
    pub const fn new(granted: Rights) -> Self {
        Self { granted }
    }
}

impl<S> Layer<S> for RightsLayer {
    type Service = RightsGate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RightsGate { inner, granted: self.granted }
    }
}

/// The service of [`RightsLayer`].
#[derive(Debug, Clone)]
pub struct RightsGate<S> {
    inner: S,
    granted: Rights,
}

impl<S: Service<Call, Response = Outcome, Error = CallError>> Service<Call> for RightsGate<S> {
    type Response = Outcome;
    type Error = CallError;
    type Future = Early<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        match self.granted.check(call.method()) {
            Ok(()) => Early::passed(self.inner.call(call)),
            Err(denied) => Early::refused(denied),
        }
    }
}

#[cfg(test)]
mod tests {
    use bitcoin_grpc_contract::{Request, v1};
    use tower::ServiceExt;

    use super::*;
    use crate::layer::testing::{call, echo};

    fn shutdown() -> Call {
        call(Request::NodeStartShutdown(v1::NodeStartShutdownRequest::default()))
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
        let gate = RightsLayer::new(Rights::open()).layer(echo());
        let method = Method::NodeStartShutdown;
        let refused = gate.clone().oneshot(shutdown()).await;
        assert_eq!(refused, Err(CallError::Denied { method, class: Access::Lifecycle }));
        assert_eq!(gate.inner.calls(), 0);
    }

    #[tokio::test]
    async fn lets_through_what_is_granted() {
        let gate = RightsLayer::new(Rights::open().grant(Access::Lifecycle)).layer(echo());
        // The mock answers every method with the reply of Echo.
        assert!(gate.clone().oneshot(shutdown()).await.is_ok());
        assert_eq!(gate.inner.calls(), 1);
    }
}
