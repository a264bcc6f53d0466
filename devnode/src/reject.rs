//! Why a block or transaction was refused.

use std::fmt;

/// What kind of refusal it is, as far as anything depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectKind {
    /// Breaks a consensus rule: such a block stays marked invalid.
    Consensus,
    /// Allowed in blocks, refused by this mempool.
    Policy,
    /// An input is unknown or spent.
    MissingInputs,
    /// Clashes with what is already known.
    Conflict,
    /// The block may have been changed on its way: another block with the same hash may be fine.
    Mutated,
    /// The header alone is bad, or the block it builds on is.
    Header,
    /// The block it builds on is unknown.
    MissingParent,
    /// It was found invalid before.
    KnownInvalid,
}

/// A refusal: the reason is a short fixed code, the debug text names details and may be empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Reject {
    /// What kind of refusal it is.
    pub kind: RejectKind,
    /// The code, for example `bad-cb-amount`.
    pub reason: String,
    /// Details in words, or empty.
    pub debug: String,
}

impl Reject {
    /// A refusal with details.
    pub fn new(kind: RejectKind, reason: impl Into<String>, debug: impl Into<String>) -> Self {
        Self { kind, reason: reason.into(), debug: debug.into() }
    }

    /// A refusal that is said in its code alone.
    pub fn bare(kind: RejectKind, reason: impl Into<String>) -> Self {
        Self::new(kind, reason, "")
    }
}

impl fmt::Display for Reject {
    /// The code and, after a comma, the details.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        if !self.debug.is_empty() {
            write!(f, ", {}", self.debug)?;
        }
        Ok(())
    }
}
