//! The closed list of reasons: one table, from which `docs/errors.md` is written and on which every status,
//! log line and count is based.

use super::code::Code;

/// When a reason is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Of a call, or of a stream.
    Call,
    /// Of a request that never becomes a call.
    Request,
}

/// What is promised of a reason. The texts are Markdown, for `docs/errors.md`.
#[derive(Debug)]
pub struct Row {
    /// Its name, as callers see it in `google.rpc.ErrorInfo`.
    pub name: &'static str,
    /// The code of its status.
    pub code: Code,
    /// When it is found.
    pub stage: Stage,
    /// Who failed.
    pub whose: &'static str,
    /// Whether sending the same again is safe.
    pub again: &'static str,
    /// Its status says when to try again (`google.rpc.RetryInfo`).
    pub waits: bool,
    /// What its status says besides.
    pub details: &'static str,
    /// What happened.
    pub meaning: &'static str,
}

macro_rules! reasons {
    ($($reason:ident = $name:literal, $code:ident, $stage:ident, $whose:literal, $again:literal, $waits:literal,
       $details:literal, $meaning:literal;)*) => {
        /// Why there is no reply.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $(#[doc = $meaning] $reason,)*
        }

        impl Reason {
            /// All of them, in the order of the documentation.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$reason),*];
        }

        static TABLE: [Row; Reason::ALL.len()] = [$(Row {
            name: $name,
            code: Code::$code,
            stage: Stage::$stage,
            whose: $whose,
            again: $again,
            waits: $waits,
            details: $details,
            meaning: $meaning,
        }),*];
    };
}

