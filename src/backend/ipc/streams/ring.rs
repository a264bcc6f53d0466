//! The latest events, for any number of readers at their own pace.
//!
//! The writer never waits. When the ring is full the oldest event goes, and a reader that had not read
//! it yet has lost its place; nobody else notices.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::entry::Entry;
use crate::error::CallError;

/// Readers that are woken before others have their turn. Each takes some microseconds, and some
/// tens if it has much to catch up with; the event loop's own work for a turn takes a few.
const AT_ONCE: usize = 8;

/// How much a ring keeps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Events.
    pub(super) events: usize,
    /// Bytes of events. One event is kept whatever its size.
    pub(super) bytes: usize,
}

/// Why there will be no more events: `None` for the regular end.
type End = Option<CallError>;

/// The events, and who reads them.
pub(super) struct Ring {
    bounds: Bounds,
    state: Arc<Mutex<State>>,
    /// Woken when the last reader has left, and at the end.
    over: Notify,
}

#[derive(Default)]
struct State {
    /// Position of the oldest event that is kept. Positions count the events from 0.
    first: u64,
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
    end: Option<End>,
    /// The node was sent what has an effect.
    committed: bool,
    readers: usize,
    next_reader: u64,
    /// Readers that wait for the next event.
    waiting: BTreeMap<u64, Waker>,
    /// Readers that are to be woken, as there is something for them.
    called: BTreeMap<u64, Waker>,
    /// Whether a task is there that wakes them, and with whom its next turn begins.
    in_turns: bool,
    next_turn: u64,
}

impl Ring {
    pub(super) fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self { bounds, state: Arc::default(), over: Notify::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Wakes all who wait, without the lock. Where they are many, others have their turn in between:
    /// first of all the answer to the node, which connects no block while it waits for too many.
    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let waiting = std::mem::take(&mut state.waiting);
        state.called.extend(waiting);
        if state.in_turns {
            return;
        }
        match Handle::try_current() {
            Ok(runtime) if state.called.len() > AT_ONCE => {
                state.in_turns = true;
                runtime.spawn(wake_in_turns(Arc::clone(&self.state)));
            }
            _ => {
                let called = std::mem::take(&mut state.called);
                drop(state);
                called.into_values().for_each(Waker::wake);
            }
        }
    }

    /// How much it keeps.
    pub(super) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Adds an event. Without readers, or after the end, it is gone at once.
    pub(super) fn push(&self, entry: Arc<Entry>) {
        let size = entry.size();
        let mut state = self.lock();
        if state.readers == 0 || state.end.is_some() {
            return;
        }
        while state.entries.len() >= self.bounds.events || state.bytes + size > self.bounds.bytes {
            let Some(oldest) = state.entries.pop_front() else { break };
            state.bytes -= oldest.size();
            state.first += 1;
        }
        state.bytes += size;
        state.entries.push_back(entry);
        self.wake(state);
    }

    /// Says that the node was sent what has an effect: from here on nobody may be told that it was not.
    pub(super) fn commit(&self) {
        self.lock().committed = true;
    }

    /// Says that there will be no more events. Readers see the end after the events before it. The
    /// first end counts.
    pub(super) fn end(&self, end: End) {
        let mut state = self.lock();
        let end = match end {
            Some(CallError::NoNode(_) | CallError::Draining) if state.committed => {
                Some(CallError::NodeLost)
            }
            end => end,
        };
        state.end.get_or_insert(end);
        self.wake(state);
        self.over.notify_waiters();
    }

    /// Whether the end was told.
    pub(super) fn has_ended(&self) -> bool {
        self.lock().end.is_some()
    }

    /// A reader of all events from now on.
    pub(super) fn reader(self: &Arc<Self>) -> Reader {
        let mut state = self.lock();
        let position = state.head();
        self.admit(&mut state, position)
    }

    /// A reader of all events there ever were; `None` if the first is gone or the end was told.
    pub(super) fn reader_from_start(self: &Arc<Self>) -> Option<Reader> {
        let mut state = self.lock();
        let whole = state.first == 0 && state.end.is_none();
        whole.then(|| self.admit(&mut state, 0))
    }

    fn admit(self: &Arc<Self>, state: &mut State, position: u64) -> Reader {
        let id = state.next_reader;
        state.next_reader += 1;
        state.readers += 1;
        Reader { ring: Arc::clone(self), id, position }
    }

    /// Number of readers.
    pub(super) fn readers(&self) -> usize {
        self.lock().readers
    }

    /// Waits until there is no reader, or no more to read.
    pub(super) async fn over(&self) {
        loop {
            let over = self.over.notified();
            if self.readers() == 0 || self.has_ended() {
                return;
            }
            over.await;
        }
    }
}

