//! Looks out for the shutdown of a node that would not survive it.
//!
//! Older nodes abort if they shut down while they hold objects of ours, and they close connections
//! within a tenth of a second. A wait for the next tip is what they answer first: with nothing.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use bitcoin_grpc_contract::v1::MiningWaitTipChangedRequest;
use bitcoin_grpc_contract::{Method, Slot};
use bytes::Bytes;
use tokio::task::spawn_local;
use tokio_util::task::AbortOnDropHandle;

use super::register::Control;
use crate::backend::ipc::link::Link;
use crate::backend::ipc::ready;
use crate::error::CallError;

/// How long one wait lasts. It bounds how long the node is asked after the last object is gone.
const WAIT_MS: f64 = 10_000.0;

/// Waits for the next tip for as long as there are objects of ours on the node.
pub(super) struct Lookout {
    control: Control,
    needed: bool,
    posts: Cell<usize>,
    waiting: RefCell<Option<AbortOnDropHandle<()>>>,
}

impl Lookout {
    pub(super) fn new(link: &Rc<Link>, patience: Duration) -> Rc<Self> {
        let wait = Method::MiningWaitTipChanged;
        let able = link.objects.get(wait.info().service).is_some()
            && matches!(link.profile.slot(wait), Slot::Callable(_));
        Rc::new(Self {
            control: Control::new(link, patience),
            needed: able && !link.profile.survives_lost_subscribers,
            posts: Cell::default(),
            waiting: RefCell::default(),
        })
    }

    /// Looks out until the post is left.
    pub(super) fn post(self: &Rc<Self>) -> Post {
        self.posts.set(self.posts.get() + 1);
        let mut waiting = self.waiting.borrow_mut();
        let idle = waiting.as_ref().is_none_or(AbortOnDropHandle::is_finished);
        if self.needed && idle {
            let lookout = Rc::clone(self);
            *waiting = Some(AbortOnDropHandle::new(spawn_local(async move {
                // The sign itself is noticed where all replies pass.
                if let Err(error) = lookout.wait().await {
                    tracing::debug!(%error, "no lookout for the shutdown of the node");
                }
            })));
        }
        Post(Rc::clone(self))
    }

    async fn wait(&self) -> Result<(), CallError> {
        let turn = self.control.turn().await?;
        let Some((_, mut tip)) = ready::tip(turn.caller()).await? else { return Ok(()) };
        while self.posts.get() > 0 {
            let question = MiningWaitTipChangedRequest {
                current_tip: Bytes::copy_from_slice(&tip),
                timeout_ms: Some(WAIT_MS),
            };
            let Some(now) = turn.caller().ask_as(question).await?.tip else { break };
            tip = <[u8; 32]>::try_from(&*now.hash).unwrap_or(tip);
        }
        Ok(())
    }

    /// Waits no more.
    pub(super) fn end(&self) {
        self.waiting.borrow_mut().take();
    }
}

/// A reason to look out. Dropping it leaves.
pub(super) struct Post(Rc<Lookout>);

impl Drop for Post {
    fn drop(&mut self) {
        self.0.posts.set(self.0.posts.get() - 1);
    }
}
