//! What can fail, in gRPC's words. `docs/errors.md` is the table; a test holds it against this file.

use std::collections::HashMap;
use std::time::Duration;

use bitcoin_grpc_contract::{Method, Violation};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use super::limits::{MAX_DETAIL, MAX_STATUS_MESSAGE, MAX_VIOLATIONS};
use crate::error::{self, CallError, LeaseEnd, Reason};

/// Domain of every `google.rpc.ErrorInfo` of ours.
pub const DOMAIN: &str = "bitcoin-grpc";

/// When to try again if no node is there: about the longest pause between our own attempts to
/// connect once a node starts.
const NODE_RETRY: Duration = Duration::from_secs(1);

/// When to try again if this program is ending: a restart takes about as long.
const RESTART_RETRY: Duration = Duration::from_secs(1);

/// When to try again if too many bytes are being received: a large request takes about as long.
const ROOM_RETRY: Duration = Duration::from_millis(100);

/// The status that tells a client of an error.
#[must_use]
pub fn status(error: &CallError, method: Method) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(error.reason(), DOMAIN, metadata(error, method));
    if let Some(delay) = retry_after(error) {
        details.set_retry_info(Some(delay));
    }
    if let CallError::Invalid(violations) = error {
        details.set_bad_request(field_violations(violations));
    }
    let message = shortened(error.to_string(), MAX_STATUS_MESSAGE);
    Status::with_error_details(code(error.code()), message, details)
}

/// A code in tonic's type.
fn code(code: error::Code) -> Code {
    Code::from(code as i32)
}

/// After what time the same call may well succeed; `None` where waiting alone does not help.
fn retry_after(error: &CallError) -> Option<Duration> {
    match error {
        CallError::Busy { retry_after } | CallError::Limited { retry_after, .. } => {
            Some(*retry_after)
        }
        CallError::NoNode(_) => Some(NODE_RETRY),
        CallError::Draining => Some(RESTART_RETRY),
        CallError::StreamEnded { why, .. } => retry_after(why),
        CallError::Invalid(_)
        | CallError::Denied { .. }
        | CallError::CommandDenied { .. }
        | CallError::CommandWalletDenied { .. }
        | CallError::NotInProfile { .. }
        | CallError::FieldNotInProfile { .. }
        | CallError::Refused { .. }
        | CallError::TooManyStreams { .. }
        | CallError::NotificationsUnsafe { .. }
        | CallError::NotificationsOff
        // What it missed is gone; whether it makes sense to begin anew, only the caller knows.
        | CallError::SubscriberTooSlow
        | CallError::DeadlineExceeded
        // The node may have carried the call out; only the caller knows whether twice is harmless.
        | CallError::NodeLost
        // Only a restart of the node mends it.
        | CallError::NodeStuck
        | CallError::AboveTip { .. }
        | CallError::LeaseGone(_)
        | CallError::WalletNotLoaded(_)
        // A lease ends when its holder says so, or when nobody knows.
        | CallError::TooManyLeases { .. }
        | CallError::NodeException(_)
        | CallError::BadReply(_)
        | CallError::Internal(_) => None,
    }
}

/// What a program may want to know beyond the reason, by name.
fn metadata(error: &CallError, method: Method) -> HashMap<String, String> {
    if let CallError::StreamEnded { last_sequence, why } = error {
        let mut metadata = metadata(why, method);
        metadata.insert("last_sequence".to_owned(), last_sequence.to_string());
        return metadata;
    }
    let mut metadata = method_metadata(method.info().path);
    let mut add = |name: &str, value: String| metadata.insert(name.to_owned(), value);
    match error {
        CallError::Denied { class, .. } => {
            add("access", class.name().to_owned());
        }
        CallError::NotInProfile { profile, .. } => {
            add("profile", (*profile).to_owned());
        }
        CallError::FieldNotInProfile { profile, field, .. } => {
            add("profile", (*profile).to_owned());
            add("field", (*field).to_owned());
        }
        CallError::NotificationsUnsafe { profile } => {
            add("profile", (*profile).to_owned());
        }
        CallError::AboveTip { height } => {
            add("height", height.to_string());
        }
        CallError::LeaseGone(why) => {
            add("why", why.name().to_owned());
            if let LeaseEnd::Elsewhere(instance) = why {
                add("instance", instance.clone());
            }
        }
        CallError::WalletNotLoaded(wallet) => {
            add("wallet", wallet.clone());
        }
        CallError::TooManyLeases { limit } => {
            add("limit", limit.to_string());
        }
        _ => {}
    }
    metadata.into_iter().map(|(name, value)| (name, shortened(value, MAX_DETAIL))).collect()
}

