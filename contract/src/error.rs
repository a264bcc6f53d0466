//! What can go wrong between a message and the wire.

/// A value that cannot be carried across.
#[derive(Debug, thiserror::Error)]
pub enum GlueError {
    /// The message on the wire is malformed.
    #[error("malformed message: {0}")]
    Capnp(#[from] capnp::Error),
    /// Text that is not UTF-8.
    #[error("text is not UTF-8")]
    Utf8(#[from] std::str::Utf8Error),
    /// A number that does not fit the other side's type.
    #[error("number out of range")]
    Number,
    /// A list or text longer than Cap'n Proto can hold.
    #[error("list too long")]
    Length,
    /// Bytes that are not the structure they should be.
    #[error("{what} does not decode: {why}")]
    Decode {
        /// Name of the structure.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The node's generation has no such field, and the caller set it.
    #[error("the node's generation has no field {0}")]
    FieldUnavailable(&'static str),
    /// A C++ exception in place of a result.
    #[error("{0}")]
    Exception(String),
    /// A method was asked for in a layout it does not have.
    #[error("no such layout")]
    NoLayout,
}
