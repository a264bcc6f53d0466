use std::collections::{BTreeMap, BTreeSet};

use bitcoin_grpc_contract::Access;

use super::*;
use crate::error::Limit;

const METHOD: Method = Method::ChainGetBlockHash;
const PROFILE: &str = "core-32";

/// One error of every kind. A kind that is missing leaves its row in the documentation unused.
fn samples() -> Vec<CallError> {
    let violation = Violation { field: "hash".to_owned(), description: "is short".to_owned() };
    let samples = vec![
        CallError::Invalid(vec![violation]),
        CallError::Denied { method: METHOD, class: Access::Control },
        CallError::CommandDenied { command: "stop".to_owned() },
        CallError::CommandWalletDenied { wallet: "savings".to_owned() },
        CallError::NotInProfile { method: METHOD, profile: PROFILE, why: None },
        CallError::FieldNotInProfile { method: METHOD, profile: PROFILE, field: "memory_load" },
        CallError::Refused { method: METHOD, why: "it would end the node" },
        CallError::Busy { retry_after: Duration::from_millis(100) },
        CallError::Limited { limit: Limit::OwnCalls, retry_after: Duration::from_millis(100) },
        CallError::Limited { limit: Limit::OwnRate, retry_after: Duration::from_millis(100) },
        CallError::Limited { limit: Limit::Rate, retry_after: Duration::from_millis(100) },
        CallError::TooManyStreams { limit: 1 },
        CallError::NotificationsUnsafe { profile: PROFILE },
        CallError::NotificationsOff,
        CallError::SubscriberTooSlow,
        CallError::DeadlineExceeded,
        CallError::NoNode("no socket".to_owned()),
        CallError::NodeLost,
        CallError::NodeStuck,
        CallError::Draining,
        CallError::AboveTip { height: 7 },
        CallError::LeaseGone(LeaseEnd::Elsewhere("east".to_owned())),
        CallError::TooManyLeases { limit: 64 },
        CallError::WalletNotLoaded("savings".to_owned()),
        CallError::NodeException("std::exception".to_owned()),
        CallError::BadReply("short".to_owned()),
        CallError::Internal("bug".to_owned()),
    ];
    let kinds: BTreeSet<_> = samples.iter().map(CallError::reason).collect();
    assert_eq!(kinds.len(), samples.len());
    samples
}

fn sample(reason: &str) -> CallError {
    samples().into_iter().find(|error| error.reason() == reason).unwrap()
}

/// Rows of the table in the documentation: code and delay by reason.
fn documented() -> BTreeMap<String, (String, bool)> {
    let text = include_str!("../../../docs/errors.md");
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> =
            row.trim_matches('|').split('|').map(|c| c.trim().replace('`', "")).collect();
        (cells[0].clone(), (cells[1].clone(), cells[4].contains("RetryInfo")))
    })
    .collect()
}

/// A code's name as gRPC writes it.
fn name(code: Code) -> String {
    let camel = format!("{code:?}");
    let mut name = String::new();
    for (index, c) in camel.chars().enumerate() {
        if c.is_ascii_uppercase() && index > 0 {
            name.push('_');
        }
        name.push(c.to_ascii_uppercase());
    }
    name
}

#[test]
fn every_error_has_the_status_that_the_documentation_says() {
    let mut documented = documented();
    for error in samples() {
        let status = status(&error, METHOD);
        let row = documented.remove(error.reason());
        let waits = status.get_details_retry_info().is_some();
        assert_eq!(row, Some((name(status.code()), waits)), "{}", error.reason());
    }
    for fault in RequestFault::ALL {
        let waits = fault.status("/a.B/C", "").get_details_retry_info().is_some();
        let row = documented.remove(fault.reason());
        assert_eq!(row, Some((name(fault.code()), waits)), "{}", fault.reason());
    }
    assert!(documented.is_empty(), "documented and unknown: {documented:?}");
}

#[test]
fn every_status_names_domain_reason_and_method() {
    for error in samples() {
        let info = status(&error, METHOD).get_details_error_info().unwrap();
        assert_eq!(info.domain, DOMAIN);
        assert_eq!(info.reason, error.reason());
        assert_eq!(info.metadata["method"], "bitcoin.ipc.v1.Chain/GetBlockHash");
    }
}

#[test]
fn invalid_requests_name_their_fields() {
    let status = status(&sample("INVALID_FIELD"), METHOD);
    let violations = status.get_details_bad_request().unwrap().field_violations;
    assert_eq!(
        (violations[0].field.as_str(), violations[0].description.as_str()),
        ("hash", "is short")
    );
}

#[test]
fn busy_says_when_to_come_back() {
    let retry = status(&sample("TOO_MANY_CALLS"), METHOD).get_details_retry_info().unwrap();
    assert_eq!(retry.retry_delay, Some(Duration::from_millis(100)));
}

#[test]
fn what_a_program_can_use_is_in_the_metadata() {
    let metadata =
        |reason| status(&sample(reason), METHOD).get_details_error_info().unwrap().metadata;
    assert_eq!(metadata("ACCESS_NOT_GRANTED")["access"], "control");
    assert_eq!(metadata("METHOD_NOT_IN_NODE")["profile"], PROFILE);
    assert_eq!(metadata("FIELD_NOT_IN_NODE")["field"], "memory_load");
    assert_eq!(metadata("HEIGHT_ABOVE_TIP")["height"], "7");
}

#[test]
fn long_messages_are_cut_at_a_character() {
    let message = shortened("ä".repeat(MAX_STATUS_MESSAGE), MAX_STATUS_MESSAGE);
    assert!(message.len() <= MAX_STATUS_MESSAGE + '…'.len_utf8());
    assert!(message.ends_with("ä…"));
}

/// Clients of gRPC's C core take 8 KiB of headers, in which the details stand in base64.
#[test]
fn a_status_fits_into_a_clients_headers_whatever_was_wrong() {
    let long = "ä".repeat(100_000);
    let violation = || Violation { field: long.clone(), description: long.clone() };
    let many = CallError::Invalid((0..1000).map(|_| violation()).collect());
    let statuses = [
        status(&many, METHOD),
        status(&CallError::WalletNotLoaded(long.clone()), METHOD),
        status(&CallError::NodeException(long.clone()), METHOD),
        RequestFault::UnknownMethod.status(&format!("/{long}/{long}"), &long),
    ];
    for status in statuses {
        let message: usize =
            status.message().bytes().map(|b| if b.is_ascii() { 1 } else { 3 }).sum();
        let size = message + status.details().len().div_ceil(3) * 4;
        assert!(size < 7 * 1024, "{size}: {status:?}");
    }
    let details = status(&many, METHOD).get_error_details();
    assert!(!details.bad_request().unwrap().field_violations.is_empty());
}