reasons! {
    InvalidField = "INVALID_FIELD", InvalidArgument, Call, "client", "safe, and of no use", false,
        "BadRequest: every faulty field",
        "The request breaks its schema's rules, or the `grpc-timeout` header is malformed. Nothing was sent to the node.";
    AccessNotGranted = "ACCESS_NOT_GRANTED", PermissionDenied, Call, "client", "safe, and of no use", false,
        "metadata `access`",
        "The caller was not granted the method, nor its access class; see [rights](rights.md).";
    RpcCommandNotGranted = "RPC_COMMAND_NOT_GRANTED", PermissionDenied, Call, "client", "safe, and of no use", false,
        "",
        "The caller may not run that RPC command by `ExecuteRpc`; see [rights](rights.md). Nothing was sent.";
    RpcWalletNotGranted = "RPC_WALLET_NOT_GRANTED", PermissionDenied, Call, "client", "safe, and of no use", false,
        "",
        "The caller may run that RPC command, but not on the wallet that `uri` selects. Nothing was sent.";
    MethodNotInNode = "METHOD_NOT_IN_NODE", Unimplemented, Call, "node", "safe, and of no use", false,
        "metadata `profile`",
        "The connected node's generation has no such method, or another one by its name. The message names generations that have it.";
    FieldNotInNode = "FIELD_NOT_IN_NODE", Unimplemented, Call, "node", "safe, without the field", false,
        "metadata `profile`, `field`",
        "A field that the request sets does not exist in the connected node's generation.";
    RefusedForSafety = "REFUSED_FOR_SAFETY", FailedPrecondition, Call, "proxy", "safe, and of no use", false,
        "",
        "The call would end or damage the node as it stands; the message says how. Nothing was sent.";
    TooManyCalls = "TOO_MANY_CALLS", ResourceExhausted, Call, "proxy", "safe", true,
        "",
        "Too many calls are waiting already. Nothing was sent to the node.";
    TooManyCallsOfCaller = "TOO_MANY_CALLS_OF_CALLER", ResourceExhausted, Call, "client", "safe", true,
        "",
        "As many calls of this caller wait as may, or it has the longest line and another needed a seat. Nothing was sent to the node.";
    RateOfCallerExceeded = "RATE_OF_CALLER_EXCEEDED", ResourceExhausted, Call, "client", "safe", true,
        "",
        "This caller makes more calls in a second than it may. Nothing was sent to the node.";
    RateExceeded = "RATE_EXCEEDED", ResourceExhausted, Call, "proxy", "safe", true,
        "",
        "All callers together make more calls in a second than they may. Nothing was sent to the node.";
    TooManyStreams = "TOO_MANY_STREAMS", ResourceExhausted, Call, "client", "safe, once a stream has ended", false,
        "",
        "As many streams are open as may be, in all, for this caller, or of single wallets. Nothing was sent to the node.";
    SubscriberTooSlow = "SUBSCRIBER_TOO_SLOW", ResourceExhausted, Call, "client", "safe, from a new snapshot", false,
        "metadata `last_sequence`",
        "The client did not read the stream fast enough; the events after `last_sequence` are gone.";
    NotificationsUnsafe = "NOTIFICATIONS_UNSAFE", FailedPrecondition, Call, "node", "safe, and of no use", false,
        "metadata `profile`",
        "A node of this generation aborts if bitcoin-grpc dies while it is subscribed; `--notifications always` accepts that. Nothing was sent.";
    NotificationsOff = "NOTIFICATIONS_OFF", FailedPrecondition, Call, "proxy", "safe, and of no use", false,
        "",
        "bitcoin-grpc runs with `--notifications never`.";
    DeadlineExceeded = "DEADLINE_EXCEEDED", DeadlineExceeded, Call, "node or proxy", "if the method is idempotent", false,
        "",
        "The caller's deadline, or the server's for callers that set none, passed. The node may still carry the call out.";
    NodeUnavailable = "NODE_UNAVAILABLE", Unavailable, Call, "node", "safe", true,
        "",
        "No node is connected, or it is still loading. Nothing was sent.";
    NodeLost = "NODE_LOST", Unavailable, Call, "node", "if the method is idempotent", false,
        "",
        "The connection was lost during the call, or broke off in the middle of an answer. The node may have carried the call out. Reads that may be repeated were asked once more, if a node came back in time.";
    NodeStuck = "NODE_STUCK", Unavailable, Call, "node", "safe, after the node's restart", false,
        "",
        "Every server thread of the node is in a call that does not end. Only a restart of the node mends that.";
    Draining = "DRAINING", Unavailable, Call, "proxy", "if the method is idempotent", true,
        "",
        "bitcoin-grpc is shutting down. A call that was already with the node when the time for ending was over may have been carried out.";
    HeightAboveTip = "HEIGHT_ABOVE_TIP", OutOfRange, Call, "client", "safe, once the chain is longer", false,
        "metadata `height`",
        "The active chain does not reach that height.";
    LeaseGone = "LEASE_GONE", NotFound, Call, "client", "safe, and of no use", false,
        "metadata `why`: `unknown`, `expired`, `destroyed`, `node_gone`, `draining`, or `elsewhere` with `instance`",
        "The handle names no lease of the caller's. See [objects](objects.md).";
    TooManyLeases = "TOO_MANY_LEASES", ResourceExhausted, Call, "client", "safe, once a lease has ended", false,
        "metadata `limit`",
        "The caller, or all callers together, hold as many leases as may be. Nothing was sent.";
    WalletNotLoaded = "WALLET_NOT_LOADED", NotFound, Call, "client", "safe, once the wallet is loaded", false,
        "metadata `wallet`",
        "No wallet of that name is loaded, or, at the end of a stream, it was unloaded. Nothing was done.";
    NodeException = "NODE_EXCEPTION", Internal, Call, "node", "if the method is idempotent", false,
        "",
        "The node answered with a C++ exception; the message has its text.";
    NodeReplyInvalid = "NODE_REPLY_INVALID", Internal, Call, "node", "if the method is idempotent", false,
        "",
        "The node's reply cannot be understood, or has more than 64 MiB.";
    Internal = "INTERNAL", Internal, Call, "proxy", "if the method is idempotent", false,
        "",
        "A fault of bitcoin-grpc; please report it.";
    CredentialInvalid = "CREDENTIAL_INVALID", Unauthenticated, Request, "client", "safe, and of no use", false,
        "",
        "The call has a bearer token, or its connection a certificate, that stands for nobody. Unknown, revoked, expired and malformed ones are told alike.";
    IdentityRequired = "IDENTITY_REQUIRED", Unauthenticated, Request, "client", "safe, with an identity", false,
        "",
        "Without an identity there is nothing here for the caller. Whether the method exists is not said.";
    ServiceNotGranted = "SERVICE_NOT_GRANTED", PermissionDenied, Request, "client", "safe, and of no use", false,
        "",
        "The caller was not granted health, or reflection.";
    MethodUnknown = "METHOD_UNKNOWN", Unimplemented, Request, "client", "safe, and of no use", false,
        "",
        "The contract has no such service or method.";
    MessageTooLarge = "MESSAGE_TOO_LARGE", ResourceExhausted, Request, "client", "safe, and of no use", false,
        "",
        "The request is longer than 4 MiB. There is no RetryInfo, which tells it from `TOO_MANY_CALLS`.";
    EncodingNotSupported = "ENCODING_NOT_SUPPORTED", Unimplemented, Request, "client", "safe, uncompressed", false,
        "",
        "The request is compressed; bitcoin-grpc does not take compressed requests.";
    MessageMalformed = "MESSAGE_MALFORMED", InvalidArgument, Request, "client", "safe, and of no use", false,
        "",
        "The request is not the protobuf message it should be.";
    TooManyBytes = "TOO_MANY_BYTES", ResourceExhausted, Request, "proxy", "safe", true,
        "",
        "Requests of 64 MiB in all are being received or answered.";
    MessageTooSlow = "MESSAGE_TOO_SLOW", DeadlineExceeded, Request, "client", "safe", false,
        "",
        "The request did not arrive within a minute.";
}

impl Reason {
    /// What is promised of it.
    #[must_use]
    pub const fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// Its name, as callers see it in `google.rpc.ErrorInfo`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The code of its status.
    #[must_use]
    pub const fn code(self) -> Code {
        self.row().code
    }
}

#[cfg(test)]
#[path = "reason_tests.rs"]
mod tests;
