//! Requests in receipt: how many bytes of them are held, and how long one may take to arrive.
//!
//! HTTP/2 bounds what was sent and not read yet. What was read is held here until its message is
//! whole, and then on until it is answered: without a bound of its own, clients that begin large
//! messages and never end them could fill the memory.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tonic::Status;
use tonic::codegen::StdError;

use super::limits::RECEIVE;

/// Bytes that requests of all connections together may still take. Clones share them.
#[derive(Debug, Clone)]
pub struct Room(Arc<AtomicUsize>);

impl Room {
    /// Room for so many bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(bytes)))
    }

    fn take(&self, bytes: usize) -> bool {
        let less = |free: usize| free.checked_sub(bytes);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// What one request takes of the room, until both its body and its answer's future are gone.
#[derive(Debug)]
pub(super) struct Held {
    room: Room,
    bytes: AtomicUsize,
}

impl Held {
    pub(super) fn new(room: &Room) -> Arc<Self> {
        Arc::new(Self { room: room.clone(), bytes: AtomicUsize::new(0) })
    }

    /// Holds this many bytes from now on, if there is room. Only the request's body calls it.
    fn hold(&self, bytes: usize) -> bool {
        let before = self.bytes.load(Ordering::Relaxed);
        if bytes > before && !self.room.take(bytes - before) {
            return false;
        }
        self.room.give_back(before.saturating_sub(bytes));
        self.bytes.store(bytes, Ordering::Relaxed);
        true
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.give_back(*self.bytes.get_mut());
    }
}

/// How far the messages of a body have come. Each is a flag, a length of four bytes, and as many
/// bytes as that says.
#[derive(Debug, Default)]
struct Messages {
    /// Bytes of the flag and length that are there.
    prefix: usize,
    length: u32,
    /// Bytes of the message that are there.
    there: usize,
}

impl Messages {
    const PREFIX: usize = 5;

    /// Takes note of data, and tells how many bytes of an unfinished message there are after it.
    fn advance(&mut self, mut data: &[u8]) -> usize {
        while let Some((first, rest)) = data.split_first() {
            if self.prefix < Self::PREFIX {
                // The flag is shifted out by the four bytes that follow it.
                self.length = self.length << 8 | u32::from(*first);
                self.prefix += 1;
                data = rest;
            } else {
                let taken = data.len().min(self.length as usize - self.there);
                self.there += taken;
                data = &data[taken..];
            }
            if self.prefix == Self::PREFIX && self.there == self.length as usize {
                *self = Self::default();
            }
        }
        self.prefix + self.there
    }
}

pin_project! {
    /// A request's body whose bytes are counted.
    pub(super) struct Received<B> {
        #[pin]
        body: B,
        held: Arc<Held>,
        messages: Messages,
        // Runs from when the body had to be waited for.
        limit: Option<Pin<Box<Sleep>>>,
    }
}

impl<B> Received<B> {
    pub(super) fn new(body: B, held: &Arc<Held>) -> Self {
        Self { body, held: Arc::clone(held), messages: Messages::default(), limit: None }
    }
}

impl<B> Body for Received<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<StdError>,
{
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        let this = self.project();
        // The answer has begun: this is a conversation, whose messages are handed over one by one
        // and come when they come.
        let answered = Arc::strong_count(this.held) == 1;
        match this.body.poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let data = frame.data_ref().map_or(&[][..], |data| data);
                let unfinished = this.messages.advance(data);
                let before = this.held.bytes.load(Ordering::Relaxed);
                let bytes = if answered { unfinished } else { before + data.len() };
                Poll::Ready(Some(if this.held.hold(bytes) { Ok(frame) } else { Err(no_room()) }))
            }
            Poll::Ready(end) => Poll::Ready(end.map(|end| end.map_err(Into::into))),
            Poll::Pending if answered => Poll::Pending,
            Poll::Pending => {
                let limit = this.limit.get_or_insert_with(|| Box::pin(sleep(RECEIVE)));
                limit.as_mut().poll(cx).map(|()| Some(Err(too_slow())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn no_room() -> StdError {
    Status::resource_exhausted("too many bytes of requests are being received").into()
}

fn too_slow() -> StdError {
    let limit = RECEIVE.as_secs();
    Status::deadline_exceeded(format!("the request did not arrive within {limit} s")).into()
}

#[cfg(test)]
#[path = "receive_tests.rs"]
mod tests;
