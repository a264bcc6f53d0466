//! What a command answers when it fails.

use serde::Serialize;

/// A failed command, as it is sent: a number and a text. Both are Bitcoin Core's where it has the same fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message} ({code})")]
pub struct RpcError {
    /// The number (`rpc/protocol.h`, RPCErrorCode).
    pub code: i32,
    /// What went wrong.
    pub message: String,
}

/// Numbers of failures.
pub(super) mod code {
    /// Anything that has no number of its own.
    pub(crate) const MISC: i32 = -1;
    /// A value of another type than wanted.
    pub(crate) const TYPE: i32 = -3;
    /// An unknown address, key, block or transaction.
    pub(crate) const ADDRESS_OR_KEY: i32 = -5;
    /// A value out of its bounds.
    pub(crate) const PARAMETER: i32 = -8;
    /// Something that does not decode.
    pub(crate) const DESERIALIZATION: i32 = -22;
    /// The address is banned or connected already.
    pub(crate) const CLIENT_ALREADY_ADDED: i32 = -23;
    /// A transaction or block that cannot be handled.
    pub(crate) const VERIFY: i32 = -25;
    /// A transaction or block that the rules refuse.
    pub(crate) const VERIFY_REJECTED: i32 = -26;
    /// A transaction that is confirmed already.
    pub(crate) const VERIFY_IN_CHAIN: i32 = -27;
    /// An address or subnet that does not parse.
    pub(crate) const CLIENT_INVALID_IP: i32 = -30;
    /// A request that is no JSON-RPC request.
    pub(crate) const INVALID_REQUEST: i32 = -32600;
    /// A command that does not exist.
    pub(crate) const METHOD_NOT_FOUND: i32 = -32601;
    /// A fault of the devnode itself.
    pub(crate) const INTERNAL: i32 = -32603;
    /// Text that is no JSON.
    pub(crate) const PARSE: i32 = -32700;
}

impl RpcError {
    pub(super) fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(super) fn misc(message: impl Into<String>) -> Self {
        Self::new(code::MISC, message)
    }

    pub(super) fn parameter(message: impl Into<String>) -> Self {
        Self::new(code::PARAMETER, message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(code::ADDRESS_OR_KEY, message)
    }
}
