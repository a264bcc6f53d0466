//! What keeps a call from being made, or from being answered.

use tonic::{Code, Status};

use crate::told::Told;

/// Exit code when the server answers with an error, or when input or output fails.
const FAILED: u8 = 1;
/// Exit code when what was typed makes no call; clap has the same for arguments that it does not know.
const MISTYPED: u8 = 2;
/// Exit code when no server answers, or none that tells what it has.
const UNREACHABLE: u8 = 3;
/// Exit code after Ctrl-C, as shells have it.
const INTERRUPTED: u8 = 130;

/// What tonic says when its own clock is faster than the server's, which calls it DEADLINE_EXCEEDED.
const EXPIRED: &str = "Timeout expired";

/// Why there is no answer. The texts are for people.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The command line does not make a call.
    #[error("{0}")]
    Mistyped(String),
    /// The server cannot be reached.
    #[error("cannot reach {address}: {why}\n  {hint}")]
    Unreachable {
        /// Where it should be.
        address: String,
        /// What the system says.
        why: String,
        /// What may help.
        hint: &'static str,
    },
    /// The server does not say what it has.
    #[error("the server does not tell what can be called: {0}")]
    NoReflection(String),
    /// The call failed.
    #[error("{}", Told(.0))]
    Failed(Box<Status>),
    /// Somebody stopped it.
    #[error("interrupted")]
    Interrupted,
    /// Standard input or output.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

impl From<Status> for CallError {
    fn from(status: Status) -> Self {
        if status.code() == Code::Cancelled && status.message() == EXPIRED {
            return Self::Failed(Box::new(Status::deadline_exceeded("the call takes longer")));
        }
        Self::Failed(Box::new(status))
    }
}

impl CallError {
    /// A command line that makes no call.
    pub fn mistyped(what: impl Into<String>) -> Self {
        Self::Mistyped(what.into())
    }

    /// The exit code of a program that ends with this.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Failed(_) | Self::Io(_) => FAILED,
            Self::Mistyped(_) => MISTYPED,
            Self::Unreachable { .. } | Self::NoReflection(_) => UNREACHABLE,
            Self::Interrupted => INTERRUPTED,
        }
    }
}
