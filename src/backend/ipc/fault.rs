//! What the node's and the wire's errors are to a caller.

use std::time::Duration;

use bitcoin_grpc_contract::{GlueError, Method, Profile, Violation};
use capnp::ErrorKind;

use crate::error::CallError;

/// When to try again after the node was out of something.
pub(super) const RETRY_AFTER: Duration = Duration::from_millis(100);

/// What capnp puts before the text of an error that the other end sent.
const REMOTE: &str = "remote exception: ";

/// The text that a C++ exception's message follows, with what capnp puts before it.
const EXCEPTION: [&str; 2] = [REMOTE, "std::exception: "];

/// What Core 30 and some branches answer when the thread has not finished its last call. It means
/// that the call was not begun. There is no other signal, so the text it is.
const THREAD_BUSY: &str = "thread busy";

/// A fault while a call was carried across or executed.
#[derive(Debug)]
pub(super) enum Fault {
    /// Of the call itself.
    Call(capnp::Error),
    /// Of a value.
    Value(GlueError),
}

impl From<capnp::Error> for Fault {
    fn from(error: capnp::Error) -> Self {
        Self::Call(error)
    }
}

impl From<GlueError> for Fault {
    fn from(error: GlueError) -> Self {
        Self::Value(error)
    }
}

impl Fault {
    /// Whether the node did not begin the call because its thread had another.
    pub(super) fn is_thread_busy(&self) -> bool {
        // All of the text: another exception may end with the same words.
        matches!(self, Self::Call(error) if error.kind == ErrorKind::Failed
            && error.extra.starts_with(REMOTE) && message(&error.extra) == THREAD_BUSY)
    }

    /// As the caller sees it.
    pub(super) fn into_call_error(self, method: Method, profile: &Profile) -> CallError {
        match self {
            Self::Call(error) => of_call(error, method, profile),
            Self::Value(GlueError::FieldUnavailable(field)) => {
                CallError::FieldNotInProfile { method, profile: profile.name, field }
            }
            Self::Value(error) => of_request(&error),
        }
    }
}

fn of_call(error: capnp::Error, method: Method, profile: &Profile) -> CallError {
    match error.kind {
        ErrorKind::Disconnected => CallError::NodeLost,
        ErrorKind::Overloaded => CallError::Busy { retry_after: RETRY_AFTER },
        ErrorKind::Unimplemented => CallError::NotInProfile {
            method,
            profile: profile.name,
            why: Some("the node does not know it"),
        },
        ErrorKind::Failed if error.extra.starts_with(REMOTE) => {
            CallError::NodeException(message(&error.extra).to_owned())
        }
        // What does not come from the other end is that nothing more can be read from it: its last
        // message broke off, or is none.
        _ => {
            tracing::warn!(%error, "the connection to the node broke during a call");
            CallError::NodeLost
        }
    }
}

/// A value of the request that does not fit the wire; which one, the glue does not say.
fn of_request(error: &GlueError) -> CallError {
    let violation = Violation { field: String::new(), description: error.to_string() };
    CallError::Invalid(vec![violation])
}

/// A reply that cannot be read, or that is an exception.
pub(super) fn of_reply(error: GlueError) -> CallError {
    match error {
        GlueError::Exception(text) => CallError::NodeException(text),
        error => CallError::BadReply(error.to_string()),
    }
}

/// The message without what says that it is one.
fn message(text: &str) -> &str {
    EXCEPTION.iter().fold(text, |text, prefix| text.strip_prefix(prefix).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(kind: ErrorKind, text: &str) -> Fault {
        Fault::Call(capnp::Error { kind, extra: text.to_owned() })
    }

    fn seen(fault: Fault) -> CallError {
        fault.into_call_error(Method::ChainGetHeight, &bitcoin_grpc_contract::PROFILES[0])
    }

    #[test]
    fn each_kind_is_another_error() {
        assert_eq!(seen(fault(ErrorKind::Disconnected, "Peer disconnected.")), CallError::NodeLost);
        assert_eq!(seen(fault(ErrorKind::Overloaded, "")).reason(), "TOO_MANY_CALLS");
        assert_eq!(seen(fault(ErrorKind::Unimplemented, "")).reason(), "METHOD_NOT_IN_NODE");
    }

    #[test]
    fn what_the_other_end_did_not_say_is_its_loss() {
        assert_eq!(seen(fault(ErrorKind::PrematureEndOfFile, "")), CallError::NodeLost);
        assert_eq!(seen(fault(ErrorKind::Failed, "message is too large")), CallError::NodeLost);
    }

    #[test]
    fn an_exception_is_its_message() {
        let text = "remote exception: std::exception: end of data";
        assert_eq!(
            seen(fault(ErrorKind::Failed, text)),
            CallError::NodeException("end of data".to_owned())
        );
    }

    #[test]
    fn a_busy_thread_is_known_by_its_text() {
        assert!(
            fault(ErrorKind::Failed, "remote exception: std::exception: thread busy")
                .is_thread_busy()
        );
        for (kind, text) in [
            (ErrorKind::Disconnected, "remote exception: thread busy"),
            (ErrorKind::Failed, "thread busy"),
            (ErrorKind::Failed, "remote exception: std::exception: no label `thread busy"),
        ] {
            assert!(!fault(kind, text).is_thread_busy(), "{kind:?} {text}");
        }
    }
}
