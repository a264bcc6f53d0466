//! What happens on the chain by itself, and when: transactions, blocks, reorganisations.
//!
//! The order of events follows from the pace alone, never from how fast the machine is: who is late does the same
//! things later. So two nodes with the same seed and a clock that stands still make the same blocks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::node::Node;
use crate::reject::Reject;
use crate::socket::Shared;
use crate::traffic::Traffic;

/// How far events may fall behind before their times are moved. A busy machine makes up for that; one that slept should
/// not make up for hours.
const MAX_LAG: Duration = Duration::from_secs(10);

/// What a node does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Time between two blocks.
    pub block: Option<Duration>,
    /// Time between two transactions.
    pub transaction: Option<Duration>,
    /// Time between two reorganisations.
    pub reorg: Option<Duration>,
    /// Blocks that a reorganisation takes off.
    pub reorg_depth: u32,
    /// What decides everything that is left to chance.
    pub seed: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { block: None, transaction: None, reorg: None, reorg_depth: 1, seed: 0 }
    }
}

/// What happened by itself so far.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    blocks: u64,
    transactions: u64,
    reorgs: u64,
    stalled: Duration,
    rests: bool,
}

impl Progress {
    /// Blocks that were mined, those of reorganisations not counted.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.counts().blocks
    }

    /// Transactions that came into the mempool.
    #[must_use]
    pub fn transactions(&self) -> u64 {
        self.counts().transactions
    }

    /// Reorganisations.
    #[must_use]
    pub fn reorgs(&self) -> u64 {
        self.counts().reorgs
    }

    /// How long blocks had to wait, in all, because clients were slow to answer notifications; in this life of the node.
    #[must_use]
    pub fn stalled(&self) -> Duration {
        self.counts().stalled
    }

    pub(super) fn rest(&self) {
        self.counts().rests = true;
    }

    fn set_stalled(&self, stalled: Duration) {
        self.counts().stalled = stalled;
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, event: Event) {
        let mut counts = self.counts();
        match event {
            Event::Transaction => counts.transactions += 1,
            Event::Block => counts.blocks += 1,
            Event::Reorg => counts.reorgs += 1,
        }
    }
}

/// Something that happens. At the same time they happen in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Transaction,
    Block,
    Reorg,
}

/// When what happens.
struct Schedule(Vec<Recurring>);

/// One kind of event, and when the next one is due.
struct Recurring {
    next: Duration,
    every: Duration,
    event: Event,
}

impl Schedule {
    fn new(pace: &Pace) -> Self {
        let events = [
            (pace.transaction, Event::Transaction),
            (pace.block, Event::Block),
            (pace.reorg, Event::Reorg),
        ];
        let every = events.into_iter().filter_map(|(every, event)| Some((every?, event)));
        let mut events = every
            .filter(|(every, _)| !every.is_zero())
            .map(|(every, event)| Recurring { next: every, every, event });
        Self(events.by_ref().collect())
    }
}

impl Iterator for Schedule {
    /// The time since the start, and what is due then.
    type Item = (Duration, Event);

    fn next(&mut self) -> Option<Self::Item> {
        let first = self.0.iter_mut().min_by_key(|recurring| (recurring.next, recurring.event))?;
        let due = first.next;
        first.next = due.saturating_add(first.every);
        Some((due, first.event))
    }
}

/// Lets things happen for as long as it is polled.
pub(super) async fn follow(pace: &Pace, shared: &Shared, progress: &Progress, trouble: fn(&str)) {
    let mut traffic = Traffic::new(pace.seed);
    let mut start = Instant::now();
    for (due, event) in Schedule::new(pace) {
        let late = start.elapsed().saturating_sub(due);
        start += late.saturating_sub(MAX_LAG);
        tokio::time::sleep_until(start + due).await;
        // Who is late does not sleep, and others want to go on, too.
        tokio::task::yield_now().await;
        if progress.counts().rests {
            break;
        }
        if event != Event::Transaction {
            shared.before_block().await;
            progress.set_stalled(shared.stalled());
        }
        match shared.change(|node| act(node, event, &mut traffic, pace)) {
            Ok(true) => progress.count(event),
            Ok(false) => {}
            Err(reject) => trouble(&format!("{event:?} failed: {reject}")),
        }
    }
    std::future::pending().await
}

/// Makes something happen; false if it could not be now.
fn act(node: &mut Node, event: Event, traffic: &mut Traffic, pace: &Pace) -> Result<bool, Reject> {
    match event {
        Event::Transaction => Ok(traffic.step(node)),
        Event::Block => node.generate(1).map(|_| true),
        Event::Reorg if node.height() <= pace.reorg_depth => Ok(false),
        Event::Reorg => node.reorganise(pace.reorg_depth).map(|_| true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_their_order_and_at_their_times() {
        let seconds = Duration::from_secs;
        let pace = Pace {
            block: Some(seconds(2)),
            transaction: Some(seconds(1)),
            reorg: Some(seconds(4)),
            ..Pace::default()
        };
        let events: Vec<_> = Schedule::new(&pace).take(8).collect();
        let at = |second, event| (seconds(second), event);
        assert_eq!(
            events,
            [
                at(1, Event::Transaction),
                at(2, Event::Transaction),
                at(2, Event::Block),
                at(3, Event::Transaction),
                at(4, Event::Transaction),
                at(4, Event::Block),
                at(4, Event::Reorg),
                at(5, Event::Transaction),
            ]
        );
        assert_eq!(Schedule::new(&Pace::default()).next(), None);
    }
}
