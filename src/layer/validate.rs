//! Holds every request against its schema. What a real node cannot digest stops here: some inputs
//! that look harmless end the node's process.

use std::task::{Context, Poll};

use bitcoin_grpc_contract::Reply;
use tower::{Layer, Service};

use super::early::Early;
use crate::call::Call;
use crate::error::CallError;

/// Refuses requests that their schema does not allow, with every faulty field.
#[derive(Debug, Clone, Copy, Default)]
pub struct ValidateLayer;

impl<S> Layer<S> for ValidateLayer {
    type Service = Validate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Validate { inner }
    }
}

/// The service of [`ValidateLayer`].
#[derive(Debug, Clone)]
pub struct Validate<S> {
    inner: S,
}

impl<S: Service<Call, Response = Reply, Error = CallError>> Service<Call> for Validate<S> {
    type Response = Reply;
    type Error = CallError;
    type Future = Early<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        match call.request.check() {
            Ok(()) => Early::passed(self.inner.call(call)),
            Err(violations) => Early::refused(CallError::Invalid(violations)),
        }
    }
}

#[cfg(test)]
mod tests {
    use bitcoin_grpc_contract::{Request, v1};
    use bytes::Bytes;
    use tower::ServiceExt;

    use super::*;
    use crate::layer::testing::{call, echo, echo_call};

    fn find_block(hash: &'static [u8]) -> Call {
        let hash = Bytes::from_static(hash);
        call(Request::ChainFindBlock(v1::ChainFindBlockRequest { hash, ..Default::default() }))
    }

    #[tokio::test]
    async fn a_short_hash_stops_here_and_names_its_field() {
        let service = ValidateLayer.layer(echo());
        let Err(CallError::Invalid(violations)) =
            service.clone().oneshot(find_block(&[1; 31])).await
        else {
            panic!("not refused")
        };
        assert_eq!(violations[0].field, "hash");
        assert_eq!(service.inner.calls(), 0);
    }

    #[tokio::test]
    async fn what_is_allowed_goes_on() {
        let service = ValidateLayer.layer(echo());
        assert!(service.clone().oneshot(find_block(&[1; 32])).await.is_ok());
        assert!(service.clone().oneshot(echo_call("hello")).await.is_ok());
        assert_eq!(service.inner.calls(), 2);
    }
}
