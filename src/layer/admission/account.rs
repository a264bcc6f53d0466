//! What is known of each caller: how much it has under way and in line, and how fast it calls.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;

use crate::call::{Call, Caller};

/// Callers for whom numbers are kept, some 200 bytes each. Beyond, those who have nothing under way are forgotten;
/// if nobody has, all newcomers share one account.
pub(super) const IDENTITIES: usize = 4096;

/// Kinds of calls that are counted apart: short ones, and those that may wait.
pub(super) const KINDS: usize = 2;

/// One caller.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Its line in queues.
    pub(super) line: u64,
    pub(super) in_flight: [AtomicUsize; KINDS],
    pub(super) queued: [AtomicUsize; KINDS],
    pub(super) pace: Pace,
}

impl Account {
    /// Whether forgetting it would change nothing.
    fn is_idle(&self, now: u64) -> bool {
        let none = |counts: &[AtomicUsize]| counts.iter().all(|n| n.load(Ordering::Relaxed) == 0);
        none(&self.in_flight) && none(&self.queued) && self.pace.is_rested(now)
    }
}

/// Takes one more of a number if it is below a limit.
pub(super) fn take(number: &AtomicUsize, limit: usize) -> bool {
    let more = |n: usize| (n < limit).then_some(n + 1);
    number.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_ok()
}

/// A token bucket that holds as many calls as may be made in a second. It is one number, the time at which it is
/// full again (the generic cell rate algorithm), so that callers on any thread take from it without a lock.
#[derive(Debug, Default)]
pub(super) struct Pace(AtomicU64);

const SECOND: u64 = 1_000_000_000;

impl Pace {
    /// Takes one call of so many in a second, or says after what time there will be one. `now` counts
    /// nanoseconds.
    pub(super) fn take(&self, rate: u32, now: u64) -> Result<(), Duration> {
        let step = SECOND / u64::from(rate.max(1));
        let next = |full: u64| {
            let then = full.max(now) + step;
            (then <= now + SECOND.max(step)).then_some(then)
        };
        match self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next) {
            Ok(_) => Ok(()),
            Err(full) => {
                Err(Duration::from_nanos((full + step).saturating_sub(now + SECOND.max(step))))
            }
        }
    }

    fn is_rested(&self, now: u64) -> bool {
        self.0.load(Ordering::Relaxed) <= now
    }
}

/// Who calls: an identity wherever it comes in, and those without one by the listener, and by the address if they
/// are of another machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key(u16, Caller);

/// The accounts of all callers.
#[derive(Debug)]
pub(super) struct Accounts {
    known: RwLock<HashMap<Key, Arc<Account>>>,
    /// For those for whom there is no room.
    others: Arc<Account>,
    lines: AtomicU64,
    began: Instant,
    room: usize,
}

impl Accounts {
    pub(super) fn new(room: usize) -> Self {
        let lines = AtomicU64::new(1);
        Self {
            known: RwLock::default(),
            others: Arc::default(),
            lines,
            began: Instant::now(),
            room,
        }
    }

    /// The time, as buckets count it.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX / 2)
    }

    pub(super) fn len(&self) -> usize {
        self.known.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The account of who makes a call.
    pub(super) fn of(&self, call: &Call) -> Arc<Account> {
        let listener = if matches!(call.caller, Caller::Known(_)) { 0 } else { call.listener };
        let key = Key(listener, call.caller.clone());
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = known.get(&key) {
            return Arc::clone(account);
        }
        drop(known);
        self.open(key)
    }

    fn open(&self, key: Key) -> Arc<Account> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= self.room && !known.contains_key(&key) {
            let now = self.now();
            // Who has just been given one but not used it yet holds a second one of its own.
            known.retain(|_, account| Arc::strong_count(account) > 1 || !account.is_idle(now));
        }
        if known.len() >= self.room && !known.contains_key(&key) {
            return Arc::clone(&self.others);
        }
        let line = || self.lines.fetch_add(1, Ordering::Relaxed);
        let account = known
            .entry(key)
            .or_insert_with(|| Arc::new(Account { line: line(), ..Account::default() }));
        Arc::clone(account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::testing::echo_call;

    fn from(listener: u16, caller: Caller) -> Call {
        Call { listener, caller, ..echo_call("") }
    }

    #[test]
    fn a_pace_lets_a_seconds_worth_through_at_once_and_then_keeps_the_rate() {
        let pace = Pace::default();
        assert_eq!((0..100).filter(|_| pace.take(10, 0).is_ok()).count(), 10);
        assert_eq!(pace.take(10, 0), Err(Duration::from_millis(100)));
        let mut through = 0;
        for millisecond in 0..5000 {
            through += usize::from(pace.take(10, millisecond * 1_000_000).is_ok());
        }
        assert_eq!(through, 49);
        assert_eq!((0..100).filter(|_| pace.take(10, 60 * SECOND).is_ok()).count(), 10);
        let slow = Pace::default();
        assert!(slow.take(1, 0).is_ok());
        assert_eq!(slow.take(1, 0), Err(Duration::from_secs(1)));
    }

    #[test]
    fn identities_are_one_everywhere_and_strangers_by_listener_and_address() {
        let accounts = Accounts::new(IDENTITIES);
        let line = |listener, caller| accounts.of(&from(listener, caller)).line;
        let alice = || Caller::Known("alice".into());
        assert_eq!(line(1, alice()), line(2, alice()));
        assert_ne!(line(1, Caller::Local), line(2, Caller::Local));
        assert_ne!(line(1, Caller::Remote("a".into())), line(1, Caller::Remote("b".into())));
        assert_eq!(line(1, Caller::Remote("a".into())), line(1, Caller::Remote("a".into())));
    }

    #[test]
    fn the_number_of_accounts_is_bounded_and_the_busy_are_not_forgotten() {
        let accounts = Accounts::new(3);
        let of = |name: &str| accounts.of(&from(0, Caller::Known(name.into())));
        let busy = of("busy");
        take(&busy.in_flight[0], 1);
        for number in 0..1000 {
            of(&number.to_string());
            assert!(accounts.len() <= 3);
        }
        assert_eq!(of("busy").line, busy.line);
        let held = [of("a"), of("b")];
        // Nobody can be forgotten.
        assert_eq!((of("c").line, of("d").line), (0, 0));
        drop(held);
    }
}
