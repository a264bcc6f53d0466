//! How much may be under way and how much may wait, for each caller and in all. Beyond that a caller is told at once
//! to come back, before the queue grows so long that everybody's deadline passes in it.
//!
//! Callers who wait have their turns one after the other, so that who calls much does not keep out who calls little.
//! Methods that wait for an event have places of their own, so that waiting callers cannot keep readers out.

mod account;
mod gate;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tower::util::Oneshot;
use tower::{Layer, Service, ServiceExt};

use self::account::{Account, Accounts, IDENTITIES, Pace};
use self::gate::{Gate, Place};
use crate::call::{Call, CallService, Outcome};
use crate::error::{CallError, Limit};
use crate::metrics::exposition::AdmissionLook;

/// After what time a refused caller should try again. A full queue of
/// [`Limits::QUEUE`] short calls is worked off in about this time.
pub const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Bounds, in calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Short calls under way.
    pub in_flight: usize,
    /// Short calls that wait for a place.
    pub queue: usize,
    /// Waiting methods under way.
    pub in_flight_blocking: usize,
    /// Waiting methods that wait for a place.
    pub queue_blocking: usize,
    /// Calls in a second; as many as there are if `None`.
    pub rate: Option<u32>,
    /// Of one caller, unless its grants say otherwise.
    pub own: OwnLimits,
}

/// Bounds of one caller, in calls. What is `None` is as usual.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OwnLimits {
    /// Short calls under way. Usually all places, as long as nobody else wants one.
    pub in_flight: Option<usize>,
    /// Waiting methods under way. Usually three quarters of the places, since these are held for long.
    pub in_flight_blocking: Option<usize>,
    /// Calls of either kind that wait for a place. Usually three quarters of the seats.
    pub queue: Option<usize>,
    /// Calls in a second. Usually as many as there are.
    pub rate: Option<u32>,
}

impl OwnLimits {
    /// Of each bound the one that allows more, where both say one.
    #[must_use]
    pub fn widest(self, other: Self) -> Self {
        // Nothing is less than any number.
        Self {
            in_flight: self.in_flight.max(other.in_flight),
            in_flight_blocking: self.in_flight_blocking.max(other.in_flight_blocking),
            queue: self.queue.max(other.queue),
            rate: self.rate.max(other.rate),
        }
    }

    /// These, and for what they do not say, others.
    fn or(self, other: Self) -> Self {
        Self {
            in_flight: self.in_flight.or(other.in_flight),
            in_flight_blocking: self.in_flight_blocking.or(other.in_flight_blocking),
            queue: self.queue.or(other.queue),
            rate: self.rate.or(other.rate),
        }
    }
}

impl Limits {
    /// Enough to keep every server thread of a node busy many times over.
    pub const IN_FLIGHT: usize = 256;
    /// About a tenth of a second's work of one node.
    pub const QUEUE: usize = 1024;
    /// Each holds a server thread of the node for as long as it waits.
    pub const IN_FLIGHT_BLOCKING: usize = 64;
    /// Waiting in order to wait is of little use.
    pub const QUEUE_BLOCKING: usize = 64;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            in_flight: Self::IN_FLIGHT,
            queue: Self::QUEUE,
            in_flight_blocking: Self::IN_FLIGHT_BLOCKING,
            queue_blocking: Self::QUEUE_BLOCKING,
            rate: None,
            own: OwnLimits::default(),
        }
    }
}

/// Three quarters, and one at least if there is any.
const fn most(number: usize) -> usize {
    number - number / 4
}

/// One caller's part of the places and seats of one kind.
#[derive(Debug, Clone, Copy)]
struct Share {
    places: usize,
    seats: usize,
}

/// Admits calls. Copies share places, seats and accounts.
#[derive(Debug, Clone)]
pub struct AdmissionLayer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: Limits,
    short: Arc<Gate>,
    blocking: Arc<Gate>,
    accounts: Accounts,
    pace: Pace,
}

impl AdmissionLayer {
    /// Keeps these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(Shared {
            limits,
            short: Gate::new(0, limits.in_flight, limits.queue),
            blocking: Gate::new(1, limits.in_flight_blocking, limits.queue_blocking),
            accounts: Accounts::new(IDENTITIES),
            pace: Pace::default(),
        }))
    }

    /// Short and waiting calls under way and in line, now.
    #[must_use]
    pub fn look(&self) -> Vec<AdmissionLook> {
        vec![self.0.short.look("short"), self.0.blocking.look("blocking")]
    }

    /// Callers for whom numbers are kept.
    #[must_use]
    pub fn identities(&self) -> usize {
        self.0.accounts.len()
    }

    /// Sends everybody away who waits or comes from now on. Calls under way go on.
    pub fn close(&self) {
        self.0.short.close();
        self.0.blocking.close();
    }
}

