//! Faults on demand: whatever can go wrong with a node, when a test wants it.
//!
//! A [`FaultSpec`] says what goes wrong (`kind`), for which methods (`called`) and how often (`when`); `text` reads it from
//! a command line. [`Faults`] holds those that are planned and counts what comes in; it can be shared with the thread of
//! a test. Where they strike:
//!
//! - a connection: [`FaultKind::Refuse`], [`FaultKind::Threads`];
//! - a call when it comes in, before it is run: [`FaultKind::Error`], [`FaultKind::Die`], [`FaultKind::Freeze`],
//!   [`FaultKind::Restart`], [`FaultKind::Disconnect`] at [`Moment::Before`];
//! - a call that has its server thread: [`FaultKind::Late`], [`FaultKind::Silent`];
//! - a call that was carried out, before it is answered: [`FaultKind::Disconnect`] at [`Moment::During`];
//! - the bytes of its answer: [`FaultKind::HalfMessage`], [`FaultKind::Oversize`], [`FaultKind::Malformed`],
//!   [`FaultKind::Garbage`], [`FaultKind::Disconnect`] at [`Moment::After`].
//!
//! One call can be struck once at each of these places, by the first fault that was planned. Bytes are spoiled on
//! connections that were made after such a fault was planned.

mod called;
mod counts;
mod faults;
mod frames;
mod kind;
mod spoil;
mod tap;
mod text;
mod when;

pub use called::{Called, MethodFilter};
pub use faults::{FaultId, Faults};
pub use kind::{FaultKind, Moment, Restart, RestartChain};
pub use text::FaultSpecError;
pub use when::Occurrence;

pub(crate) use kind::Place;
pub(crate) use tap::{Tap, TapReader, TapWriter};

/// A fault: what goes wrong, where and when.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultSpec {
    /// What goes wrong.
    pub kind: FaultKind,
    /// For which methods. Faults of connections do not look at it.
    pub methods: MethodFilter,
    /// At which of the calls (or connections) that fit.
    pub when: Occurrence,
}

impl FaultSpec {
    /// A fault of every call.
    #[must_use]
    pub fn new(kind: FaultKind) -> Self {
        Self { kind, methods: MethodFilter::default(), when: Occurrence::default() }
    }

    /// The same for some methods only: a name such as `Chain.getBlockHash`, or the beginning of one and a star.
    #[must_use]
    pub fn on(self, methods: &str) -> Self {
        Self { methods: MethodFilter::new(methods), ..self }
    }

    /// The same for some occurrences only.
    #[must_use]
    pub fn when(self, when: Occurrence) -> Self {
        Self { when, ..self }
    }
}
