//! Where streaming calls wait until a session takes them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bitcoin_grpc_contract::{Profile, Request, Target};
use tokio::sync::{Notify, oneshot};

use super::super::config::Notifications;
use super::super::fault::RETRY_AFTER;
use super::super::queue::Queue;
use crate::error::CallError;
use crate::stream::EventStream;

/// Streams that may wait to be opened. Opening one takes a millisecond or less.
const OPENINGS: usize = 1024;

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
    queue: Arc<Queue>,
    waiting: Mutex<VecDeque<Opening>>,
    came: Notify,
}

impl Hub {
    /// A hub beside the queue, which knows what the node has and whether calls are taken.
    pub(in crate::backend::ipc) fn new(notifications: Notifications, queue: Arc<Queue>) -> Self {
        Self { notifications, queue, waiting: Mutex::default(), came: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Opening>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an opening in line, or says why not.
    pub(in crate::backend::ipc) fn open(
        &self,
        request: Request,
    ) -> Result<oneshot::Receiver<Opened>, CallError> {
        let profile = self.queue.profile_for(request.method())?;
        self.permit(profile)?;
        let method = request.method();
        if method.info().service.target() != Target::Root {
            return Err(CallError::NotServed { method, what: "events of one wallet" });
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
    fn permit(&self, profile: &'static Profile) -> Result<(), CallError> {
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

    /// Answers those in line.
    pub(in crate::backend::ipc) fn clear(&self, why: &CallError) {
        let waiting = std::mem::take(&mut *self.lock());
        for opening in waiting {
            // A caller that left needs no answer.
            let _ = opening.reply.send(Err(why.clone()));
        }
    }
}
