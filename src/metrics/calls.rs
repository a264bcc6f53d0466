//! Calls, as their callers see them.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use bitcoin_grpc_contract::Method;

use super::{ByMethod, Counter, Histogram, Snapshot, by_method};
use crate::error::{Code, Reason};

/// Series of one method, by code. They are made when first needed: most methods end in two or three ways.
type Series = [OnceLock<Box<Histogram>>; Code::ALL.len()];

/// Requests that never became calls, by reason.
type Faults = [Counter; Reason::ALL.len()];

/// How calls ended, and when.
#[derive(Debug)]
pub struct CallMetrics {
    ended: Box<ByMethod<Series>>,
    faults: Box<ByMethod<Faults>>,
    /// Of all methods that do not exist together, so that nobody can make up series.
    unknown: Faults,
    reasons: [Counter; Reason::ALL.len()],
    messages: Box<ByMethod<Counter>>,
    lag: Histogram,
    repeated: Counter,
}

impl Default for CallMetrics {
    fn default() -> Self {
        Self {
            ended: Box::new(std::array::from_fn(|_| Series::default())),
            faults: Box::new(std::array::from_fn(|_| counters())),
            unknown: counters(),
            reasons: counters(),
            messages: by_method(),
            lag: Histogram::default(),
            repeated: Counter::default(),
        }
    }
}

fn counters<const N: usize>() -> [Counter; N] {
    std::array::from_fn(|_| Counter::default())
}

impl CallMetrics {
    /// A call has ended with a reply, or with nobody waiting for one.
    pub fn ended(&self, method: Method, code: Code, time: Duration) {
        self.ended[method as usize][code.index()].get_or_init(Box::default).observe(time);
    }

    /// A call has ended for this reason.
    pub fn failed(&self, method: Method, reason: Reason, time: Duration) {
        self.ended(method, reason.code(), time);
        self.reasons[reason as usize].add_one();
    }

    /// A request did not become a call. `None`: there is no such method.
    pub fn refused(&self, method: Option<Method>, reason: Reason) {
        let faults = method.map_or(&self.unknown, |method| &self.faults[method as usize]);
        faults[reason as usize].add_one();
        self.reasons[reason as usize].add_one();
    }

    /// A stream has given a message whose event came at that time.
    pub fn message(&self, method: Method, time: SystemTime) {
        self.messages[method as usize].add_one();
        // A clock that was set back meanwhile says nothing.
        self.lag.observe(time.elapsed().unwrap_or_default());
    }

    /// A read was asked once more.
    pub fn repeated(&self) {
        self.repeated.add_one();
    }

    pub(super) fn repeats(&self) -> u64 {
        self.repeated.get()
    }

    pub(super) fn lag(&self) -> Snapshot {
        self.lag.snapshot()
    }

    /// Calls by how they ended, with their times.
    pub(super) fn latencies(&self) -> impl Iterator<Item = (Method, Code, Snapshot)> {
        Method::ALL.into_iter().flat_map(|method| {
            let series = Code::ALL.into_iter().zip(&self.ended[method as usize]);
            series.filter_map(move |(code, times)| Some((method, code, times.get()?.snapshot())))
        })
    }

    /// How often each method ended in each way, refused requests included. `None` is any unknown method.
    pub(super) fn counts(&self) -> impl Iterator<Item = (Option<Method>, Code, u64)> {
        let known = Method::ALL.into_iter().map(Some).chain([None]);
        known
            .flat_map(move |method| {
                Code::ALL.into_iter().map(move |code| (method, code, self.count(method, code)))
            })
            .filter(|(_, _, count)| *count > 0)
    }

    fn count(&self, method: Option<Method>, code: Code) -> u64 {
        let faults = method.map_or(&self.unknown, |method| &self.faults[method as usize]);
        let of_code = Reason::ALL.into_iter().filter(|reason| reason.code() == code);
        let refused: u64 = of_code.map(|reason| faults[reason as usize].get()).sum();
        let ended = method.and_then(|method| self.ended[method as usize][code.index()].get());
        refused + ended.map_or(0, |times| times.count())
    }

    /// How often each reason was told.
    pub(super) fn reasons(&self) -> impl Iterator<Item = (Reason, u64)> {
        Reason::ALL.into_iter().map(|reason| (reason, self.reasons[reason as usize].get()))
    }

    /// Messages of the streams of each method that has had any.
    pub(super) fn messages(&self) -> impl Iterator<Item = (Method, u64)> {
        let counts =
            Method::ALL.into_iter().map(|method| (method, self.messages[method as usize].get()));
        counts.filter(|(_, count)| *count > 0)
    }
}
