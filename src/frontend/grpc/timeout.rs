//! The `grpc-timeout` header: "10S" is ten seconds. The unit is one of H, M, S, m, u and n (hours
//! down to nanoseconds), the number at most eight digits.
//! Source: "gRPC over HTTP2", the section on requests, in the gRPC repository.

use std::time::Duration;

use bitcoin_grpc_contract::Violation;
use tokio::time::Instant;
use tonic::metadata::MetadataMap;

use crate::error::CallError;

/// Name of the header.
const HEADER: &str = "grpc-timeout";

/// More digits than this are not allowed, which also rules out any overflow.
const MAX_DIGITS: usize = 8;

/// When the caller stops waiting; `None` if it did not say.
///
/// # Errors
/// When the header is malformed. To guess instead would turn a client's mistake into a call that
/// lasts longer or shorter than anybody meant.
pub(super) fn deadline(metadata: &MetadataMap) -> Result<Option<Instant>, CallError> {
    let Some(value) = metadata.get(HEADER) else {
        return Ok(None);
    };
    let timeout = parse(value.as_encoded_bytes()).ok_or_else(malformed)?;
    Ok(Instant::now().checked_add(timeout))
}

fn malformed() -> CallError {
    let description = "is not 1 to 8 digits and one of H, M, S, m, u, n".to_owned();
    CallError::Invalid(vec![Violation { field: HEADER.to_owned(), description }])
}

fn parse(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > MAX_DIGITS {
        return None;
    }
    let number = digits.iter().try_fold(0_u64, |number, digit| {
        digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0'))
    })?;
    match unit {
        b'H' => Some(Duration::from_secs(number * 60 * 60)),
        b'M' => Some(Duration::from_secs(number * 60)),
        b'S' => Some(Duration::from_secs(number)),
        b'm' => Some(Duration::from_millis(number)),
        b'u' => Some(Duration::from_micros(number)),
        b'n' => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit() {
        let cases = [
            ("2H", Duration::from_secs(7200)),
            ("3M", Duration::from_secs(180)),
            ("42S", Duration::from_secs(42)),
            ("13m", Duration::from_millis(13)),
            ("7u", Duration::from_micros(7)),
            ("99999999n", Duration::from_nanos(99_999_999)),
            ("99999999H", Duration::from_secs(99_999_999 * 3600)),
            ("0S", Duration::ZERO),
        ];
        for (text, wanted) in cases {
            assert_eq!(parse(text.as_bytes()), Some(wanted), "{text}");
        }
    }

    #[test]
    fn malformed_values() {
        for text in
            ["", "S", "5", "5s", "5h", "123456789S", "-1S", "+1S", "1.5S", " 1S", "1 S", "oneS"]
        {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn no_header_is_no_deadline_and_a_malformed_one_is_a_fault() {
        let mut metadata = MetadataMap::new();
        assert_eq!(deadline(&metadata), Ok(None));
        metadata.insert(HEADER, "soon".parse().unwrap());
        assert!(matches!(deadline(&metadata), Err(CallError::Invalid(_))));
        metadata.insert(HEADER, "1S".parse().unwrap());
        assert!(deadline(&metadata).unwrap().is_some());
    }
}
