//! `bitcoin-grpc token`: makes a bearer token.

use std::time::SystemTime;

use super::AppError;
use crate::config::meant::TokenConfig;
use crate::frontend::tokens;
use crate::output::say;

/// Says a new token, for its owner, and its line, for the file.
pub(super) fn token(config: &TokenConfig) -> Result<(), AppError> {
    // A time that the clock cannot show is as good as none.
    let until = config.lasts.and_then(|lasts| SystemTime::now().checked_add(lasts));
    let (token, line) = tokens::make(&config.name, until)?;
    say(format_args!("token (shown this once):  {token}"));
    say(format_args!("line for --tokens:        {line}"));
    Ok(())
}
