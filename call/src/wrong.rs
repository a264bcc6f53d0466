//! What is wrong with a request, and where in it.

use std::fmt;

/// Says it with the path that servers' violations have: `outpoints[3].txid: takes …`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    at: String,
    what: String,
}

impl Wrong {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { at: String::new(), what: what.into() }
    }

    /// It is within this field.
    pub(crate) fn within(mut self, field: &str) -> Self {
        let dot = if self.at.is_empty() || self.at.starts_with('[') { "" } else { "." };
        self.at = format!("{field}{dot}{}", self.at);
        self
    }

    /// It is within this item of a list.
    pub(crate) fn item(self, index: usize) -> Self {
        self.within(&format!("[{index}]"))
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.at.is_empty() {
            write!(f, "{}: ", self.at)?;
        }
        f.write_str(&self.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_where() {
        let wrong = Wrong::new("is odd").within("txid").item(3).within("outpoints");
        assert_eq!(wrong.to_string(), "outpoints[3].txid: is odd");
        assert_eq!(Wrong::new("is odd").to_string(), "is odd");
    }
}
