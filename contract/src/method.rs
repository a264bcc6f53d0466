//! What is known of every method.

use crate::glue::{CallbackAnswer, METHODS, Method, Reply, Request, Service};

/// The right that a caller of a method needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    /// Looks at public chain, mempool and peer state.
    Read,
    /// Hands the node a transaction, a block or a template solution.
    Submit,
    /// Touches a wallet, its keys or its history.
    Wallet,
    /// Changes settings, peers or bans, talks to the operator, or runs RPC commands.
    Control,
    /// Starts, initialises or stops the node.
    Lifecycle,
}

impl Access {
    /// All classes, the most harmless first.
    pub const ALL: [Self; 5] =
        [Self::Read, Self::Submit, Self::Wallet, Self::Control, Self::Lifecycle];

    /// The class's name in configuration, messages and comments.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Submit => "submit",
            Self::Wallet => "wallet",
            Self::Control => "control",
            Self::Lifecycle => "lifecycle",
        }
    }
}

/// Streaming form of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One request, one reply.
    Unary,
    /// One request, then events until the client or the node ends it.
    ServerStreaming,
    /// Invocations of the client's callback, and its answers.
    Bidirectional,
}

/// What a method passes besides values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Values only, on a root object.
    Nothing,
    /// A callback object of the client's.
    Callback,
    /// It returns an object of the node's.
    ReturnsObject,
    /// It is called on an object that is no root.
    Object,
}

/// How a call finds its object on the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// There is one per node.
    Root,
    /// The call names a lease.
    Leased,
    /// The call names the object by its natural key.
    Named,
}

/// One row of the method table.
#[derive(Debug)]
pub struct MethodInfo {
    /// Service of the contract.
    pub service: Service,
    /// Name in the contract, `GetBlockHash`.
    pub name: &'static str,
    /// HTTP/2 path, `/bitcoin.ipc.v1.Chain/GetBlockHash`.
    pub path: &'static str,
    /// `Chain.GetBlockHash`, for people.
    pub full_name: &'static str,
    /// Type id of the interface that declares it on the wire.
    pub interface_id: u64,
    /// Name on the wire, `getBlockHash`.
    pub wire_name: &'static str,
    /// Class of right it needs.
    pub access: Access,
    /// Streaming form.
    pub form: Form,
    /// What it passes besides values.
    pub needs: Needs,
    /// It may wait for an event for as long as its caller allows.
    pub blocking: bool,
    /// It may be sent twice with the effect of once.
    pub idempotent: bool,
    /// Under the condition its schema names, the reply to a request never changes.
    pub cacheable: bool,
}

impl Method {
    /// Its row in the method table.
    #[must_use]
    pub fn info(self) -> &'static MethodInfo {
        &METHODS[self as usize]
    }
}

/// Ties a request message of a unary method to its method and its response message.
pub trait Unary: prost::Message + Default + Sized + Send + 'static {
    /// The response message.
    type Response: prost::Message + Default + Send + 'static;

    /// The method.
    const METHOD: Method;

    /// The request, as it crosses the stack.
    fn into_request(self) -> Request;

    /// The response out of the stack's reply; `None` if it answers another method.
    fn response(reply: Reply) -> Option<Self::Response>;
}

/// What a client says in a conversation.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "it is taken apart at once")]
pub enum Said {
    /// It opens the conversation.
    Start(Request),
    /// It answers an invocation.
    Answer(CallbackAnswer),
}

/// A client's messages in a bidirectional method.
pub trait Dialogue: prost::Message + Default + Sized + Send + 'static {
    /// What the message says; `None` if nothing.
    fn said(self) -> Option<Said>;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for method in Method::ALL {
            let info = method.info();
            let name = format!("{method:?}");
            assert_eq!(name, format!("{}{}", info.service.name(), info.name));
        }
        let paths: BTreeSet<_> = Method::ALL.iter().map(|m| m.info().path).collect();
        assert_eq!(paths.len(), Method::ALL.len());
    }
}
