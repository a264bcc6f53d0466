//! Holds a request against what the schema says of its fields, before anything is sent.
//!
//! The generated functions walk a request with a [`Path`] that lives on the stack, so a request
//! without faults costs no allocation.

use bitcoin::consensus::encode::deserialize;

use crate::budget;
use crate::codec::{address_length, is_subnet};
use crate::glue::{CallbackAnswer, Request, check_answer, check_request};
use crate::v1;

/// Deepest nesting of messages in a request. No client needs as much; every level of `next_block`
/// costs the node a look-up under its main lock, and a real node of February 2026 ended at 60.
const MAX_DEPTH: u16 = 16;

/// Deepest nesting of a JSON value. The node's own parser stops at 512 and goes on with what it has
/// read so far, which is not what the caller wrote.
const MAX_JSON_DEPTH: usize = 100;

/// Most faults that are reported of one request; a list of bad items would repeat itself.
const MAX_VIOLATIONS: usize = 20;

/// One fault of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field, as a path: `outpoints[3].txid`.
    pub field: String,
    /// What is wrong with it.
    pub description: String,
}

impl Request {
    /// Holds the request against the bounds and contents that its fields must have.
    ///
    /// # Errors
    /// With everything that is wrong, field by field, up to a bound.
    pub fn check(&self) -> Result<(), Vec<Violation>> {
        let mut violations = Violations(Vec::new());
        check_request(self, &mut violations);
        budget::check(self, &mut violations);
        if violations.0.is_empty() { Ok(()) } else { Err(violations.0) }
    }
}

impl CallbackAnswer {
    /// Holds the answer against the bounds and contents that its fields must have.
    ///
    /// # Errors
    /// With everything that is wrong, field by field, up to a bound.
    pub fn check(&self) -> Result<(), Vec<Violation>> {
        let mut violations = Violations(Vec::new());
        check_answer(self, &mut violations);
        if violations.0.is_empty() { Ok(()) } else { Err(violations.0) }
    }
}

/// The faults found so far.
pub(crate) struct Violations(Vec<Violation>);

impl Violations {
    pub(crate) fn push(&mut self, at: &Path<'_>, description: impl Into<String>) {
        if self.0.len() < MAX_VIOLATIONS {
            self.0.push(Violation { field: at.to_string(), description: description.into() });
        }
    }
}

/// Where in a request a check stands.
pub(crate) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step,
    depth: u16,
}

enum Step {
    Root,
    Field(&'static str),
    Index(usize),
}

impl<'a> Path<'a> {
    pub(crate) fn root() -> Self {
        Self { parent: None, step: Step::Root, depth: 0 }
    }

    pub(crate) fn field(&'a self, name: &'static str) -> Path<'a> {
        Path { parent: Some(self), step: Step::Field(name), depth: self.depth + 1 }
    }

    pub(crate) fn index(&'a self, index: usize) -> Path<'a> {
        Path { parent: Some(self), step: Step::Index(index), depth: self.depth }
    }

    /// Whether a message may be looked into; too deep a nesting is a fault.
    pub(crate) fn enter(&self, out: &mut Violations) -> bool {
        if self.depth > MAX_DEPTH {
            out.push(self, format!("is nested more than {MAX_DEPTH} deep"));
            return false;
        }
        out.0.len() < MAX_VIOLATIONS
    }
}

impl std::fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Field(name) => {
                let dot = if self.parent.is_some_and(|p| p.parent.is_some()) { "." } else { "" };
                write!(f, "{dot}{name}")
            }
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}

pub(crate) fn items(len: usize, max: usize, at: &Path<'_>, out: &mut Violations) {
    if len > max {
        out.push(at, format!("has {len} items; at most {max} are allowed"));
    }
}

pub(crate) fn length(len: usize, min: usize, max: usize, at: &Path<'_>, out: &mut Violations) {
    if len < min || len > max {
        let wanted = if min == max { format!("exactly {min}") } else { format!("{min} to {max}") };
        out.push(at, format!("is {len} bytes long; {wanted} are allowed"));
    }
}

pub(crate) fn range(value: i128, min: i128, max: i128, at: &Path<'_>, out: &mut Violations) {
    if value < min || value > max {
        let wanted = match (min, max) {
            (min, max) if max == i128::from(i64::MAX) => format!("at least {min}"),
            (min, max) if min == i128::from(i64::MIN) => format!("at most {max}"),
            (min, max) => format!("from {min} to {max}"),
        };
        out.push(at, format!("is {value}; it must be {wanted}"));
    }
}

