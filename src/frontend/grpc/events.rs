//! Streams as a frontend takes them: events go out, and in a conversation answers come in.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bitcoin_grpc_contract::{Dialogue, Method, Said, Violation};
use futures_util::Stream;
use tonic::{Status, Streaming};

use super::envelope::Envelope;
use super::seat::Revoked;
use super::status::status;
use crate::error::CallError;
use crate::stream::{Answers, EventStream};

/// Messages of a client that are looked at before others have their turn.
const AT_ONCE: usize = 32;

/// What a client says after it has opened a conversation.
type Sayings = Pin<Box<dyn Stream<Item = Result<Option<Said>, Status>> + Send>>;

/// The messages of a stream, for tonic.
pub struct Events {
    /// `None` once it has ended.
    events: Option<EventStream>,
    method: Method,
    talk: Option<Talk>,
    last_sequence: u64,
    /// Resolves when its caller may not have it any more.
    revoked: Revoked,
}

struct Talk {
    sayings: Sayings,
    answers: Arc<dyn Answers>,
}

impl Events {
    pub(super) fn new(events: EventStream, method: Method) -> Self {
        Self { events: Some(events), method, talk: None, last_sequence: 0, revoked: never() }
    }

    /// The same until it is revoked.
    pub(super) fn until(self, revoked: Revoked) -> Self {
        Self { revoked, ..self }
    }

    /// No messages at all.
    pub(super) fn none() -> Self {
        let method = Method::ChainHandleNotifications;
        Self { events: None, method, talk: None, last_sequence: 0, revoked: never() }
    }

    /// The same with answers.
    pub(super) fn with_answers<M: Dialogue>(
        events: EventStream,
        method: Method,
        messages: Streaming<M>,
    ) -> Self {
        use futures_util::StreamExt;
        let talk = events.answers().map(|answers| Talk {
            sayings: Box::pin(messages.map(|message| message.map(Dialogue::said))),
            answers,
        });
        Self { talk, ..Self::new(events, method) }
    }

    /// Takes in what the client has said. An error ends the stream.
    fn listen(&mut self, cx: &mut Context<'_>) -> Result<(), CallError> {
        for _ in 0..AT_ONCE {
            let Some(talk) = &mut self.talk else { return Ok(()) };
            match talk.sayings.as_mut().poll_next(cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Some(Ok(Some(Said::Answer(answer))))) => talk.answers.give(answer),
                Poll::Ready(Some(Ok(_))) => {
                    return Err(invalid("answer", "must be set in every message after the first"));
                }
                Poll::Ready(None | Some(Err(_))) => {
                    talk.answers.close();
                    self.talk = None;
                }
            }
        }
        cx.waker().wake_by_ref();
        Ok(())
    }

    fn end(&mut self, error: &CallError) -> Poll<Option<Result<Envelope, Status>>> {
        self.events = None;
        self.talk = None;
        Poll::Ready(Some(Err(status(error, self.method))))
    }
}

/// A stream that nobody revokes.
fn never() -> Revoked {
    Box::pin(std::future::pending())
}

/// A fault in what a client says.
pub(super) fn invalid(field: &str, description: &str) -> CallError {
    CallError::Invalid(vec![Violation {
        field: field.to_owned(),
        description: description.to_owned(),
    }])
}

impl Stream for Events {
    type Item = Result<Envelope, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Err(error) = this.listen(cx) {
            return this.end(&error.after(this.last_sequence));
        }
        let Some(events) = &mut this.events else { return Poll::Ready(None) };
        let Poll::Ready(next) = Pin::new(events).poll_next(cx) else {
            // Looked at when there is time: a stream has nothing to send sooner or later.
            let error = std::task::ready!(this.revoked.as_mut().poll(cx));
            return this.end(&error.after(this.last_sequence));
        };
        match next {
            Some(Ok(message)) => {
                this.last_sequence = message.sequence;
                Poll::Ready(Some(Ok(message.into())))
            }
            Some(Err(error)) => this.end(&error),
            None => {
                this.events = None;
                this.talk = None;
                Poll::Ready(None)
            }
        }
    }
}