impl Shared {
    /// A caller's part, by what its grants say.
    fn share(&self, own: OwnLimits, blocking: bool) -> Share {
        let limits = &self.limits;
        let (places, seats) = match blocking {
            true => {
                let places = own.in_flight_blocking.unwrap_or(most(limits.in_flight_blocking));
                (places, limits.queue_blocking)
            }
            false => (own.in_flight.unwrap_or(limits.in_flight), limits.queue),
        };
        Share { places, seats: own.queue.unwrap_or(most(seats)) }
    }

    /// Takes a call's part of the rates, if there are any.
    fn pace(&self, account: &Account, own: OwnLimits) -> Result<(), CallError> {
        if own.rate.is_none() && self.limits.rate.is_none() {
            return Ok(());
        }
        let now = self.accounts.now();
        let take = |pace: &Pace, rate: Option<u32>, limit| {
            let taken = rate.map_or(Ok(()), |rate| pace.take(rate, now));
            taken.map_err(|retry_after| CallError::Limited { limit, retry_after })
        };
        // Its own first: what it may not do itself takes nothing from others.
        take(&account.pace, own.rate, Limit::OwnRate)?;
        take(&self.pace, self.limits.rate, Limit::Rate)
    }
}

impl<S> Layer<S> for AdmissionLayer {
    type Service = Admission<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Admission { inner, shared: Arc::clone(&self.0) }
    }
}

/// The service of [`AdmissionLayer`]. It is always ready: it queues or refuses, and asks a clone of
/// the inner service for its readiness only once the call has its place.
#[derive(Debug, Clone)]
pub struct Admission<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S: CallService> Service<Call> for Admission<S> {
    type Response = Outcome;
    type Error = CallError;
    type Future = Admitted<S>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let way = self.admit(call).unwrap_or_else(|error| Way::Refused { error: Some(error) });
        Admitted { way }
    }
}

impl<S: CallService> Admission<S> {
    fn admit(&self, mut call: Call) -> Result<Way<S>, CallError> {
        let shared = &self.shared;
        let account = shared.accounts.of(&call);
        call.line = account.line;
        let own = call.grants.limits().or(shared.limits.own);
        shared.pace(&account, own)?;
        let blocking = call.method().info().blocking;
        let gate = if blocking { &shared.blocking } else { &shared.short };
        let share = shared.share(own, blocking);
        match gate.try_enter(&account, share) {
            Some(place) => Ok(Way::Running { call: self.inner.clone().oneshot(call), place }),
            None => queue(gate, &account, share, self.inner.clone(), call),
        }
    }
}

/// The slow path: the only one that allocates.
fn queue<S: CallService>(
    gate: &Arc<Gate>,
    account: &Arc<Account>,
    share: Share,
    inner: S,
    call: Call,
) -> Result<Way<S>, CallError> {
    let waiting = gate.wait(account, share, call.deadline)?;
    Ok(Way::Queued {
        call: Box::pin(async move {
            let place = waiting.turn().await?;
            let answer = inner.oneshot(call).await;
            drop(place);
            answer
        }),
    })
}

type Queued = Pin<Box<dyn Future<Output = Result<Outcome, CallError>> + Send>>;

pin_project! {
    /// A call on its way through admission. Dropping it gives back its place or its seat.
    pub struct Admitted<S: Service<Call>> {
        #[pin]
        way: Way<S>,
    }
}

pin_project! {
    #[project = WayProjection]
    enum Way<S: Service<Call>> {
        // It has its place.
        Running { #[pin] call: Oneshot<S, Call>, place: Place },
        // It waits for one.
        Queued { call: Queued },
        // There was no room to wait; `None` once this was told.
        Refused { error: Option<CallError> },
    }
}

impl<S: CallService> Future for Admitted<S> {
    type Output = Result<Outcome, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().way.project() {
            WayProjection::Running { call, .. } => call.poll(cx),
            WayProjection::Queued { call } => call.as_mut().poll(cx),
            WayProjection::Refused { error } => match error.take() {
                Some(error) => Poll::Ready(Err(error)),
                None => Poll::Pending,
            },
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