/// Wakes those who were called, a few at a time.
async fn wake_in_turns(state: Arc<Mutex<State>>) {
    loop {
        tokio::task::yield_now().await;
        let turn = lock(&state).turn();
        if turn.is_empty() {
            return;
        }
        turn.into_iter().for_each(Waker::wake);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Nothing in here panics between two steps that belong together.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// Takes the next few that were called, from where the last turn ended, then from the start again.
    fn turn(&mut self) -> Vec<Waker> {
        let (before, behind) =
            (self.called.range(..self.next_turn), self.called.range(self.next_turn..));
        let ids: Vec<u64> = behind.chain(before).map(|(id, _)| *id).take(AT_ONCE).collect();
        match ids.last() {
            Some(last) => self.next_turn = last + 1,
            None => self.in_turns = false,
        }
        ids.iter().filter_map(|id| self.called.remove(id)).collect()
    }

    /// Position of the event that comes next.
    fn head(&self) -> u64 {
        // A usize fits into 64 bits on every machine there is.
        self.first + self.entries.len() as u64
    }
}

/// What a reader finds.
#[derive(Debug)]
pub(super) enum Next {
    /// The next event.
    Event(Arc<Entry>),
    /// The next event is gone already.
    Lost,
    /// There are no more.
    End(End),
}

/// One reader. Dropping it leaves.
pub(super) struct Reader {
    ring: Arc<Ring>,
    id: u64,
    position: u64,
}

impl Reader {
    /// The next event, once there is one.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        let mut state = self.ring.lock();
        let Some(ahead) = self.position.checked_sub(state.first) else {
            return Poll::Ready(Next::Lost);
        };
        let entry = usize::try_from(ahead).ok().and_then(|ahead| state.entries.get(ahead));
        if let Some(entry) = entry {
            self.position += 1;
            return Poll::Ready(Next::Event(Arc::clone(entry)));
        }
        if let Some(end) = &state.end {
            return Poll::Ready(Next::End(end.clone()));
        }
        state.waiting.insert(self.id, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.ring.lock();
        state.waiting.remove(&self.id);
        state.called.remove(&self.id);
        state.readers -= 1;
        if state.readers == 0 {
            // Nobody can read them any more.
            state.first = state.head();
            state.entries.clear();
            state.bytes = 0;
            drop(state);
            self.ring.over.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::task::noop_waker;

    use super::*;

    const SMALL: Bounds = Bounds { events: 3, bytes: 10_000 };

    fn entry(text: &'static str) -> Arc<Entry> {
        Entry::encoded(Bytes::from_static(text.as_bytes()))
    }

    /// What a reader finds now, as text.
    fn poll(reader: &mut Reader) -> String {
        let waker = noop_waker();
        match reader.poll_next(&mut Context::from_waker(&waker)) {
            Poll::Pending => "nothing yet".to_owned(),
            Poll::Ready(Next::Lost) => "lost".to_owned(),
            Poll::Ready(Next::End(None)) => "end".to_owned(),
            Poll::Ready(Next::End(Some(why))) => why.reason().to_owned(),
            Poll::Ready(Next::Event(entry)) => {
                let form = super::super::entry::Filter::default().form(&entry).unwrap().clone();
                String::from_utf8(form.to_vec()).unwrap()
            }
        }
    }

    #[test]
    fn nobody_is_told_that_nothing_was_sent_once_something_was() {
        for why in [CallError::Draining, CallError::NoNode(String::new())] {
            let (ring, sent) = (Ring::new(SMALL), Ring::new(SMALL));
            let mut readers = [ring.reader(), sent.reader()];
            sent.commit();
            ring.end(Some(why.clone()));
            sent.end(Some(why.clone()));
            assert_eq!(readers.each_mut().map(poll), [why.reason(), "NODE_LOST"]);
        }
    }

    #[test]
    fn every_reader_sees_every_event_in_order_from_where_it_began() {
        let ring = Ring::new(SMALL);
        let mut early = ring.reader();
        ring.push(entry("a"));
        let mut late = ring.reader();
        ring.push(entry("b"));
        assert_eq!(
            [poll(&mut early), poll(&mut early), poll(&mut early)],
            ["a", "b", "nothing yet"]
        );
        assert_eq!([poll(&mut late), poll(&mut late)], ["b", "nothing yet"]);
    }

    #[test]
    fn who_falls_behind_by_events_has_lost_and_others_have_not() {
        let ring = Ring::new(SMALL);
        let (mut slow, mut fast) = (ring.reader(), ring.reader());
        for text in ["a", "b", "c"] {
            ring.push(entry(text));
        }
        assert_eq!(poll(&mut fast), "a");
        ring.push(entry("d"));
        assert_eq!(poll(&mut slow), "lost");
        assert_eq!([poll(&mut fast), poll(&mut fast), poll(&mut fast)], ["b", "c", "d"]);
    }

    #[test]
    fn who_falls_behind_by_bytes_has_lost_and_the_newest_event_stays() {
        let size = entry("a").size();
        let ring = Ring::new(Bounds { events: 100, bytes: 2 * size });
        let mut slow = ring.reader();
        ring.push(entry("a"));
        ring.push(entry("b"));
        let mut fast = ring.reader();
        ring.push(entry("c"));
        assert_eq!(poll(&mut slow), "lost");
        assert_eq!(poll(&mut fast), "c");
        let mut last = ring.reader();
        let large: &'static str = Box::leak("x".repeat(3 * size).into_boxed_str());
        ring.push(entry(large));
        assert_eq!(poll(&mut last), large);
    }

    #[test]
    fn the_end_comes_after_the_events_before_it_and_only_the_first_counts() {
        let ring = Ring::new(SMALL);
        let mut reader = ring.reader();
        ring.push(entry("a"));
        ring.end(Some(CallError::NodeLost));
        ring.end(None);
        ring.push(entry("after"));
        assert_eq!([poll(&mut reader), poll(&mut reader)], ["a", "NODE_LOST"]);
        assert_eq!(poll(&mut reader), "NODE_LOST");
    }

    #[test]
    fn from_the_start_is_possible_only_while_all_is_there() {
        let ring = Ring::new(SMALL);
        let mut first = ring.reader_from_start().unwrap();
        ring.push(entry("a"));
        let mut second = ring.reader_from_start().unwrap();
        assert_eq!([poll(&mut first), poll(&mut second)], ["a", "a"]);
        for text in ["b", "c", "d"] {
            ring.push(entry(text));
        }
        assert!(ring.reader_from_start().is_none());
    }

    #[test]
    fn a_waiting_reader_is_woken_and_a_gone_one_is_forgotten() {
        let ring = Ring::new(SMALL);
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&waker);
        let (mut stays, mut leaves) = (ring.reader(), ring.reader());
        assert!(stays.poll_next(&mut cx).is_pending());
        assert!(stays.poll_next(&mut cx).is_pending());
        assert!(leaves.poll_next(&mut cx).is_pending());
        assert_eq!(ring.lock().waiting.len(), 2);
        drop(leaves);
        assert_eq!(ring.lock().waiting.len(), 1);
        ring.push(entry("a"));
        assert_eq!(count.0.load(std::sync::atomic::Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn many_are_woken_in_turns_and_all_of_them() {
        let ring = Ring::new(SMALL);
        let count = Arc::new(Count::default());
        let woken = || count.0.load(std::sync::atomic::Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&count));
        let mut readers: Vec<_> = (0..3 * AT_ONCE).map(|_| ring.reader()).collect();
        for reader in &mut readers {
            assert!(reader.poll_next(&mut Context::from_waker(&waker)).is_pending());
        }
        ring.push(entry("a"));
        assert_eq!(woken(), 0);
        let mut most = 0;
        while woken() < readers.len() {
            let before = woken();
            tokio::task::yield_now().await;
            most = most.max(woken() - before);
        }
        assert_eq!(most, AT_ONCE);
    }

    #[tokio::test]
    async fn events_in_a_row_share_the_turns_and_nobody_is_forgotten() {
        let ring = Ring::new(Bounds { events: 100, bytes: 100_000 });
        let mut readers: Vec<_> = (0..4 * AT_ONCE).map(|_| ring.reader()).collect();
        let counts: Vec<_> = readers.iter().map(|_| Arc::new(Count::default())).collect();
        let woken = |count: &Arc<Count>| count.0.load(std::sync::atomic::Ordering::Relaxed);
        let all = || counts.iter().map(woken).sum::<usize>();
        for round in 1..=5 {
            for (reader, count) in readers.iter_mut().zip(&counts) {
                let waker = Waker::from(Arc::clone(count));
                while reader.poll_next(&mut Context::from_waker(&waker)).is_ready() {}
            }
            ring.push(entry("a"));
            ring.push(entry("b"));
            let before = all();
            tokio::task::yield_now().await;
            assert!(all() - before <= AT_ONCE);
            while ring.lock().in_turns {
                tokio::task::yield_now().await;
            }
            assert!(counts.iter().all(|count| woken(count) == round));
        }
    }

    #[derive(Default)]
    struct Count(std::sync::atomic::AtomicUsize);

    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn the_last_reader_that_leaves_is_noticed_and_leaves_nothing_behind() {
        let ring = Ring::new(SMALL);
        let (one, two) = (ring.reader(), ring.reader());
        ring.push(entry("a"));
        let unused = tokio::spawn({
            let ring = Arc::clone(&ring);
            async move { ring.over().await }
        });
        drop(one);
        tokio::task::yield_now().await;
        assert!(!unused.is_finished());
        drop(two);
        unused.await.unwrap();
        assert_eq!(ring.lock().bytes, 0);
        assert_eq!(ring.lock().entries.len(), 0);
        ring.push(entry("unseen"));
        assert_eq!(ring.lock().entries.len(), 0);
        assert_eq!(poll(&mut ring.reader()), "nothing yet");
    }
}
