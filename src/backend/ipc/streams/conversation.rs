//! Questions of the node to one client, and its answers. A question never waits longer than its bound.

use std::collections::HashMap;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bitcoin_grpc_contract::{CallbackAnswer, Event, Method, Request};
use futures_util::Stream;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::answers;
use super::entry::Entry;
use super::object::{Answering, Ear};
use super::ring::{Bounds, Ring};
use super::subscriber::Subscriber;
use crate::error::CallError;
use crate::stream::{Answers, EventStream, Item};

/// Questions that may wait for the client at once, and what they may weigh. Further ones get the
/// default answer. A node asks from a handful of threads.
pub(super) const BOUNDS: Bounds = Bounds { events: 64, bytes: 64 * 1024 * 1024 };

/// One client's conversation with the node.
pub(super) struct Conversation {
    method: Method,
    /// The setting that it is about, if it is about one.
    setting: String,
    pub(super) ring: Arc<Ring>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    asked: u64,
    waiting: HashMap<u64, oneshot::Sender<CallbackAnswer>>,
    /// There will be no answers.
    closed: bool,
}

impl Conversation {
    pub(super) fn new(request: &Request) -> Arc<Self> {
        let setting = match request {
            Request::ChainUpdateRwSetting(q) => q.name.clone(),
            _ => String::new(),
        };
        let method = request.method();
        Arc::new(Self { method, setting, ring: Ring::new(BOUNDS), state: Mutex::default() })
    }

    /// The client's side of it.
    pub(super) fn stream(self: &Arc<Self>, subscriber: Subscriber) -> EventStream {
        let leaving = Leaving(Arc::clone(self));
        let answers: Arc<dyn Answers> = Arc::<Self>::clone(self);
        EventStream::asking(Client { subscriber, _leaving: leaving }, answers)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a question to the client. `None`: it cannot answer.
    fn ask(&self, mut event: Event) -> Option<oneshot::Receiver<CallbackAnswer>> {
        let within = prost_types::Duration::try_from(answers::within(&event)).ok()?;
        let mut state = self.lock();
        if state.closed || state.waiting.len() >= BOUNDS.events || self.ring.has_ended() {
            return None;
        }
        state.asked += 1;
        let id = state.asked;
        event.number(id, within);
        let (answer, answered) = oneshot::channel();
        state.waiting.insert(id, answer);
        drop(state);
        self.ring.push(Entry::new(self.method, event)?);
        Some(answered)
    }

    /// Ends it with what the node's call came to.
    pub(super) fn conclude(&self, outcome: Result<Option<Vec<u8>>, CallError>) {
        match outcome {
            Ok(outcome) => {
                if let Some(field) = outcome {
                    self.ring.push(Entry::encoded(field.into()));
                }
                self.ring.end(None);
            }
            Err(error) => self.ring.end(Some(error)),
        }
    }

    /// Forgets questions whose time is up.
    fn forget_unanswerable(&self) {
        self.lock().waiting.retain(|_, answer| !answer.is_closed());
    }
}

impl Answers for Conversation {
    fn give(&self, answer: CallbackAnswer) {
        let waiting = self.lock().waiting.remove(&answer.invocation_id());
        match answers::checked(answer, &self.setting) {
            // A question that is not open any more has had its default answer.
            Ok(answer) => {
                if let Some(waiting) = waiting {
                    let _ = waiting.send(answer);
                }
            }
            // Without its sender the question gets its default.
            Err(violations) => self.ring.end(Some(CallError::Invalid(violations))),
        }
    }

    fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.waiting.clear();
    }
}

/// The node's side of a conversation.
pub(super) struct Asked(pub(super) Arc<Conversation>);

impl Ear for Asked {
    fn hear(self: Rc<Self>, event: Event) -> Option<Answering> {
        let default = answers::default(&event)?;
        let within = answers::within(&event);
        let answered = self.0.ask(event);
        Some(Box::pin(async move {
            let Some(answered) = answered else { return default };
            match timeout(within, answered).await {
                Ok(answer) => answer.unwrap_or(default),
                Err(_) => {
                    self.0.forget_unanswerable();
                    default
                }
            }
        }))
    }

    fn misheard(&self, why: String) {
        self.0.ring.end(Some(CallError::BadReply(why)));
    }
}

/// The client's side of a conversation.
struct Client {
    subscriber: Subscriber,
    _leaving: Leaving,
}

impl Stream for Client {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        Pin::new(&mut self.subscriber).poll_next(cx)
    }
}

/// Gives open questions their defaults when the client leaves.
struct Leaving(Arc<Conversation>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_owes_many_answers_is_asked_no_more() {
        let conversation = Conversation::new(&Request::NodeHandleQuestion(Default::default()));
        let ask = || conversation.ask(Event::QuestionCallbackCall(Default::default()));
        let mut open: Vec<_> = (0..64).map(|_| ask().unwrap()).collect();
        assert!(ask().is_none());
        drop(open.pop());
        conversation.forget_unanswerable();
        assert!(ask().is_some());
    }
}
