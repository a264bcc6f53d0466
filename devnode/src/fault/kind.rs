//! What goes wrong.

use std::time::Duration;

use capnp::ErrorKind;

use crate::socket::Busy;

/// Longest time that a node stands still, so that a mistyped number does not last for ever.
pub(super) const MAX_FREEZE: Duration = Duration::from_secs(60);

/// What goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultKind {
    /// The answer comes later by so much; the call keeps its server thread for that time.
    Late(Duration),
    /// There is never an answer; the call keeps its server thread.
    Silent,
    /// The call is not carried out, and answered with an exception.
    Error {
        /// The kind of exception on the wire.
        kind: ErrorKind,
        /// Its text.
        text: String,
    },
    /// The client loses its connection.
    Disconnect(Moment),
    /// Half of the answer is written, and then the connection is gone.
    HalfMessage,
    /// The answer says that it is 4 GiB long, and does not come to its end.
    Oversize,
    /// The answer has the right length, and its pointers lead nowhere.
    Malformed,
    /// Noise comes in place of the answer.
    Garbage,
    /// The call would have ended a real node: it is counted, and the client loses its connection.
    Die,
    /// The whole node stands still for so long, with all its clients. At most a minute.
    Freeze(Duration),
    /// The node goes away, with all connections, and comes back.
    Restart(Restart),
    /// A connection is closed as soon as it is made.
    Refuse,
    /// On a connection, calls that find their server thread busy fare as in some other generation.
    Threads(Busy),
}

/// When a connection is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// When the call comes in: it is not carried out.
    Before,
    /// After the call was carried out, before it is answered.
    During,
    /// Right after the answer.
    After,
}

/// How a node comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restart {
    /// What it knows then.
    pub chain: RestartChain,
    /// The interface that it speaks then, by the name of its profile; none for the same as before.
    pub profile: Option<&'static str>,
    /// For how long its socket is gone.
    pub down: Duration,
}

impl Default for Restart {
    /// At once, as it was.
    fn default() -> Self {
        Self { chain: RestartChain::Same, profile: None, down: Duration::ZERO }
    }
}

/// What a node knows when it comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartChain {
    /// Everything that it knew before.
    Same,
    /// As much as at its first start, but of another chain, with other hashes.
    Another,
}

/// Where a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A connection that is made.
    Connection,
    /// A call that comes in.
    Arrival,
    /// A call that has its server thread.
    Running,
    /// A call that was carried out.
    Done,
    /// The bytes of an answer.
    Reply,
}

impl FaultKind {
    /// Where it strikes.
    pub(crate) fn place(&self) -> Place {
        match self {
            Self::Refuse | Self::Threads(_) => Place::Connection,
            Self::Error { .. }
            | Self::Die
            | Self::Freeze(_)
            | Self::Restart(_)
            | Self::Disconnect(Moment::Before) => Place::Arrival,
            Self::Late(_) | Self::Silent => Place::Running,
            Self::Disconnect(Moment::During) => Place::Done,
            Self::HalfMessage
            | Self::Oversize
            | Self::Malformed
            | Self::Garbage
            | Self::Disconnect(Moment::After) => Place::Reply,
        }
    }
}
