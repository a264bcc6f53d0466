//! A stream's messages as HTTP/2 takes them, with the bytes of large events shared.
//!
//! tonic writes every message of every stream into a buffer of that stream. A block of 1 MB for a
//! thousand subscribers would be a thousand copies, all held until the slowest connection has taken
//! its own. Here each stream writes its message's first bytes, the number and the time, and hands
//! on the event that all of them share.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::Stream;
use http::{HeaderMap, Response};
use http_body::Frame;
use tonic::Status;
use tonic::body::Body;

use super::envelope::Envelope;
use super::events::Events;
use super::limits::MAX_REPLY;

/// Events from this length on are handed on as they are, in bytes. A frame of its own costs about
/// as much as copying this much.
const SHARED: usize = 4 * 1024;

/// Messages are gathered up to this many bytes, one of HTTP/2's usual frames. A stream that has much
/// to catch up with takes turns with the others, and with the node's connection.
const GATHERED: usize = 16 * 1024;

/// What stands before every message: that it is not compressed, and its length in four bytes.
const PLAIN: u8 = 0;

/// Events that take their way around tonic's encoder: tonic answers with an empty stream, and they
/// are put into its place.
#[derive(Clone)]
struct Detour(Arc<Mutex<Option<Events>>>);

/// An answer whose messages are these.
pub(super) fn answer(events: Events) -> tonic::Response<Events> {
    let mut response = tonic::Response::new(Events::none());
    response.extensions_mut().insert(Detour(Arc::new(Mutex::new(Some(events)))));
    response
}

/// Puts the events of [`answer`] into their place; other responses stay as they are.
pub(super) fn arrived(mut response: Response<Body>) -> Response<Body> {
    let Some(Detour(events)) = response.extensions_mut().remove() else { return response };
    match events.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(events) => response.map(|_| Body::new(Frames::new(events))),
        None => response,
    }
}

/// A response's body.
struct Frames {
    /// `None` once the trailers are out.
    events: Option<Events>,
    /// What comes next: an event whose message has begun, or the end.
    next: Next,
}

enum Next {
    Messages,
    Event(Bytes),
    End(Status),
}

impl Frames {
    fn new(events: Events) -> Self {
        Self { events: Some(events), next: Next::Messages }
    }

    /// Writes messages until one is to be shared, there is no more, or enough is gathered.
    fn gather(&mut self, cx: &mut Context<'_>) -> BytesMut {
        let mut gathered = BytesMut::new();
        let Some(events) = &mut self.events else { return gathered };
        while gathered.len() < GATHERED && matches!(self.next, Next::Messages) {
            let Poll::Ready(message) = Pin::new(&mut *events).poll_next(cx) else { break };
            self.next = match message {
                Some(message) => message
                    .and_then(|message| write(&message, &mut gathered))
                    .unwrap_or_else(Next::End),
                None => Next::End(Status::new(tonic::Code::Ok, "")),
            };
        }
        gathered
    }
}

/// Writes a message, all but an event that is to be shared.
fn write(message: &Envelope, to: &mut BytesMut) -> Result<Next, Status> {
    let length = prost::Message::encoded_len(message);
    let prefix = u32::try_from(length).ok().filter(|_| length <= MAX_REPLY);
    let prefix = prefix.ok_or_else(|| Status::out_of_range("the event is too large"))?;
    let event = message.event();
    let shared = event.len() >= SHARED;
    to.reserve(1 + size_of::<u32>() + length - if shared { event.len() } else { 0 });
    to.put_u8(PLAIN);
    to.put_u32(prefix);
    message.write_head(to);
    if shared {
        return Ok(Next::Event(event.clone()));
    }
    to.put_slice(event);
    Ok(Next::Messages)
}

