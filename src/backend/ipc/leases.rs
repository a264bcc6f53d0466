//! Who holds what of the node's for how long.
//!
//! A lease lets a caller name an object of the node's, a block template, in later calls. This table
//! is shared by all threads of the program, so that a lease can be used over any connection. It
//! knows handles, owners and times; the objects themselves stay with the session that holds the
//! connection to the node ([`Home`]), which hears of every end. See `docs/objects.md`.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bitcoin_grpc_contract::transfer::{ObjectPlace, object_places};
use bitcoin_grpc_contract::{Reply, v1};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;

use super::queue::Queue;
use crate::call::Caller;
use crate::error::{CallError, LeaseEnd};

/// How long a template is kept that nobody uses. Who still mines on one after two usual block
/// intervals without having asked for anything has most likely forgotten it.
pub const LEASE_TIME: Duration = Duration::from_secs(20 * 60);

/// Templates of one caller. A pool keeps a handful: the newest, and those that its miners may still
/// find a block on.
pub const LEASES_PER_CALLER: usize = 64;

/// Templates in all. Each can keep a block's worth of transactions, up to 4 MB of them, from leaving
/// the node's memory: 1 GB at the worst, a small part of it in practice.
pub const LEASES: usize = 256;

/// Ended leases whose reason is remembered, for callers who ask again: some 100 kB.
const REMEMBERED: usize = 1024;

/// Bytes of randomness in a handle. Nobody guesses 128 bits.
const SECRET: usize = 16;

/// Bounds of the leases, and the name of who gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseConfig {
    /// See [`LEASE_TIME`].
    pub time_to_live: Duration,
    /// See [`LEASES_PER_CALLER`].
    pub per_caller: usize,
    /// See [`LEASES`].
    pub total: usize,
    /// Name of this instance, with which every handle begins. `None`: one made up at the start.
    pub instance: Option<String>,
}

impl Default for LeaseConfig {
    fn default() -> Self {
        Self {
            time_to_live: LEASE_TIME,
            per_caller: LEASES_PER_CALLER,
            total: LEASES,
            instance: None,
        }
    }
}

/// Number of a lease, unique in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct LeaseId(u64);

/// The table. Clones share it.
#[derive(Debug, Clone)]
pub struct Leases(Arc<Inner>);

struct Inner {
    config: LeaseConfig,
    instance: String,
    table: Mutex<Table>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Leases").field("config", &self.config).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Table {
    leases: HashMap<String, Lease>,
    /// Places taken: leases, and calls that may still end in one.
    seats: usize,
    by_caller: HashMap<Caller, usize>,
    /// Handles of ended leases, the oldest first, and why they ended.
    past: VecDeque<String>,
    ends: HashMap<String, (Caller, LeaseEnd)>,
    last: u64,
}

struct Lease {
    id: LeaseId,
    home: Arc<Home>,
    /// Keeps its place.
    seat: Seat,
    /// Calls under way; the lease does not expire meanwhile.
    uses: usize,
    expires: Instant,
    /// The next wait is to end at once.
    interrupted: bool,
}

/// Where the objects of some leases live.
pub(super) struct Home {
    /// Takes calls on the objects.
    pub(super) queue: Arc<Queue>,
    /// Hears of leases that ended.
    ends: mpsc::UnboundedSender<Ended>,
    /// Woken when the time of the next end may have changed.
    wake: Notify,
}

/// A lease that ended.
pub(super) struct Ended {
    pub(super) id: LeaseId,
    /// To be told when the object is gone from the node.
    pub(super) done: Option<oneshot::Sender<()>>,
}

impl Home {
    pub(super) fn new(queue: Arc<Queue>) -> (Arc<Self>, mpsc::UnboundedReceiver<Ended>) {
        // Bounded by the number of leases.
        let (ends, ended) = mpsc::unbounded_channel();
        (Arc::new(Self { queue, ends, wake: Notify::new() }), ended)
    }

    fn end(&self, id: LeaseId, done: Option<oneshot::Sender<()>>) {
        // A home that is gone has let go of everything.
        let _ = self.ends.send(Ended { id, done });
    }
}

impl Leases {
    /// A table without leases.
    #[must_use]
    pub fn new(config: LeaseConfig) -> Self {
        // A new `RandomState` is seeded at random, which is enough to tell instances apart.
        let made_up = || format!("{:08x}", RandomState::new().build_hasher().finish() as u32);
        let instance = config.instance.clone().unwrap_or_else(made_up);
        Self(Arc::new(Inner { config, instance, table: Mutex::default() }))
    }

