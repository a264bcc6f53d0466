//! When each event arrived at each subscriber.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::now;

/// When an event arrived, in nanoseconds of the machine's clock.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Arrival {
    /// At the first subscriber.
    pub(crate) first: u64,
    /// At the middle one.
    pub(crate) median: u64,
    /// At the last but one in a hundred.
    pub(crate) p99: u64,
    /// At the last.
    pub(crate) last: u64,
}

/// Arrivals of the events that some subscribers do not have yet.
pub(crate) struct Book {
    subscribers: usize,
    first: usize,
    pages: VecDeque<Vec<u64>>,
}

impl Book {
    pub(crate) fn new(subscribers: usize) -> Self {
        Self { subscribers, first: 0, pages: VecDeque::new() }
    }

    /// Notes that one more subscriber has an event, by its number; tells of it when all have it.
    pub(crate) fn note(&mut self, event: usize) -> Option<Arrival> {
        let index = event.checked_sub(self.first)?;
        while self.pages.len() <= index {
            self.pages.push_back(Vec::with_capacity(self.subscribers));
        }
        self.pages[index].push(now());
        if self.pages.front()?.len() < self.subscribers {
            return None;
        }
        self.first += 1;
        self.pages.pop_front().map(Arrival::of)
    }
}

impl Arrival {
    /// From the times at all subscribers, of which there is one at least.
    pub(crate) fn of(mut times: Vec<u64>) -> Self {
        times.sort_unstable();
        let at = |share: usize| times[(times.len() - 1) * share / 100];
        Self { first: at(0), median: at(50), p99: at(99), last: at(100) }
    }
}
