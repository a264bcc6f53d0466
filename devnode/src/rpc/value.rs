//! Numbers as the node writes them in JSON.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::error::{RpcError, code};

/// A result: JSON text.
pub(super) type RpcResult = Result<Box<RawValue>, RpcError>;

/// Turns a value into a result.
pub(super) fn result(value: impl Serialize) -> RpcResult {
    serde_json::value::to_raw_value(&value)
        .map_err(|error| RpcError::new(code::INTERNAL, error.to_string()))
}

/// An amount in satoshi, written in BTC with all eight decimals.
#[derive(Clone, Copy, Debug)]
pub(super) struct Btc(pub(super) i64);

const SAT_PER_BTC: u64 = 100_000_000;

impl Serialize for Btc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sign = if self.0 < 0 { "-" } else { "" };
        let sat = self.0.unsigned_abs();
        raw(format!("{sign}{}.{:08}", sat / SAT_PER_BTC, sat % SAT_PER_BTC), serializer)
    }
}

/// A floating-point number with at most 16 digits, whole ones without a point.
#[derive(Clone, Copy, Debug)]
pub(super) struct Double(pub(super) f64);

/// Digits that the node writes.
const PRECISION: usize = 16;

impl Serialize for Double {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        raw(shortened(self.0), serializer)
    }
}

fn raw<S: Serializer>(text: String, serializer: S) -> Result<S::Ok, S::Error> {
    RawValue::from_string(text).map_err(serde::ser::Error::custom)?.serialize(serializer)
}

/// The form of C's `%.16g`: an exponent only for very small and very large numbers.
fn shortened(number: f64) -> String {
    let scientific = format!("{number:.*e}", PRECISION - 1);
    let Some((digits, exponent)) = scientific.split_once('e') else { return "0".to_owned() };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if !(-4..PRECISION as i32).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trimmed(digits), exponent.abs());
    }
    let decimals = usize::try_from(PRECISION as i32 - 1 - exponent).unwrap_or_default();
    trimmed(&format!("{number:.decimals$}")).to_owned()
}

fn trimmed(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: impl Serialize) -> String {
        result(value).unwrap().get().to_owned()
    }

    #[test]
    fn amounts_have_eight_decimals() {
        assert_eq!(text(Btc(188_200)), "0.00188200");
        assert_eq!(text(Btc(-5_000_000_001)), "-50.00000001");
    }

    /// Compared with what C's printf gives.
    #[test]
    fn numbers_are_written_as_in_c() {
        for (number, wanted) in [
            (1.0, "1"),
            (0.0, "0"),
            (4.656542373906925e-10, "4.656542373906925e-10"),
            (0.5032258064516129, "0.5032258064516129"),
            (0.1 + 0.2, "0.3"),
            (1e16, "1e+16"),
            (123456.75, "123456.75"),
            (0.0001, "0.0001"),
        ] {
            assert_eq!(text(Double(number)), wanted);
        }
    }
}