    /// How many are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.table().leases.len()
    }

    /// Its bounds.
    #[must_use]
    pub fn config(&self) -> &LeaseConfig {
        &self.0.config
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing in here panics between two steps that belong together.
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for a lease that a call may end in.
    pub(super) fn reserve(&self, caller: &Caller) -> Result<Seat, CallError> {
        let mut table = self.table();
        let (own, config) = (table.by_caller.get(caller).copied().unwrap_or(0), &self.0.config);
        let limit = if own >= config.per_caller { config.per_caller } else { config.total };
        if own >= config.per_caller || table.seats >= config.total {
            return Err(CallError::TooManyLeases { limit });
        }
        table.seats += 1;
        *table.by_caller.entry(caller.clone()).or_default() += 1;
        Ok(Seat { leases: self.clone(), caller: caller.clone() })
    }

    /// Turns a place into a lease on an object of `home`.
    pub(super) fn grant(
        &self,
        seat: Seat,
        home: &Arc<Home>,
    ) -> Result<(LeaseId, v1::Lease), CallError> {
        let secret = secret().map_err(|error| CallError::Internal(error.to_string()))?;
        let handle = format!("{}.{secret}", self.0.instance);
        let mut table = self.table();
        table.last += 1;
        let id = LeaseId(table.last);
        let expires = Instant::now() + self.0.config.time_to_live;
        let home = Arc::clone(home);
        let lease =
            Lease { id, home: Arc::clone(&home), seat, uses: 0, expires, interrupted: false };
        table.leases.insert(handle.clone(), lease);
        drop(table);
        home.wake.notify_one();
        Ok((id, self.shown(handle)))
    }

    fn shown(&self, handle: String) -> v1::Lease {
        v1::Lease {
            handle,
            time_to_live: prost_types::Duration::try_from(self.0.config.time_to_live).ok(),
            instance: self.0.instance.clone(),
        }
    }

    /// Begins a call on a lease's object.
    pub(super) fn enter(&self, handle: &str, caller: &Caller) -> Result<Use, CallError> {
        let mut table = self.table();
        match table.leases.get_mut(handle).filter(|lease| lease.seat.caller == *caller) {
            Some(lease) => {
                lease.uses += 1;
                let (id, home) = (lease.id, Arc::clone(&lease.home));
                Ok(Use { leases: self.clone(), handle: handle.to_owned(), id, home })
            }
            None => Err(CallError::LeaseGone(self.why(&table, handle, caller))),
        }
    }

    /// Why there is no such lease. Of other callers' leases nothing is told.
    fn why(&self, table: &Table, handle: &str, caller: &Caller) -> LeaseEnd {
        match table.ends.get(handle) {
            Some((owner, why)) if owner == caller => why.clone(),
            _ => match handle.rsplit_once('.') {
                Some((instance, _)) if instance != self.0.instance => {
                    LeaseEnd::Elsewhere(instance.to_owned())
                }
                _ => LeaseEnd::Unknown,
            },
        }
    }

    /// Ends a lease because its caller says so. The receiver hears when the object is gone from the
    /// node, or that it will never hear.
    pub(super) fn end(
        &self,
        handle: &str,
        caller: &Caller,
    ) -> Result<oneshot::Receiver<()>, CallError> {
        let mut table = self.table();
        if table.leases.get(handle).is_none_or(|lease| lease.seat.caller != *caller) {
            return Err(CallError::LeaseGone(self.why(&table, handle, caller)));
        }
        let (done, gone) = oneshot::channel();
        let ended = table.remove(handle, LeaseEnd::Destroyed);
        drop(table);
        if let Some(lease) = ended {
            lease.home.end(lease.id, Some(done));
        }
        Ok(gone)
    }

    /// Ends the leases of a reply that reached nobody.
    pub(super) fn abandon(&self, mut reply: Reply) {
        for place in object_places(&mut reply) {
            if let ObjectPlace::Lease(lease) = place {
                let ended = self.table().remove(&lease.handle, LeaseEnd::Destroyed);
                if let Some(lease) = ended {
                    lease.home.end(lease.id, None);
                }
            }
        }
    }

    /// Marks a lease so that its next wait ends at once.
    pub(super) fn interrupt_next(&self, used: &Use) {
        if let Some(lease) = self.table().leases.get_mut(&used.handle) {
            lease.interrupted = true;
        }
    }

    /// Ends the leases of a home whose time is up. When the next one's is; `None` if there is none.
    pub(super) fn expire(&self, home: &Arc<Home>, now: Instant) -> Option<Instant> {
        let mut table = self.table();
        let idle = |lease: &Lease| Arc::ptr_eq(&lease.home, home) && lease.uses == 0;
        let over: Vec<String> = table
            .leases
            .iter()
            .filter(|(_, lease)| idle(lease) && lease.expires <= now)
            .map(|(handle, _)| handle.clone())
            .collect();
        let ended: Vec<_> =
            over.iter().filter_map(|handle| table.remove(handle, LeaseEnd::Expired)).collect();
        let next = table.leases.values().filter(|lease| idle(lease)).map(|l| l.expires).min();
        drop(table);
        for lease in ended {
            home.end(lease.id, None);
        }
        next
    }

    /// Ends the leases of a home as their time comes, for as long as it is polled.
    pub(super) async fn keep_time(&self, home: &Arc<Home>) {
        loop {
            let next = self.expire(home, Instant::now());
            tokio::select! {
                // A permit is kept for a change between the look and this line.
                () = home.wake.notified() => {}
                () = at(next) => {}
            }
        }
    }

    /// Ends all leases of a home.
    pub(super) fn close(&self, home: &Arc<Home>, why: &LeaseEnd) {
        let mut table = self.table();
        let handles: Vec<String> = table
            .leases
            .iter()
            .filter(|(_, lease)| Arc::ptr_eq(&lease.home, home))
            .map(|(handle, _)| handle.clone())
            .collect();
        let ended: Vec<_> =
            handles.iter().filter_map(|handle| table.remove(handle, why.clone())).collect();
        drop(table);
        for lease in ended {
            home.end(lease.id, None);
        }
    }

    /// Leases and places taken for leases.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.table().seats
    }
}

