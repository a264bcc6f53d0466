//! What was sent and what came back, over all worlds.

use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Target;

/// Codes of statuses, 0 to 16.
const CODES: usize = 17;

/// After how many requests the count is printed.
const PRINTED_EVERY: u64 = 100_000;

static SENT: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];
static CODE: [AtomicU64; CODES] = [const { AtomicU64::new(0) }; CODES];
static LEFT: AtomicU64 = AtomicU64::new(0);
static REACHED: AtomicU64 = AtomicU64::new(0);
static PANICS: AtomicU64 = AtomicU64::new(0);

/// The counts so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Requests sent, by target. A connection's bytes count as one.
    pub sent: [u64; 3],
    /// Answers by the code of their status.
    pub codes: [u64; CODES],
    /// Calls that wait, and streams, that were given up without an answer.
    pub left: u64,
    /// Calls that came in at embedded nodes whose world has ended.
    pub reached: u64,
}

impl Tally {
    /// The counts so far.
    #[must_use]
    pub fn now() -> Self {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (mut sent, mut codes) = ([0; 3], [0; CODES]);
        sent.iter_mut().zip(&SENT).for_each(|(to, from)| *to = load(from));
        codes.iter_mut().zip(&CODE).for_each(|(to, from)| *to = load(from));
        Self { sent, codes, left: load(&LEFT), reached: load(&REACHED) }
    }

    /// Requests sent in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.sent.iter().sum()
    }
}

pub(crate) fn sent(target: Target, requests: u64) {
    SENT[target as usize].fetch_add(requests, Ordering::Relaxed);
    let total = Tally::now().total();
    if total / PRINTED_EVERY != (total - requests) / PRINTED_EVERY {
        eprintln!("shield: {total} requests sent");
    }
}

pub(crate) fn code(code: usize) {
    CODE[code.min(CODES - 1)].fetch_add(1, Ordering::Relaxed);
}

pub(crate) fn left(calls: usize) {
    LEFT.fetch_add(calls as u64, Ordering::Relaxed);
}

pub(crate) fn reached(calls: u64) {
    REACHED.fetch_add(calls, Ordering::Relaxed);
}

/// Panics so far, also those that a runtime has caught.
pub(crate) fn panics() -> u64 {
    PANICS.load(Ordering::Relaxed)
}

/// Counts panics from now on.
pub(crate) fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.fetch_add(1, Ordering::Relaxed);
            before(panic);
        }));
    });
}
