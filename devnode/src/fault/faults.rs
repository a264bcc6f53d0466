//! The faults that are planned, and the counters.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bitcoin_grpc_contract::Profile;
use tokio::sync::Notify;

use super::counts::Counts;
use super::{Called, FaultKind, FaultSpec, Place, Restart, Tap};
use crate::socket::Deaths;

/// The name of a planned fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FaultId(usize);

/// What goes wrong with a node, and what came in at its socket. Clones are the same; any thread may hold one.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    deaths: Deaths,
    /// Told when a restart is wanted.
    restart: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// By id; taken out by `remove`.
    planned: Vec<Option<Planned>>,
    /// Decides what is left to chance.
    random: Random,
    counts: Counts,
    /// The restart that is wanted.
    restart: Option<Restart>,
}

#[derive(Debug)]
struct Random(fastrand::Rng);

impl Default for Random {
    fn default() -> Self {
        Self(fastrand::Rng::with_seed(0))
    }
}

#[derive(Debug)]
struct Planned {
    spec: FaultSpec,
    /// Calls that fitted.
    seen: u64,
    /// How often it struck.
    struck: u64,
}

impl Faults {
    /// No faults, and a seed for what is left to chance.
    #[must_use]
    pub fn with_seed(seed: u64) -> Self {
        let faults = Self::default();
        faults.state().random = Random(fastrand::Rng::with_seed(seed));
        faults
    }

    /// Plans a fault, behind those that are planned already.
    pub fn plan(&self, spec: FaultSpec) -> FaultId {
        let mut state = self.state();
        state.planned.push(Some(Planned { spec, seen: 0, struck: 0 }));
        FaultId(state.planned.len() - 1)
    }

    /// Takes a fault back. Returns how often it struck.
    pub fn remove(&self, id: FaultId) -> u64 {
        let planned = self.state().planned.get_mut(id.0).and_then(Option::take);
        planned.map_or(0, |planned| planned.struck)
    }

    /// Takes all faults back.
    pub fn clear(&self) {
        self.state().planned.iter_mut().for_each(|planned| drop(planned.take()));
    }

    /// How often a fault struck so far; zero once it is taken back.
    #[must_use]
    pub fn struck(&self, id: FaultId) -> u64 {
        let state = self.state();
        state.planned.get(id.0).and_then(Option::as_ref).map_or(0, |planned| planned.struck)
    }

    /// Calls of a method that came in, whatever became of them.
    #[must_use]
    pub fn calls(&self, called: Called) -> u64 {
        self.state().counts.calls.get(&called).copied().unwrap_or_default()
    }

    /// All calls that came in, by method. Calls on the objects that stand for threads do not count.
    #[must_use]
    pub fn all_calls(&self) -> BTreeMap<Called, u64> {
        self.state().counts.calls.clone()
    }