/// Bounds of a floating-point number. An upper bound of `i64::MAX` means none, so infinity passes.
pub(crate) fn range_f64(value: f64, min: i64, max: i64, at: &Path<'_>, out: &mut Violations) {
    // Not a number compares with nothing, and keeps a real node waiting for ever.
    if value.is_nan() || value < min as f64 || (max != i64::MAX && value > max as f64) {
        out.push(at, format!("is {value}; it must be a number of at least {min}"));
    }
}

pub(crate) fn enumeration(
    value: i32,
    values: usize,
    name: &str,
    at: &Path<'_>,
    out: &mut Violations,
) {
    if usize::try_from(value).map_or(true, |value| value >= values) {
        out.push(at, format!("{value} is no value of {name}"));
    }
}

pub(crate) fn hash(value: &[u8], at: &Path<'_>, out: &mut Violations) {
    if value.len() != 32 {
        out.push(at, format!("is {} bytes long; a hash has exactly 32", value.len()));
    }
}

pub(crate) fn transaction(value: &[u8], at: &Path<'_>, out: &mut Violations) {
    match deserialize::<bitcoin::Transaction>(value) {
        Ok(transaction) if transaction.input.is_empty() => {
            out.push(at, "is a transaction without inputs")
        }
        Ok(_) => {}
        Err(error) => out.push(at, format!("is not a transaction: {error}")),
    }
}

pub(crate) fn block(value: &[u8], at: &Path<'_>, out: &mut Violations) {
    match deserialize::<bitcoin::Block>(value) {
        Ok(block) if block.txdata.iter().any(|tx| tx.input.is_empty()) => {
            out.push(at, "has a transaction without inputs");
        }
        Ok(_) => {}
        Err(error) => out.push(at, format!("is not a block: {error}")),
    }
}

pub(crate) fn json(value: &str, at: &Path<'_>, out: &mut Violations) {
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(value) {
        out.push(at, format!("is not JSON: {error}"));
    } else if json_depth(value) > MAX_JSON_DEPTH {
        out.push(at, format!("is nested more than {MAX_JSON_DEPTH} deep"));
    } else if has_lone_surrogate(value) {
        out.push(at, "has half of a surrogate pair, which is no character".to_owned());
    }
}

/// Whether a text of JSON escapes a surrogate without its other half. The node cannot parse that, and
/// carries out a command as if it had no parameters. What is outside of texts has no backslash.
fn has_lone_surrogate(json: &str) -> bool {
    let mut high = false;
    let mut rest = json;
    while let Some(first) = rest.chars().next() {
        let escaped = rest.strip_prefix("\\u").and_then(|hex| hex.get(..4));
        let code = escaped.and_then(|hex| u16::from_str_radix(hex, 16).ok());
        let low = code.is_some_and(|code| (0xdc00..=0xdfff).contains(&code));
        if high != low {
            return true;
        }
        high = code.is_some_and(|code| (0xd800..=0xdbff).contains(&code));
        let length = match (code, first) {
            (Some(_), _) => "\\uXXXX".len(),
            (None, '\\') => "\\n".len(),
            (None, other) => other.len_utf8(),
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    false
}

/// How deep a JSON value nests lists and objects.
fn json_depth(value: &str) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in value.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_text => depth -= 1,
            _ => {}
        }
    }
    deepest
}

pub(crate) fn subnet(value: &str, at: &Path<'_>, out: &mut Violations) {
    if !is_subnet(value) {
        out.push(at, "is neither an address nor an address and a prefix length");
    }
}

pub(crate) fn net_address(value: &v1::NetAddress, at: &Path<'_>, out: &mut Violations) {
    match address_length(value.network) {
        None => out.push(
            &at.field("network"),
            "is no BIP 155 network: 1 IPv4, 2 IPv6, 4 Tor v3, 5 I2P, 6 CJDNS",
        ),
        Some(wanted) => length(value.address.len(), wanted, wanted, &at.field("address"), out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surrogates_are_told_from_pairs() {
        let whole = [r#""\ud83d\ude00""#, r#""\\ud800""#, r#"["\ud7ff","\ue000é\"\\"]"#, "{}"];
        for json in whole {
            assert!(!has_lone_surrogate(json), "{json}");
            assert!(serde_json::from_str::<serde_json::Value>(json).is_ok(), "{json}");
        }
        let halves = [
            r#""\ud800""#,
            r#""\uDC00""#,
            r#""\ud83dé""#,
            r#"{"\ud83d\ud83d\ude00":1}"#,
            r#""\ud83d\n\ude00""#,
        ];
        for json in halves {
            assert!(has_lone_surrogate(json), "{json}");
            assert!(serde_json::from_str::<serde_json::Value>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn brackets_in_texts_do_not_nest() {
        assert_eq!(json_depth("1"), 0);
        assert_eq!(json_depth(r#"[{"a":[]},[]]"#), 3);
        assert_eq!(json_depth(r#"["[[[\"[["]"#), 1);
    }
}
