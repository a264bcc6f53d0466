//! What can fail, whose fault it is, and whether it makes sense to try again.

mod code;
mod reason;

use std::time::Duration;

use bitcoin_grpc_contract::{Access, Method, Violation};

pub use code::Code;
pub use reason::{Reason, Row, Stage};

/// Why a call has no reply.
///
/// Every variant answers two questions: who failed (the caller, this proxy, or the node), and
/// whether sending the call again is safe. Frontends turn each into a status of their protocol
/// by one exhaustive match; [`CallError::reason`] is the closed list that callers can rely on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The request is not what its schema allows. Nothing was sent.
    #[error("the request has {} invalid field(s); the first: {}", .0.len(), first(.0))]
    Invalid(Vec<Violation>),
    /// The caller lacks the method's right. Nothing was sent.
    #[error("{} needs the access class `{}`, which is not granted", .method.info().full_name, .class.name())]
    Denied {
        /// The method.
        method: Method,
        /// The class it needs.
        class: Access,
    },
    /// The caller may run RPC commands, but not this one. Nothing was sent.
    #[error("the RPC command `{command}` is not granted")]
    CommandDenied {
        /// The command.
        command: String,
    },
    /// The caller may run the RPC command, but not on this wallet. Nothing was sent.
    #[error("the RPC command is not granted on the wallet `{wallet}`")]
    CommandWalletDenied {
        /// Name of the wallet.
        wallet: String,
    },
    /// The connected node's generation has no such method, or another one by its name.
    #[error("{} is not in the node's interface ({profile}{}); {}", .method.info().full_name, difference(.why), where_it_is(.method))]
    NotInProfile {
        /// The method.
        method: Method,
        /// Name of the node's generation.
        profile: &'static str,
        /// How the generation's method differs, if it has one by that name.
        why: Option<&'static str>,
    },
    /// A field that the caller set has no place in the connected node's generation.
    #[error("the node's interface ({profile}) has no field `{field}` in {}", .method.info().full_name)]
    FieldNotInProfile {
        /// The method.
        method: Method,
        /// Name of the node's generation.
        profile: &'static str,
        /// The field.
        field: &'static str,
    },
    /// The call would end or harm the node in the state it is in. Nothing was sent.
    #[error("{} is refused: {why}", .method.info().full_name)]
    Refused {
        /// The method.
        method: Method,
        /// What would happen, and what to do instead if there is something.
        why: &'static str,
    },
    /// Too much is waiting already. Nothing was sent.
    #[error("too many calls are waiting")]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// One of the limits of the caller, or a rate, was met. Nothing was sent.
    #[error("{limit}")]
    Limited {
        /// Which.
        limit: Limit,
        /// When to try again.
        retry_after: Duration,
    },
    /// As many streams are open as may be. Nothing was sent.
    #[error("{limit} streams are open, which is all there may be")]
    TooManyStreams {
        /// How many may be open.
        limit: usize,
    },
    /// The node would not survive the loss of a subscriber, and subscriptions were not asked for in
    /// spite of that. Nothing was sent.
    #[error(
        "a node of this generation ({profile}) aborts if bitcoin-grpc dies while it is subscribed; start bitcoin-grpc with `--notifications always` to accept that"
    )]
    NotificationsUnsafe {
        /// Name of the node's generation.
        profile: &'static str,
    },
    /// Subscriptions are switched off. Nothing was sent.
    #[error("bitcoin-grpc runs with `--notifications never`")]
    NotificationsOff,
    /// A subscriber read too slowly; events that it has not read are no more.
    #[error("the stream was not read fast enough, and its next events are gone")]
    SubscriberTooSlow,
    /// A stream ended. Its client has been sent all messages up to a number.
    #[error("{why} (after message {last_sequence} of the stream)")]
    StreamEnded {
        /// Number of the last message.
        last_sequence: u64,
        /// Why it ended.
        why: Box<CallError>,
    },
    /// The deadline passed. The node may still carry the call out if it was sent.
    #[error("the deadline passed before the node answered")]
    DeadlineExceeded,
    /// No node is connected, or it is not ready. Nothing was sent.
    #[error("no node: {0}")]
    NoNode(String),
    /// The connection was lost while the call was under way. The node may have carried it out.
    #[error("the node went away during the call")]
    NodeLost,
    /// All server threads of the node are taken by calls that never came back.
    #[error("every server thread of the node is stuck in a call that does not end")]
    NodeStuck,
    /// The proxy is shutting down.
    #[error("bitcoin-grpc is shutting down")]
    Draining,
    /// A height that the active chain does not reach.
    #[error("height {height} is above the tip")]
    AboveTip {
        /// The height asked for.
        height: i32,
    },
    /// There is no such lease, or not any more. Nothing was sent.
    #[error("there is no such lease: {0}")]
    LeaseGone(LeaseEnd),
    /// As many leases are held as may be. Nothing was sent.
    #[error(
        "{limit} leases are held already, by this caller or by all; destroy some, or let them expire"
    )]
    TooManyLeases {
        /// The limit that was met.
        limit: usize,
    },
    /// No wallet of that name is loaded.
    #[error("no wallet named `{0}` is loaded")]
    WalletNotLoaded(String),
    /// The node answered with an exception.
    #[error("the node refused the call: {0}")]
    NodeException(String),
    /// The node's reply cannot be understood.
    #[error("the node's reply cannot be understood: {0}")]
    BadReply(String),
    /// A fault of this program.
    #[error("internal error: {0}")]
    Internal(String),
}

