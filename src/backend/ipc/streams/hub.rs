//! Where streaming calls wait until a session takes them.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bitcoin_grpc_contract::{Profile, Request};
use tokio::sync::{Notify, oneshot};

use super::super::config::Notifications;
use super::super::fault::RETRY_AFTER;
use super::super::queue::Queue;
use super::super::spawn::tells_of_the_start;
use crate::error::CallError;
use crate::stream::EventStream;

/// Streams that may wait to be opened. Opening one takes a millisecond or less.
const OPENINGS: usize = 1024;

/// Which of several pools opens streams.
#[derive(Clone, Default)]
pub struct StreamHub(Option<Arc<OnceLock<Arc<Hub>>>>);

impl StreamHub {
    /// Pools with copies of this leave all streams to the first of them, so that the node has one
    /// subscription for each kind of events. Otherwise each opens its own.
    #[must_use]
    pub fn shared() -> Self {
        Self(Some(Arc::default()))
    }

    /// The hub for a pool's callers, and the same if the pool is to serve it.
    pub(in crate::backend::ipc) fn join(&self, own: Hub) -> (Arc<Hub>, Option<Arc<Hub>>) {
        let own = Arc::new(own);
        let hub = self.0.as_ref().map_or(&own, |shared| shared.get_or_init(|| Arc::clone(&own)));
        (Arc::clone(hub), Arc::ptr_eq(hub, &own).then_some(own.clone()))
    }
}

impl fmt::Debug for StreamHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamHub").field("shared", &self.0.is_some()).finish_non_exhaustive()
    }
}

/// What becomes of an opening.
pub(in crate::backend::ipc) type Opened = Result<EventStream, CallError>;

/// A stream to be opened.
pub(super) struct Opening {
    pub(super) request: Request,
    /// Where the caller waits; closed once it has left.
    pub(super) reply: oneshot::Sender<Opened>,
}

/// The openings, shared by callers on any thread and the session.
pub(in crate::backend::ipc) struct Hub {
    notifications: Notifications,
    /// Whether who wants to hear of the next node's start may wait for that node.
    await_node: bool,
    queue: Arc<Queue>,
    waiting: Mutex<VecDeque<Opening>>,
    came: Notify,
}

impl Hub {
    /// A hub beside the queue, which knows what the node has and whether calls are taken.
    pub(in crate::backend::ipc) fn new(
        notifications: Notifications,
        await_node: bool,
        queue: Arc<Queue>,
    ) -> Self {
        Self { notifications, await_node, queue, waiting: Mutex::default(), came: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Opening>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an opening in line, or says why not.
    pub(in crate::backend::ipc) fn open(
        &self,
        request: Request,
    ) -> Result<oneshot::Receiver<Opened>, CallError> {
        let method = request.method();
        match self.queue.profile_for(method) {
            Ok(profile) => self.permit(profile)?,
            Err(CallError::NoNode(_)) if self.await_node && tells_of_the_start(method) => {}
            Err(error) => return Err(error),
        }
        let mut waiting = self.lock();
        if waiting.len() >= OPENINGS {
            return Err(CallError::Busy { retry_after: RETRY_AFTER });
        }
        let (reply, receiver) = oneshot::channel();
        waiting.push_back(Opening { request, reply });
        drop(waiting);
        self.came.notify_one();
        Ok(receiver)
    }

    /// Whether objects of ours may be passed to a node of that generation.
    pub(super) fn permit(&self, profile: &'static Profile) -> Result<(), CallError> {
        match self.notifications {
            Notifications::Never => Err(CallError::NotificationsOff),
            Notifications::Auto if !profile.survives_lost_subscribers => {
                Err(CallError::NotificationsUnsafe { profile: profile.name })
            }
            Notifications::Auto | Notifications::Always => Ok(()),
        }
    }

    /// Waits for the next opening.
    pub(super) async fn next(&self) -> Opening {
        loop {
            // Not in the head of the `if`, which would keep the lock over the wait.
            let next = self.lock().pop_front();
            if let Some(opening) = next {
                return opening;
            }
            self.came.notified().await;
        }
    }

    /// The next opening, if there is one.
    pub(super) fn try_next(&self) -> Option<Opening> {
        self.lock().pop_front()
    }

    /// Answers those in line.
    pub(in crate::backend::ipc) fn clear(&self, why: &CallError) {
        let waiting = std::mem::take(&mut *self.lock());
        for opening in waiting {
            // A caller that left needs no answer.
            let _ = opening.reply.send(Err(why.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use bitcoin_grpc_contract::Service;

    use super::*;

    #[test]
    fn openings_wait_in_a_line_that_has_an_end() {
        let queue = Arc::new(Queue::new(1, 1, Arc::default()));
        queue.open(Profile::by_name("pr10102-2026-02").unwrap(), vec![Service::Node]);
        let hub = Hub::new(Notifications::Always, false, queue);
        let open = || hub.open(Request::NodeHandleNotifyBlockTip(Default::default()));
        let waiting: Vec<_> = (0..1024).map(|_| open().unwrap()).collect();
        assert_eq!(open().unwrap_err(), CallError::Busy { retry_after: RETRY_AFTER });
        drop(hub.try_next());
        assert!(open().is_ok());
        drop(waiting);
    }
}