fn trailers(status: &Status) -> Result<Frame<Bytes>, Status> {
    let mut trailers = HeaderMap::new();
    status.add_header(&mut trailers)?;
    Ok(Frame::trailers(trailers))
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if this.events.is_none() {
            return Poll::Ready(None);
        }
        let gathered = this.gather(cx);
        if !gathered.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(gathered.freeze()))));
        }
        match std::mem::replace(&mut this.next, Next::Messages) {
            Next::Messages => Poll::Pending,
            Next::Event(event) => Poll::Ready(Some(Ok(Frame::data(event)))),
            Next::End(status) => {
                this.events = None;
                Poll::Ready(Some(trailers(&status)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use bitcoin_grpc_contract::Method;
    use futures_util::StreamExt;
    use futures_util::stream;
    use http_body_util::BodyExt;
    use prost::Message;

    use super::*;
    use crate::error::CallError;
    use crate::stream::{EventStream, Item, StreamMessage};

    fn message(sequence: u64, event: &Bytes) -> StreamMessage {
        StreamMessage { sequence, time: SystemTime::UNIX_EPOCH, event: event.clone() }
    }

    fn body(items: Vec<Item>) -> Body {
        let events = EventStream::new(stream::iter(items));
        let detour = answer(Events::new(events, Method::ChainHandleNotifications));
        let mut response = Response::new(Body::empty());
        *response.extensions_mut() = detour.extensions().clone();
        arrived(response).into_body()
    }

    /// All data, and the trailers.
    async fn read(mut body: Body) -> (Vec<Bytes>, HeaderMap) {
        let mut data = Vec::new();
        loop {
            match body.frame().await.unwrap().unwrap().into_data() {
                Ok(bytes) => data.push(bytes),
                Err(frame) => {
                    assert!(body.frame().await.is_none());
                    return (data, frame.into_trailers().unwrap());
                }
            }
        }
    }

    /// What tonic's own encoder makes of the same messages.
    fn expected(messages: &[StreamMessage]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for message in messages {
            let envelope = Envelope::from(message.clone());
            bytes.push(0);
            bytes.extend(u32::try_from(envelope.encoded_len()).unwrap().to_be_bytes());
            bytes.extend(envelope.encode_to_vec());
        }
        bytes
    }

    #[tokio::test]
    async fn messages_read_as_tonic_writes_them_and_large_events_are_not_copied() {
        let small = Bytes::from(vec![0x1a; SHARED - 1]);
        let large = Bytes::from(vec![0x1b; SHARED]);
        let messages: Vec<_> = [&small, &large, &small, &large, &large]
            .into_iter()
            .zip(1..)
            .map(|(event, sequence)| message(sequence, event))
            .collect();
        let (data, trailers) = read(body(messages.iter().cloned().map(Ok).collect())).await;
        assert_eq!(data.concat(), expected(&messages));
        let shared = data.iter().filter(|frame| frame.as_ptr() == large.as_ptr()).count();
        assert_eq!(shared, 3);
        assert_eq!(trailers["grpc-status"], "0");
    }

    #[tokio::test]
    async fn small_messages_are_gathered_up_to_a_bound() {
        let event = Bytes::from(vec![0x1a; 1000]);
        let items = (1..=100).map(|sequence| Ok(message(sequence, &event))).collect();
        let (data, _) = read(body(items)).await;
        assert_eq!(data.len(), 6);
        assert!(data.iter().all(|frame| frame.len() < GATHERED + 1100));
    }

    #[tokio::test]
    async fn a_fault_comes_after_the_messages_before_it_as_trailers() {
        let event = Bytes::from_static(b"\x1a\0");
        let items = vec![Ok(message(1, &event)), Err(CallError::SubscriberTooSlow.after(1))];
        let (data, trailers) = read(body(items)).await;
        assert_eq!(data.concat(), expected(&[message(1, &event)]));
        assert_eq!(trailers["grpc-status"], "8");
        let status = Status::from_header_map(&trailers).unwrap();
        assert!(String::from_utf8_lossy(status.details()).contains("last_sequence"));
    }

    #[tokio::test]
    async fn an_event_beyond_the_bound_is_refused() {
        let event = Bytes::from(vec![0; MAX_REPLY]);
        let (data, trailers) = read(body(vec![Ok(message(1, &event))])).await;
        assert!(data.is_empty());
        assert_eq!(trailers["grpc-status"], "11");
    }

    #[tokio::test]
    async fn a_message_leaves_before_the_next_is_there() {
        let event = Bytes::from_static(b"\x1a\0");
        let first = stream::iter([Ok(message(1, &event))]).chain(stream::pending());
        let events = Events::new(EventStream::new(first), Method::ChainHandleNotifications);
        let mut body = Body::new(Frames::new(events));
        assert!(body.frame().await.unwrap().unwrap().is_data());
        assert!(futures_util::poll!(body.frame()).is_pending());
    }
}