impl CallError {
    /// The same as the end of a stream after a message of that number.
    #[must_use]
    pub fn after(self, last_sequence: u64) -> Self {
        Self::StreamEnded { last_sequence, why: Box::new(self) }
    }

    /// The reason's name, as callers see it in `google.rpc.ErrorInfo`.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.kind().name()
    }

    /// The code of its status.
    #[must_use]
    pub fn code(&self) -> Code {
        self.kind().code()
    }

    /// The reason. The list is closed; see `docs/errors.md`.
    #[must_use]
    pub fn kind(&self) -> Reason {
        match self {
            Self::Invalid(_) => Reason::InvalidField,
            Self::Denied { .. } => Reason::AccessNotGranted,
            Self::CommandDenied { .. } => Reason::RpcCommandNotGranted,
            Self::CommandWalletDenied { .. } => Reason::RpcWalletNotGranted,
            Self::NotInProfile { .. } => Reason::MethodNotInNode,
            Self::FieldNotInProfile { .. } => Reason::FieldNotInNode,
            Self::Refused { .. } => Reason::RefusedForSafety,
            Self::Busy { .. } => Reason::TooManyCalls,
            Self::Limited { limit: Limit::OwnCalls, .. } => Reason::TooManyCallsOfCaller,
            Self::Limited { limit: Limit::OwnRate, .. } => Reason::RateOfCallerExceeded,
            Self::Limited { limit: Limit::Rate, .. } => Reason::RateExceeded,
            Self::TooManyStreams { .. } => Reason::TooManyStreams,
            Self::NotificationsUnsafe { .. } => Reason::NotificationsUnsafe,
            Self::NotificationsOff => Reason::NotificationsOff,
            Self::SubscriberTooSlow => Reason::SubscriberTooSlow,
            Self::StreamEnded { why, .. } => why.kind(),
            Self::DeadlineExceeded => Reason::DeadlineExceeded,
            Self::NoNode(_) => Reason::NodeUnavailable,
            Self::NodeLost => Reason::NodeLost,
            Self::NodeStuck => Reason::NodeStuck,
            Self::Draining => Reason::Draining,
            Self::AboveTip { .. } => Reason::HeightAboveTip,
            Self::LeaseGone(_) => Reason::LeaseGone,
            Self::TooManyLeases { .. } => Reason::TooManyLeases,
            Self::WalletNotLoaded(_) => Reason::WalletNotLoaded,
            Self::NodeException(_) => Reason::NodeException,
            Self::BadReply(_) => Reason::NodeReplyInvalid,
            Self::Internal(_) => Reason::Internal,
        }
    }
}

/// A limit besides the length of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// Calls of the caller that wait.
    #[error("too many calls of this caller are waiting")]
    OwnCalls,
    /// Calls of the caller in a second.
    #[error("this caller calls too often")]
    OwnRate,
    /// Calls of all callers in a second.
    #[error("there are too many calls")]
    Rate,
}

/// Why there is no lease by some handle.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
pub enum LeaseEnd {
    /// No lease of the caller's had that handle, or it ended too long ago to be remembered.
    #[default]
    #[error("the handle is unknown")]
    Unknown,
    /// It went unused for too long.
    #[error("it went unused for too long")]
    Expired,
    /// The caller destroyed it.
    #[error("it was destroyed")]
    Destroyed,
    /// The connection to the node that had the object is gone.
    #[error("the connection to the node ended, and the object with it")]
    NodeGone,
    /// The proxy is shutting down.
    #[error("bitcoin-grpc is shutting down")]
    Draining,
    /// Another instance gave it.
    #[error("it is held by the instance {0}")]
    Elsewhere(String),
}

impl LeaseEnd {
    /// Its name, as callers see it in the metadata.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Destroyed => "destroyed",
            Self::NodeGone => "node_gone",
            Self::Draining => "draining",
            Self::Elsewhere(_) => "elsewhere",
        }
    }
}

fn first(violations: &[Violation]) -> String {
    violations.first().map(|v| format!("{} {}", v.field, v.description)).unwrap_or_default()
}

fn difference(why: &Option<&'static str>) -> String {
    why.map(|why| format!(": {why}")).unwrap_or_default()
}

fn where_it_is(method: &Method) -> String {
    let have: Vec<_> = bitcoin_grpc_contract::Profile::that_have(*method).collect();
    match have.as_slice() {
        [] => "no known node has it".to_owned(),
        have => format!("nodes that have it: {}", have.join(", ")),
    }
}
