//! Holds every request against its schema. What a real node cannot digest stops here: some inputs
//! that look harmless end the node's process.

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::task::spawn_blocking;
use tower::{Layer, Service, ServiceExt};

use super::early::Early;
use crate::call::{Call, Outcome};
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

/// Largest request, in bytes, that is checked on the thread that all clients of a worker share. To
/// check a block of 4 MB takes 10 ms if its transactions are of the usual kind, and up to 100 ms if
/// they are as small as can be, measured on a busy machine: 25 ns for each byte at most. So nobody
/// waits for longer than 2 ms here.
const CHECKED_HERE: usize = 64 * 1024;

/// The service of [`ValidateLayer`].
#[derive(Debug, Clone)]
pub struct Validate<S> {
    inner: S,
}

impl<S> Service<Call> for Validate<S>
where
    S: Service<Call, Response = Outcome, Error = CallError, Future: Send> + Clone + Send + 'static,
{
    type Response = Outcome;
    type Error = CallError;
    type Future = Checked<S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        if call.request.size() > CHECKED_HERE {
            let answer = Box::pin(elsewhere(call, self.inner.clone()));
            return Checked { way: Way::Elsewhere { answer } };
        }
        let answer = match call.request.check() {
            Ok(()) => Early::passed(self.inner.call(call)),
            Err(violations) => Early::refused(CallError::Invalid(violations)),
        };
        Checked { way: Way::Here { answer } }
    }
}

/// Checks a call on a thread for such work; how many do so at once is bounded by the bytes of
/// requests that are received at once.
async fn elsewhere<S>(call: Call, inner: S) -> Result<S::Response, CallError>
where
    S: Service<Call, Error = CallError>,
{
    let checked = spawn_blocking(move || match call.request.check() {
        Ok(()) => Ok(call),
        Err(violations) => Err(CallError::Invalid(violations)),
    });
    let call = checked.await.map_err(|error| CallError::Internal(error.to_string()))??;
    inner.oneshot(call).await
}

pin_project! {
    /// A call that is being checked or was.
    pub struct Checked<S: Service<Call>> {
        #[pin]
        way: Way<S>,
    }
}

pin_project! {
    #[project = WayProjection]
    enum Way<S: Service<Call>> {
        // It was checked at once.
        Here { #[pin] answer: Early<S::Future> },
        // It is large.
        Elsewhere { answer: Answer<S::Response> },
    }
}

type Answer<R> = Pin<Box<dyn Future<Output = Result<R, CallError>> + Send>>;

impl<S: Service<Call>> Future for Checked<S>
where
    Early<S::Future>: Future<Output = Result<S::Response, CallError>>,
{
    type Output = Result<S::Response, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().way.project() {
            WayProjection::Here { answer } => answer.poll(cx),
            WayProjection::Elsewhere { answer } => answer.as_mut().poll(cx),
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

    fn submit(block: Vec<u8>) -> Call {
        let request = v1::MiningSubmitBlockRequest { block: block.into() };
        call(Request::MiningSubmitBlock(request))
    }

    /// A block of tiny transactions, each of which spends something.
    fn block(transactions: u16) -> Vec<u8> {
        let count = [&[0xfd][..], &transactions.to_le_bytes()].concat();
        let input = [&[1][..], &[7; 36], &[0], &[0xff; 4]].concat();
        let output = [&[1][..], &[0; 8], &[0]].concat();
        let transaction = [&[2, 0, 0, 0][..], &input, &output, &[0; 4]].concat();
        [vec![0; 80], count, transaction.repeat(usize::from(transactions))].concat()
    }

    /// On the only thread of this runtime a call that is checked there is answered at its first poll.
    #[tokio::test]
    async fn large_requests_are_checked_on_another_thread() {
        for (transactions, here) in [(300, true), (10_000, false)] {
            let service = ValidateLayer.layer(echo());
            let mut answer = std::pin::pin!(service.clone().oneshot(submit(block(transactions))));
            assert_eq!(futures_util::poll!(&mut answer).is_ready(), here, "{transactions}");
            if !here {
                assert!(answer.await.is_ok());
            }
            assert_eq!(service.inner.calls(), 1);
        }
    }

    #[tokio::test]
    async fn large_requests_are_refused_for_the_same_reasons() {
        let service = ValidateLayer.layer(echo());
        let cut = block(10_000)[..500_000].to_vec();
        let refused = service.clone().oneshot(submit(cut)).await;
        let Err(CallError::Invalid(violations)) = refused else { panic!("{refused:?}") };
        assert_eq!(violations[0].field, "block");
        assert_eq!(service.inner.calls(), 0);
    }
}
