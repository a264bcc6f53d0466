//! How requests that come together enter: one after the other, with a look at the sockets between.
//!
//! A client with many calls in flight sends requests in bunches, and one read takes up all of a bunch. Taken
//! together, a bunch keeps the thread busy for several of the node's calls, and meanwhile the node's answers lie
//! unread and the node has nothing to do.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::{spawn_local, yield_now};
use tokio::time::Instant;

/// A request that comes so long after the one before is alone. What a thread does for one call takes a few dozen
/// microseconds.
const APART: Duration = Duration::from_micros(50);

/// What the requests of a thread enter by.
#[derive(Debug, Default)]
pub(super) struct Turnstile {
    /// When a request last entered that was alone.
    last: Cell<Option<Instant>>,
    waiting: Cell<usize>,
    /// Whether turns are being given.
    turning: Cell<bool>,
    turns: Notify,
}

impl Turnstile {
    /// Completes when a request may enter. It has to be awaited to its end, inside a `LocalSet`.
    pub(super) async fn enter(self: Rc<Self>) {
        if self.is_free() {
            return;
        }
        if !self.turning.replace(true) {
            spawn_local(Rc::clone(&self).turn());
        }
        self.waiting.set(self.waiting.get() + 1);
        self.turns.notified().await;
    }

    fn is_free(&self) -> bool {
        let now = Instant::now();
        let alone = self.last.get().is_none_or(|last| now.duration_since(last) > APART);
        let free = alone && !self.turning.get();
        if free {
            self.last.set(Some(now));
        }
        free
    }

    /// Gives turns until nobody waits. The event loop looks at its sockets before it goes on with what has yielded.
    async fn turn(self: Rc<Self>) {
        yield_now().await;
        while let Some(rest) = self.waiting.get().checked_sub(1) {
            self.waiting.set(rest);
            self.turns.notify_one();
            yield_now().await;
        }
        self.turning.set(false);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use futures_util::FutureExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;
    use tokio::task::LocalSet;

    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Step {
        Entered(u8),
        Read(u8),
    }
    use Step::{Entered, Read};

    /// Requests that come together. Each leaves a byte in a socket as it enters.
    async fn bunch(requests: std::ops::Range<u8>, turnstile: &Rc<Turnstile>) -> Vec<Step> {
        let steps = Rc::<RefCell<Vec<Step>>>::default();
        let (mut near, far) = UnixStream::pair().unwrap();
        let far = Rc::new(tokio::sync::Mutex::new(far));
        for request in requests.clone() {
            let (turnstile, far) = (Rc::clone(turnstile), Rc::clone(&far));
            let steps = Rc::clone(&steps);
            spawn_local(async move {
                turnstile.enter().await;
                steps.borrow_mut().push(Entered(request));
                far.lock().await.write_all(&[request]).await.unwrap();
            });
        }
        for _ in requests {
            let byte = near.read_u8().await.unwrap();
            steps.borrow_mut().push(Read(byte));
        }
        steps.take()
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_come_together_enter_in_order_with_a_look_at_the_sockets_between() {
        let bunches = async {
            let turnstile = Rc::default();
            let expected: Vec<_> = (0..5).flat_map(|n| [Entered(n), Read(n)]).collect();
            assert_eq!(bunch(0..5, &turnstile).await, expected);
            // Nothing is left over.
            assert_eq!(bunch(0..5, &turnstile).await, expected);
        };
        LocalSet::new().run_until(bunches).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_alone_does_not_wait() {
        let turnstile = Rc::<Turnstile>::default();
        for _ in 0..3 {
            assert!(Rc::clone(&turnstile).enter().now_or_never().is_some());
            tokio::time::advance(2 * APART).await;
        }
    }
}
