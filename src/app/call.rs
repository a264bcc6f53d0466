//! `bitcoin-grpc call`: calls a method of a running server.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::pin::Pin;

use bitcoin_grpc_call::{Bearer, CallError, Reach, Session, Terminal, Tls, Wish};

use super::signals::interrupt;
use crate::config::Config;
use crate::config::caller::CallerConfig;
use crate::frontend::grpc::reflection::DESCRIPTORS;

/// Environment variable that may hold a token. There is no flag for it: everybody sees those.
const TOKEN: &str = "BITCOIN_GRPC_TOKEN";

/// Longest file with certificates or a token, in bytes; that of a system's authorities has some 200 KB.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// Permissions of others than the owner and its group.
const OTHERS: u32 = 0o007;

/// Carries out what the words say, and prints what comes of it.
pub(super) async fn call(config: Config) -> Result<(), CallError> {
    let reach = reach(&config.caller)?;
    let mut words = config.words.into_iter();
    let wish = Wish {
        method: words.next(),
        arguments: words.collect(),
        describe: config.help,
        form: config.caller.form,
        timeout: config.caller.timeout,
    };
    let mut stop: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(interrupt()?);
    let session = tokio::select! {
        session = Session::begin(&reach, DESCRIPTORS) => session?,
        () = &mut stop => return Err(CallError::Interrupted),
    };
    let terminal = Terminal { say: &mut say, input: Box::new(BufReader::new(io::stdin())), stop };
    session.run(&wish, terminal).await
}

/// Unlike what the program says of itself, an answer that nobody reads is the end of the call.
fn say(what: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{what}").and_then(|()| out.flush())
}

fn reach(config: &CallerConfig) -> Result<Reach, CallError> {
    let tls = config.authorities.as_deref().map(|authorities| {
        let identity = config
            .identity
            .as_ref()
            .map(|(certificate, key)| Ok::<_, CallError>((read(certificate)?, read_secret(key)?)));
        let authorities = read(authorities)?;
        Ok::<_, CallError>(Tls {
            authorities,
            identity: identity.transpose()?,
            name: config.server_name.clone(),
        })
    });
    let bearer = bearer(config)?;
    Ok(Reach { address: config.address.clone(), tls: tls.transpose()?, bearer })
}

/// The token to show: that of the file, or else of the environment.
fn bearer(config: &CallerConfig) -> Result<Bearer, CallError> {
    let (place, token) = match (&config.token, std::env::var(TOKEN)) {
        (Some(path), _) => {
            let place = path.display().to_string();
            (place, String::from_utf8_lossy(&read_secret(path)?).into_owned())
        }
        (None, Ok(token)) => (TOKEN.to_owned(), token),
        (None, Err(_)) => return Ok(Bearer::default()),
    };
    let bearer = Bearer::new(token.trim());
    bearer.ok_or_else(|| CallError::mistyped(format!("{place} holds no token")))
}

fn read_secret(path: &Path) -> Result<Vec<u8>, CallError> {
    let mode = std::fs::metadata(path).map(|found| found.mode() & 0o777).unwrap_or_default();
    if mode & OTHERS != 0 {
        return Err(CallError::mistyped(format!(
            "{} has the mode {mode:o}: others can read it; chmod 600 or 640",
            path.display()
        )));
    }
    read(path)
}

fn read(path: &Path) -> Result<Vec<u8>, CallError> {
    let mut bytes = Vec::new();
    let outcome = File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes));
    let fault = |what: String| CallError::mistyped(format!("{}: {what}", path.display()));
    match outcome {
        Ok(_) if bytes.len() as u64 > MAX_FILE => {
            Err(fault(format!("larger than {MAX_FILE} bytes")))
        }
        Ok(_) => Ok(bytes),
        Err(error) => Err(fault(error.to_string())),
    }
}
