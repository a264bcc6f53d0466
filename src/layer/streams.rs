//! How many streams may be open, for one caller and in all, and the end of all of them when the
//! program ends.
//!
//! A call holds its place for as long as it runs; a stream would hold it for days. So streams have a
//! budget of their own, and what bounds calls bounds only their opening.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bitcoin_grpc_contract::Form;
use futures_util::Stream;
use futures_util::future::{BoxFuture, FutureExt};
use pin_project_lite::pin_project;
use tokio::sync::watch;
use tower::{Layer, Service};

use super::early::Early;
use crate::call::{Call, Caller, Outcome};
use crate::error::CallError;
use crate::stream::Item;

/// Bounds, in open streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamLimits {
    /// In all.
    pub total: usize,
    /// Of one caller. All processes of this machine count as one.
    pub per_caller: usize,
}

impl StreamLimits {
    /// A stream without events costs a few kB, and each event some microseconds for each stream.
    pub const TOTAL: usize = 4096;
    /// Leaves room for others beside the greediest.
    pub const PER_CALLER: usize = 2048;
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self { total: Self::TOTAL, per_caller: Self::PER_CALLER }
    }
}

/// Counts streams. Copies share one count.
#[derive(Debug, Clone)]
pub struct StreamsLayer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: StreamLimits,
    open: Mutex<Open>,
    closed: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_caller: HashMap<Caller, usize>,
}

impl StreamsLayer {
    /// Keeps these limits.
    #[must_use]
    pub fn new(limits: StreamLimits) -> Self {
        let closed = watch::channel(false).0;
        Self(Arc::new(Shared { limits, open: Mutex::default(), closed }))
    }

    /// Ends every stream, and lets no more come.
    pub fn close(&self) {
        self.0.closed.send_replace(true);
    }

    /// Streams that are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.0.lock().total
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Open> {
        // Nothing in here panics between two steps that belong together.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(self: &Arc<Self>, caller: &Caller) -> Result<Place, CallError> {
        if *self.closed.borrow() {
            return Err(CallError::Draining);
        }
        let mut open = self.lock();
        if open.total >= self.limits.total {
            return Err(CallError::TooManyStreams { limit: self.limits.total });
        }
        let own = open.by_caller.entry(caller.clone()).or_default();
        if *own >= self.limits.per_caller {
            return Err(CallError::TooManyStreams { limit: self.limits.per_caller });
        }
        *own += 1;
        open.total += 1;
        Ok(Place { shared: Arc::clone(self), caller: caller.clone() })
    }
}

/// A stream's place. Dropping it gives it back.
#[derive(Debug)]
struct Place {
    shared: Arc<Shared>,
    caller: Caller,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.shared.lock();
        open.total -= 1;
        if let Some(own) = open.by_caller.get_mut(&self.caller) {
            *own -= 1;
            if *own == 0 {
                open.by_caller.remove(&self.caller);
            }
        }
    }
}

impl<S> Layer<S> for StreamsLayer {
    type Service = Streams<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Streams { inner, shared: Arc::clone(&self.0) }
    }
}

/// The service of [`StreamsLayer`].
#[derive(Debug, Clone)]
pub struct Streams<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S: Service<Call, Response = Outcome, Error = CallError>> Service<Call> for Streams<S> {
    type Response = Outcome;
    type Error = CallError;
    type Future = Early<Placed<S::Future>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let place = match call.method().info().form {
            Form::Unary => None,
            Form::ServerStreaming | Form::Bidirectional => match self.shared.place(&call.caller) {
                Ok(place) => Some(place),
                Err(error) => return Early::refused(error),
            },
        };
        Early::passed(Placed { inner: self.inner.call(call), place })
    }
}

pin_project! {
    /// A call that takes its place along into its stream.
    #[derive(Debug)]
    pub struct Placed<F> {
        #[pin]
        inner: F,
        place: Option<Place>,
    }
}

impl<F: Future<Output = Result<Outcome, CallError>>> Future for Placed<F> {
    type Output = Result<Outcome, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let outcome = std::task::ready!(this.inner.poll(cx));
        Poll::Ready(match (outcome, this.place.take()) {
            (Ok(Outcome::Stream(events)), Some(place)) => {
                Ok(Outcome::Stream(events.wrapped(|events| Held::new(events, place))))
            }
            (outcome, _) => outcome,
        })
    }
}

/// A stream with its place.
struct Held<S> {
    /// What it yields, and its place; `None` once it has ended.
    open: Option<(S, Place)>,
    closed: BoxFuture<'static, ()>,
    last_sequence: u64,
}

impl<S> Held<S> {
    fn new(events: S, place: Place) -> Self {
        let mut closed = place.shared.closed.subscribe();
        let closed = async move {
            // The sender lives as long as the place.
            let _ = closed.wait_for(|closed| *closed).await;
        };
        Self { open: Some((events, place)), closed: closed.boxed(), last_sequence: 0 }
    }