fn method_metadata(path: &str) -> HashMap<String, String> {
    let method = path.trim_start_matches('/').to_owned();
    HashMap::from([("method".to_owned(), shortened(method, MAX_DETAIL))])
}

fn field_violations(violations: &[Violation]) -> Vec<FieldViolation> {
    let mut room = MAX_VIOLATIONS;
    let fits = |violation: &FieldViolation| {
        let size = violation.field.len() + violation.description.len();
        room.checked_sub(size).map(|rest| room = rest).is_some()
    };
    let violation = |v: &Violation| {
        let text = |text: &str| shortened(text.to_owned(), MAX_DETAIL);
        FieldViolation::new(text(&v.field), text(&v.description))
    };
    violations.iter().map(violation).take_while(fits).collect()
}

/// A text that fits into a header, cut at a character's end.
fn shortened(mut text: String, most: usize) -> String {
    if text.len() > most {
        let end = (0..=most).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
        text.push('…');
    }
    text
}

/// What is wrong with a request that never became a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestFault {
    /// The call has a credential that is not taken.
    BadCredential,
    /// Without an identity the call is not answered.
    NoIdentity,
    /// The caller may not ask for health, or for reflection.
    NotGranted,
    /// There is no such method.
    UnknownMethod,
    /// The message is longer than [`MAX_REQUEST`](super::limits::MAX_REQUEST).
    TooLarge,
    /// The message is compressed.
    Compressed,
    /// The message is not the protobuf it should be.
    Malformed,
    /// Too many bytes of requests are held already.
    NoRoom,
    /// The message did not arrive in time.
    TooSlow,
}

impl RequestFault {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::BadCredential,
        Self::NoIdentity,
        Self::NotGranted,
        Self::UnknownMethod,
        Self::TooLarge,
        Self::Compressed,
        Self::Malformed,
        Self::NoRoom,
        Self::TooSlow,
    ];

    /// Its reason.
    #[must_use]
    pub const fn kind(self) -> Reason {
        match self {
            Self::BadCredential => Reason::CredentialInvalid,
            Self::NoIdentity => Reason::IdentityRequired,
            Self::NotGranted => Reason::ServiceNotGranted,
            Self::UnknownMethod => Reason::MethodUnknown,
            Self::TooLarge => Reason::MessageTooLarge,
            Self::Compressed => Reason::EncodingNotSupported,
            Self::Malformed => Reason::MessageMalformed,
            Self::NoRoom => Reason::TooManyBytes,
            Self::TooSlow => Reason::MessageTooSlow,
        }
    }

    /// The reason's name in `google.rpc.ErrorInfo`.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        self.kind().name()
    }

    /// The code of its status.
    #[must_use]
    pub fn code(self) -> Code {
        code(self.kind().code())
    }

    /// The status that tells a client of it, in `detail`'s words.
    #[must_use]
    pub fn status(self, path: &str, detail: &str) -> Status {
        let mut details = ErrorDetails::new();
        details.set_error_info(self.reason(), DOMAIN, method_metadata(path));
        if self == Self::NoRoom {
            details.set_retry_info(Some(ROOM_RETRY));
        }
        Status::with_error_details(
            self.code(),
            shortened(detail.to_owned(), MAX_STATUS_MESSAGE),
            details,
        )
    }
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
