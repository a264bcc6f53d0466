//! The future of a layer that either answers at once or passes the call on.

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::call::Outcome;
use crate::error::CallError;

pin_project! {
    /// Either a refusal that is already known, or the call further in. It costs no allocation.
    #[project = EarlyProjection]
    #[derive(Debug)]
    pub enum Early<F> {
        /// The layer refuses; `None` once this was told.
        Refused { error: Option<CallError> },
        /// The call goes on.
        Passed { #[pin] future: F },
    }
}

impl<F> Early<F> {
    pub(crate) const fn refused(error: CallError) -> Self {
        Self::Refused { error: Some(error) }
    }

    pub(crate) const fn passed(future: F) -> Self {
        Self::Passed { future }
    }
}

impl<F: Future<Output = Result<Outcome, CallError>>> Future for Early<F> {
    type Output = Result<Outcome, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            EarlyProjection::Refused { error } => match error.take() {
                Some(error) => Poll::Ready(Err(error)),
                // Polled again after its end, which is the caller's mistake; there is no more to say.
                None => Poll::Pending,
            },
            EarlyProjection::Passed { future } => future.poll(cx),
        }
    }
}
