//! Runs the program: one function for each command.

pub mod admin;
mod call;
pub mod check;
pub mod demo;
pub mod devnode;
mod health;
mod incoming;
pub mod listen;
pub mod logging;
#[cfg(feature = "otlp")]
mod otlp;
mod print;
mod process;
mod replayed;
pub mod rules;
pub mod serve;
pub mod server;
mod signals;
mod token;
pub mod vital;
mod watch;
pub mod worker;

use std::io;

use crate::config::{Command, Config};
use crate::error::CallError;

/// Why a command ends without success.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The system refuses something that every run needs.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
    /// The server does not start or ends by itself.
    #[error(transparent)]
    Server(#[from] server::ServerError),
    /// `check` reached no node. The text says what to look at.
    #[error("{error}\n{advice}")]
    NoNode {
        /// What the backend said.
        error: CallError,
        /// What to do about it.
        advice: String,
    },
    /// `health` found no server that can answer calls.
    #[error("{0}")]
    NotServing(String),
    /// The node that was spawned ended, and there is to be no other one.
    #[error("{0}")]
    NodeGone(String),
    /// Traces cannot be sent.
    #[error("cannot send traces: {0}")]
    Traces(String),
    /// The system gives no random bytes.
    #[error("cannot make a token: {0}")]
    Random(#[from] getrandom::Error),
    /// A call was not made, or not answered.
    #[error(transparent)]
    Call(#[from] bitcoin_grpc_call::CallError),
    /// The embedded node does not start, or ends badly.
    #[error("the embedded node: {0}")]
    Node(#[from] bitcoin_grpc_devnode::host::HostError),
}

/// Exit code for a command that failed.
const FAILED: u8 = 1;

impl AppError {
    /// The exit code of a program that ends with this.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Call(error) => error.exit_code(),
            _ => FAILED,
        }
    }
}

/// Carries a command out, until it is done or the program is told to stop.
///
/// # Errors
/// When it ends without success.
pub fn run(command: Command, config: Config) -> Result<(), AppError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // `probe` and workers put what belongs to a connection on the thread they are on.
    let outcome = tokio::task::LocalSet::new().block_on(&runtime, async {
        let logging = logging::start(&config.log).map_err(AppError::Traces)?;
        let outcome = match command {
            Command::Serve => serve::serve(config).await,
            Command::Check => check::check(&config).await,
            Command::Health => health::health(&config.server.listen).await,
            Command::Demo => demo::demo(config).await,
            Command::Devnode => devnode::devnode(config.embedded).await,
            Command::Token => token::token(&config.token),
            Command::Call => call::call(config).await.map_err(AppError::from),
            Command::Completions => print::completions(&config.words).map_err(AppError::from),
            Command::Man => print::man(&config.words).map_err(AppError::from),
        };
        logging.stop().await;
        outcome
    });
    // A file that is still being read keeps nobody from ending.
    runtime.shutdown_background();
    outcome
}