    /// Connections that were accepted, those refused on demand included.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.state().counts.connections
    }

    /// Server threads that clients made, those of pools included.
    #[must_use]
    pub fn threads(&self) -> u64 {
        self.state().counts.threads
    }

    /// Notifications that are not yet told to everyone, the one being told included.
    #[must_use]
    pub fn pending_notifications(&self) -> u64 {
        self.state().counts.pending
    }

    /// Blocks that had to wait because listeners were slow, those that still wait included.
    #[must_use]
    pub fn held_blocks(&self) -> u64 {
        self.state().counts.held_blocks
    }

    /// How long they waited, in all; of one that still waits, nothing yet.
    #[must_use]
    pub fn stalled(&self) -> Duration {
        self.state().counts.stalled
    }

    /// Calls that would have ended a real node.
    #[must_use]
    pub fn deaths(&self) -> &Deaths {
        &self.0.deaths
    }

    /// Lets the node go away and come back. Only a hosted node can do that (see [`crate::host`]).
    pub fn restart(&self, restart: Restart) {
        self.state().restart = Some(restart);
        self.0.restart.notify_one();
    }

    /// Waits until a restart is wanted.
    pub(crate) async fn restart_wanted(&self) -> Restart {
        loop {
            self.0.restart.notified().await;
            if let Some(restart) = self.state().restart.take() {
                return restart;
            }
        }
    }

    pub(crate) fn count_connection(&self) {
        self.state().counts.connections += 1;
    }

    pub(crate) fn count_threads(&self, more: usize) {
        self.state().counts.threads += more as u64;
    }

    pub(crate) fn note_pending(&self, pending: u64) {
        self.state().counts.pending = pending;
    }

    pub(crate) fn count_held_block(&self) {
        self.state().counts.held_blocks += 1;
    }

    pub(crate) fn count_stall(&self, time: Duration) {
        self.state().counts.stalled += time;
    }

    pub(crate) fn count_call(&self, called: Called) {
        *self.state().counts.calls.entry(called).or_default() += 1;
    }

    /// What goes wrong at a place with a call, if anything does.
    pub(crate) fn strike(&self, place: Place, called: Called) -> Option<FaultKind> {
        self.state().strike(place, |spec| spec.methods.fits(called))
    }

    /// What goes wrong with a connection, if anything does.
    pub(crate) fn strike_connection(&self) -> Option<FaultKind> {
        self.state().strike(Place::Connection, |_| true)
    }

    /// Listens to a connection if an answer may have to be spoiled; it costs time.
    pub(crate) fn tap(&self, profile: &'static Profile) -> Option<Rc<Tap>> {
        let spoils = |planned: &Planned| planned.spec.kind.place() == Place::Reply;
        let wanted = self.state().planned.iter().flatten().any(spoils);
        wanted.then(|| Tap::new(self.clone(), profile))
    }

    /// Bytes by chance.
    pub(crate) fn noise(&self, length: usize) -> Vec<u8> {
        let mut noise = vec![0; length];
        self.state().random.0.fill(&mut noise);
        noise
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts the occurrence for every fault that fits. The first one that strikes now counts alone.
    fn strike(&mut self, place: Place, fits: impl Fn(&FaultSpec) -> bool) -> Option<FaultKind> {
        let mut found = None;
        for planned in self.planned.iter_mut().flatten() {
            if planned.spec.kind.place() != place || !fits(&planned.spec) {
                continue;
            }
            planned.seen += 1;
            let strikes = planned.spec.when.strikes(planned.seen, &mut self.random.0);
            if strikes && found.is_none() {
                planned.struck += 1;
                found = Some(planned.spec.kind.clone());
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use bitcoin_grpc_contract::Method;

    use super::super::Occurrence;
    use super::*;

    const HASH: Called = Called::Method(Method::ChainGetBlockHash);
    const HEIGHT: Called = Called::Method(Method::ChainGetHeight);

    #[test]
    fn faults_strike_where_and_when_they_are_planned() {
        let faults = Faults::default();
        let spec = FaultSpec::new(FaultKind::Die).on("Chain.getHeight").when(Occurrence::Nth(2));
        let id = faults.plan(spec);
        assert_eq!(faults.strike(Place::Arrival, HEIGHT), None);
        assert_eq!(faults.strike(Place::Arrival, HASH), None);
        assert_eq!(faults.strike(Place::Reply, HEIGHT), None);
        assert_eq!(faults.strike(Place::Arrival, HEIGHT), Some(FaultKind::Die));
        assert_eq!(faults.strike(Place::Arrival, HEIGHT), None);
        assert_eq!((faults.struck(id), faults.remove(id), faults.remove(id)), (1, 1, 0));
    }

    #[test]
    fn the_first_one_planned_comes_first() {
        let faults = Faults::default();
        let silent = faults.plan(FaultSpec::new(FaultKind::Silent).when(Occurrence::First(1)));
        faults.plan(FaultSpec::new(FaultKind::Late(std::time::Duration::ZERO)));
        assert_eq!(faults.strike(Place::Running, HASH), Some(FaultKind::Silent));
        assert!(matches!(faults.strike(Place::Running, HASH), Some(FaultKind::Late(_))));
        assert_eq!(faults.struck(silent), 1);
        faults.clear();
        assert_eq!(faults.strike(Place::Running, HASH), None);
    }

    #[tokio::test]
    async fn a_restart_is_wanted_once() {
        let faults = Faults::default();
        faults.restart(Restart::default());
        faults.clone().restart(Restart { profile: Some("core-31"), ..Restart::default() });
        assert_eq!(faults.restart_wanted().await.profile, Some("core-31"));
        let again =
            tokio::time::timeout(std::time::Duration::from_millis(20), faults.restart_wanted());
        again.await.unwrap_err();
    }
}