/// Completes at a time; never if there is none.
pub(super) async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

impl Table {
    /// Takes a lease out. It is to be dropped without the table's lock, as its seat needs it.
    fn remove(&mut self, handle: &str, why: LeaseEnd) -> Option<Lease> {
        let lease = self.leases.remove(handle)?;
        if self.past.len() == REMEMBERED
            && let Some(oldest) = self.past.pop_front()
        {
            self.ends.remove(&oldest);
        }
        self.past.push_back(handle.to_owned());
        self.ends.insert(handle.to_owned(), (lease.seat.caller.clone(), why));
        Some(lease)
    }
}

/// A place among the leases, free again when dropped.
pub(super) struct Seat {
    leases: Leases,
    caller: Caller,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut table = self.leases.table();
        table.seats -= 1;
        if let Some(own) = table.by_caller.get_mut(&self.caller) {
            *own -= 1;
            if *own == 0 {
                table.by_caller.remove(&self.caller);
            }
        }
    }
}

/// A call on a leased object. The lease's time begins anew when it ends.
pub(super) struct Use {
    leases: Leases,
    handle: String,
    pub(super) id: LeaseId,
    pub(super) home: Arc<Home>,
}

impl Use {
    /// Whether a wait that begins now is to end at once. It is said once.
    pub(super) fn take_interrupt(&self) -> bool {
        let mut table = self.leases.table();
        let lease = table.leases.get_mut(&self.handle);
        lease.is_some_and(|lease| std::mem::take(&mut lease.interrupted))
    }

    /// The table that the lease is in.
    pub(super) fn leases(&self) -> Leases {
        self.leases.clone()
    }

    /// Why its lease ended.
    pub(super) fn end(&self) -> LeaseEnd {
        let table = self.leases.table();
        table.ends.get(&self.handle).map_or(LeaseEnd::Unknown, |(_, why)| why.clone())
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        let mut table = self.leases.table();
        let time_to_live = self.leases.0.config.time_to_live;
        if let Some(lease) = table.leases.get_mut(&self.handle) {
            lease.uses -= 1;
            lease.expires = Instant::now() + time_to_live;
        }
        drop(table);
        self.home.wake.notify_one();
    }
}

/// What nobody guesses, in hexadecimal.
fn secret() -> Result<String, getrandom::Error> {
    let mut bytes = [0; SECRET];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().fold(String::with_capacity(SECRET * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

#[cfg(test)]
#[path = "tests/leases.rs"]
mod tests;