    fn end(&mut self, last: Option<Item>) -> Poll<Option<Item>> {
        // Unsubscribes at once, whatever becomes of the client's connection.
        self.open = None;
        Poll::Ready(last)
    }
}

impl<S: Stream<Item = Item> + Unpin> Stream for Held<S> {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        let this = &mut *self;
        let Some((events, _)) = &mut this.open else { return Poll::Ready(None) };
        if this.closed.poll_unpin(cx).is_ready() {
            let why = CallError::Draining.after(this.last_sequence);
            return this.end(Some(Err(why)));
        }
        match std::task::ready!(Pin::new(events).poll_next(cx)) {
            Some(Ok(message)) => {
                this.last_sequence = message.sequence;
                Poll::Ready(Some(Ok(message)))
            }
            last => this.end(last),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::SystemTime;

    use bitcoin_grpc_contract::{Request, v1};
    use bytes::Bytes;
    use futures_util::StreamExt;
    use tokio::sync::mpsc;
    use tokio_stream::wrappers::UnboundedReceiverStream;
    use tower::{ServiceExt, service_fn};

    use super::*;
    use crate::layer::testing::{call, echo_call, reply};
    use crate::stream::{EventStream, StreamMessage};

    fn message(sequence: u64) -> Item {
        Ok(StreamMessage { sequence, time: SystemTime::UNIX_EPOCH, event: Bytes::new() })
    }

    /// Answers streaming calls with a stream, and keeps its other end.
    type Feed = mpsc::UnboundedSender<mpsc::UnboundedSender<Item>>;

    async fn answer(feed: Feed, call: Call) -> Result<Outcome, CallError> {
        if call.method().info().form == Form::Unary {
            return Ok(reply());
        }
        let (sender, receiver) = mpsc::unbounded_channel();
        let _ = feed.send(sender);
        Ok(Outcome::Stream(EventStream::new(UnboundedReceiverStream::new(receiver))))
    }

    async fn open(
        layer: &StreamsLayer,
        caller: Caller,
    ) -> Result<(EventStream, mpsc::UnboundedSender<Item>), CallError> {
        let (feed, mut fed) = mpsc::unbounded_channel();
        let service = layer.layer(service_fn(move |call| answer(feed.clone(), call)));
        let request = v1::ChainHandleNotificationsRequest::default();
        let mut call = call(Request::ChainHandleNotifications(request));
        call.caller = caller;
        let events = service.oneshot(call).await?.into_stream()?;
        Ok((events, fed.recv().await.unwrap()))
    }

    fn remote(name: &str) -> Caller {
        Caller::Remote(Arc::from(name))
    }

    #[tokio::test]
    async fn streams_are_bounded_for_one_and_for_all_and_come_free_again() {
        let layer = StreamsLayer::new(StreamLimits { total: 3, per_caller: 2 });
        let first = open(&layer, remote("a")).await.unwrap();
        let _second = open(&layer, remote("a")).await.unwrap();
        let refused = open(&layer, remote("a")).await.unwrap_err();
        assert_eq!(refused, CallError::TooManyStreams { limit: 2 });
        let _third = open(&layer, remote("b")).await.unwrap();
        let refused = open(&layer, remote("c")).await.unwrap_err();
        assert_eq!(refused, CallError::TooManyStreams { limit: 3 });
        drop(first);
        assert!(open(&layer, remote("c")).await.is_ok());
        assert_eq!(layer.open(), 2);
    }

    #[tokio::test]
    async fn calls_that_are_no_streams_need_no_place() {
        let layer = StreamsLayer::new(StreamLimits { total: 0, per_caller: 0 });
        let (feed, _fed) = mpsc::unbounded_channel();
        let service = layer.layer(service_fn(move |call| answer(feed.clone(), call)));
        assert_eq!(service.oneshot(echo_call("")).await, Ok(reply()));
    }

    #[tokio::test]
    async fn an_ended_stream_gives_its_place_back_before_it_is_dropped() {
        let layer = StreamsLayer::new(StreamLimits::default());
        let (mut events, sender) = open(&layer, Caller::Local).await.unwrap();
        sender.send(message(1)).unwrap();
        drop(sender);
        assert!(events.next().await.unwrap().is_ok());
        assert_eq!(layer.open(), 1);
        assert!(events.next().await.is_none());
        assert_eq!(layer.open(), 0);
    }

    #[tokio::test]
    async fn closing_ends_streams_with_their_position_and_unsubscribes() {
        let layer = StreamsLayer::new(StreamLimits::default());
        let (mut events, sender) = open(&layer, Caller::Local).await.unwrap();
        sender.send(message(1)).unwrap();
        sender.send(message(2)).unwrap();
        events.next().await.unwrap().unwrap();
        layer.close();
        let last = events.next().await.unwrap();
        assert_eq!(last, Err(CallError::Draining.after(1)));
        assert!(sender.is_closed(), "the subscription went on");
        assert!(events.next().await.is_none());
        assert_eq!(open(&layer, Caller::Local).await.unwrap_err(), CallError::Draining);
    }
}
