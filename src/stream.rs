//! What a streaming call gives: numbered messages, and, where the node asks back, a way for answers.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use bitcoin_grpc_contract::CallbackAnswer;
use bytes::Bytes;
use futures_util::Stream;

use crate::error::CallError;

/// One message of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamMessage {
    /// Its number in its stream, from 1, without gaps.
    pub sequence: u64,
    /// When its event arrived.
    pub time: SystemTime,
    /// The event: its field in the contract's message of the stream, as protobuf. All streams that
    /// show the event share the bytes.
    pub event: Bytes,
}

/// What a stream yields. After an error there is nothing more.
pub type Item = Result<StreamMessage, CallError>;

/// Takes a client's answers to invocations.
pub trait Answers: Send + Sync {
    /// Passes an answer on. One that is not allowed ends the stream.
    fn give(&self, answer: CallbackAnswer);

    /// There will be no more answers: invocations get their defaults at once.
    fn close(&self);
}

/// A stream of events. Dropping it unsubscribes.
pub struct EventStream {
    messages: Pin<Box<dyn Stream<Item = Item> + Send>>,
    answers: Option<Arc<dyn Answers>>,
}

impl EventStream {
    /// A stream that only tells.
    pub fn new(messages: impl Stream<Item = Item> + Send + 'static) -> Self {
        Self { messages: Box::pin(messages), answers: None }
    }

    /// A stream that also asks.
    pub fn asking(
        messages: impl Stream<Item = Item> + Send + 'static,
        answers: Arc<dyn Answers>,
    ) -> Self {
        Self { messages: Box::pin(messages), answers: Some(answers) }
    }

    /// Where answers go.
    #[must_use]
    pub fn answers(&self) -> Option<Arc<dyn Answers>> {
        self.answers.clone()
    }

    /// The same stream with something around it.
    #[must_use]
    pub fn wrapped<S: Stream<Item = Item> + Send + 'static>(
        self,
        wrap: impl FnOnce(Pin<Box<dyn Stream<Item = Item> + Send>>) -> S,
    ) -> Self {
        Self { messages: Box::pin(wrap(self.messages)), answers: self.answers }
    }
}

impl Stream for EventStream {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        self.messages.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").finish_non_exhaustive()
    }
}
