//! A status as people read it.

use std::fmt;

use tonic::{Code, Status};
use tonic_types::StatusExt;

/// What may help, by reason or, where a server gives none, by code.
const HINTS: [(&str, &str); 13] = [
    ("INVALID_FIELD", "bitcoin-grpc call METHOD --help tells what its fields take"),
    ("METHOD_NOT_IN_NODE", "bitcoin-grpc check tells what the node can do"),
    ("ACCESS_NOT_GRANTED", "the server's --allow or --policy grants it (docs/rights.md)"),
    ("RPC_COMMAND_NOT_GRANTED", "the server's --policy grants it (docs/rights.md)"),
    ("SERVICE_NOT_GRANTED", "the server's --policy grants it (docs/rights.md)"),
    ("CREDENTIAL_INVALID", "look at --token-file, BITCOIN_GRPC_TOKEN and --client-cert"),
    (
        "IDENTITY_REQUIRED",
        "show who you are: --token-file, BITCOIN_GRPC_TOKEN, or --client-cert and --client-key",
    ),
    ("NODE_UNAVAILABLE", "is the node running, and has it loaded? The server's log tells"),
    ("NOTIFICATIONS_UNSAFE", "the server's --notifications always allows it (docs/streams.md)"),
    ("WALLET_NOT_LOADED", "WalletLoader.LoadWallet loads it"),
    ("LEASE_GONE", "Mining.CreateNewBlock gives another"),
    ("DEADLINE_EXCEEDED", "--timeout gives it longer, up to the server's --deadline-max"),
    ("UNAUTHENTICATED", "show who you are: --token-file, BITCOIN_GRPC_TOKEN, or --client-cert"),
];

/// Shows a status: its code and reason, its message, what is wrong with which field, and a hint.
pub(crate) struct Told<'a>(pub(crate) &'a Status);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let details = self.0.get_error_details();
        let code = code_name(self.0.code());
        f.write_str(code)?;
        let reason = details.error_info().map_or(code, |info| info.reason.as_str());
        if details.error_info().is_some() {
            write!(f, " {}", harmless(reason))?;
        }
        write!(f, ": {}", harmless(self.0.message()))?;
        for violation in details.bad_request().into_iter().flat_map(|bad| &bad.field_violations) {
            let (field, what) = (harmless(&violation.field), harmless(&violation.description));
            write!(f, "\n  {field}: {what}")?;
        }
        if let Some(delay) = details.retry_info().and_then(|retry| retry.retry_delay) {
            write!(f, "\n  try again in {}", humantime::format_duration(delay))?;
        }
        if let Some((_, hint)) = HINTS.iter().find(|(known, _)| *known == reason) {
            write!(f, "\n  {hint}")?;
        }
        Ok(())
    }
}

/// What a server says, without the means to move a terminal's cursor or worse.
fn harmless(text: &str) -> String {
    let shown = |letter: char| match letter {
        '\n' | '\t' => letter,
        _ if letter.is_control() => char::REPLACEMENT_CHARACTER,
        _ => letter,
    };
    text.chars().map(shown).collect()
}

/// The code as the gRPC specification writes it.
const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn every_detail_is_told() {
        let mut details = ErrorDetails::new();
        details
            .set_error_info("INVALID_FIELD", "bitcoin-grpc", HashMap::new())
            .add_bad_request_violation("txid", "is 2 bytes long")
            .set_retry_info(Some(Duration::from_secs(2)));
        let status = Status::with_error_details(Code::InvalidArgument, "1 field is wrong", details);
        let told = "INVALID_ARGUMENT INVALID_FIELD: 1 field is wrong\n  txid: is 2 bytes long\n  \
                    try again in 2s\n  bitcoin-grpc call METHOD --help tells what its fields take";
        assert_eq!(Told(&status).to_string(), told);
        assert_eq!(Told(&Status::unavailable("gone")).to_string(), "UNAVAILABLE: gone");
    }

    #[test]
    fn a_server_does_not_reach_the_terminal() {
        let status = Status::unknown("\u{1b}[2Jboo\r");
        assert_eq!(Told(&status).to_string(), "UNKNOWN: \u{fffd}[2Jboo\u{fffd}");
    }
}
