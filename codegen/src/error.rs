//! What can be wrong with the generator's input.

/// A fault of the schema, of a profile, or of the committed contract.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The compiled schema is not readable as such.
    #[error("compiled schema: {0}")]
    Capnp(#[from] capnp::Error),
    /// A value of the compiled schema that this version of Cap'n Proto does not know.
    #[error("compiled schema: {0}")]
    NotInSchema(#[from] capnp::NotInSchema),
    /// Text that is not UTF-8.
    #[error("compiled schema: {0}")]
    Utf8(#[from] std::str::Utf8Error),
    /// The schema says something the generator has no rule for.
    #[error("schema: {0}")]
    Schema(String),
    /// A profile is not what it should be.
    #[error("profile {profile}: {what}")]
    Profile {
        /// Name of the profile.
        profile: String,
        /// What is wrong.
        what: String,
    },
    /// The committed `.proto` files cannot be read.
    #[error("proto: {0}")]
    Proto(#[from] protox::Error),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn schema(what: impl Into<String>) -> Self {
        Self::Schema(what.into())
    }

    pub(crate) fn annotation(id: u64, place: &str) -> Self {
        Self::Schema(format!("annotation {id:#x} has no rule on {place}"))
    }

    pub(crate) fn profile(profile: &str, what: impl Into<String>) -> Self {
        Self::Profile { profile: profile.to_owned(), what: what.into() }
    }

    pub(crate) fn io(path: &std::path::Path, source: std::io::Error) -> Self {
        Self::Io { path: path.display().to_string(), source }
    }
}
