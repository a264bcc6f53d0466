//! Which method was called.

use std::fmt;

use bitcoin_grpc_contract::{Inner, Method, Profile};

/// What a call asked for, as far as the node's generation has a word for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Called {
    /// A method of the contract.
    Method(Method),
    /// A method that makes or frees objects.
    Inner(Inner),
    /// A number that the generation does not have, or the contract does not know.
    Unknown,
}

impl Called {
    /// The method at a place on the wire.
    #[must_use]
    pub fn at(profile: &Profile, interface: u64, ordinal: u16) -> Self {
        if let Some((inner, _)) = profile.inner_at(interface, ordinal) {
            return Self::Inner(inner);
        }
        match profile.method_at(interface, ordinal) {
            Some((method, _)) => Self::Method(method),
            None => Self::Unknown,
        }
    }
}

/// As in `Chain.GetBlockHash`, `InitMakeChain`.
impl fmt::Display for Called {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method(method) => f.write_str(method.info().full_name),
            Self::Inner(inner) => write!(f, "{inner:?}"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// Names of methods. Neither dots nor capitals matter; a star at the end stands for any ending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodFilter(String);

impl Default for MethodFilter {
    /// All methods.
    fn default() -> Self {
        Self("*".to_owned())
    }
}

impl MethodFilter {
    /// The methods with this name, or, if it ends in a star, with this beginning.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(plain(name))
    }

    /// Whether it fits any method of any generation.
    #[must_use]
    pub fn fits_any(&self) -> bool {
        let methods = Method::ALL.into_iter().map(Called::Method);
        methods.chain(Inner::ALL.into_iter().map(Called::Inner)).any(|called| self.fits(called))
    }

    /// Whether it fits.
    #[must_use]
    pub fn fits(&self, called: Called) -> bool {
        let name = || plain(&called.to_string());
        match self.0.strip_suffix('*') {
            Some("") => true,
            Some(beginning) => name().starts_with(beginning),
            None => name() == self.0,
        }
    }
}

impl fmt::Display for MethodFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| *c != '.').flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_as_people_write_them() {
        let called = Called::Method(Method::ChainGetBlockHash);
        for name in ["Chain.getBlockHash", "chain.GETBLOCKHASH", "Chain.*", "ChainGetBlock*", "*"] {
            assert!(MethodFilter::new(name).fits(called), "{name}");
        }
        for name in ["Chain.getBlock", "Node.*", "", "getBlockHash"] {
            assert!(!MethodFilter::new(name).fits(called), "{name}");
        }
        assert!(MethodFilter::new("Init.makeChain").fits(Called::Inner(Inner::InitMakeChain)));
        assert!(!MethodFilter::new("Chian.*").fits_any());
    }
}
