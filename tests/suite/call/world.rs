//! A demo to call, and calls of it: by the program, or by its library within this process.

use std::io::{self, Cursor};
use std::process::{Command as Program, Output, Stdio};
use std::time::Duration;

use bitcoin_grpc::frontend::grpc::reflection::DESCRIPTORS;
use bitcoin_grpc_call::{Address, Bearer, CallError, Form, Reach, Session, Terminal, Wish};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tonic::transport::{Channel, Endpoint};

/// Longer than anything here takes, on a busy machine.
pub(super) const LONG: Duration = Duration::from_secs(60);

/// A generation with every interface, whose streams need no flag.
const PROFILE: &str = "pr10102-2026-07";

/// A demo whose chain is always the same and does not grow.
pub(super) struct World {
    pub(super) address: String,
    _child: Child,
}

impl World {
    pub(super) async fn start() -> Self {
        Self::with(&["--listen", "127.0.0.1:0", "--allow", "control,wallet,lifecycle"]).await
    }

    pub(super) async fn with(flags: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_bitcoin-grpc"))
            .args(["demo", "--profile", PROFILE, "--blocks", "110"])
            .args(if flags.contains(&"--interval") { &[][..] } else { &["--interval", "0s"] })
            .args(["--mock-time", "1700000000", "--seed", "7", "--log-level", "error"])
            .args(flags)
            .env_clear()
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = None;
        let found = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some(listening) = line.strip_prefix("listening on ") {
                    address = Some(listening.split(' ').next().unwrap().to_owned());
                }
                if line.starts_with("found ") {
                    return;
                }
            }
            panic!("the demo ended");
        };
        tokio::time::timeout(LONG, found).await.expect("the demo finds its node in time");
        Self { address: address.expect("an address"), _child: child }
    }

    pub(super) async fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        endpoint.connect().await.unwrap()
    }

    pub(super) async fn session(&self) -> Session {
        session(&self.address).await
    }

    /// The program, about to call something here.
    pub(super) fn program(&self, words: &[&str]) -> Program {
        let mut program = program(words);
        program.env("BITCOIN_GRPC_ADDR", &self.address);
        program
    }

    /// What the program prints.
    pub(super) async fn prints(&self, words: &[&str]) -> String {
        let output = self.runs(words).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {errors}");
        assert_eq!(errors, "", "{words:?}");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// The code that the program ends with, and what it complains of.
    pub(super) async fn complains(&self, words: &[&str]) -> (i32, String) {
        let output = self.runs(words).await;
        assert_eq!(output.stdout, b"", "{words:?}");
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }

    async fn runs(&self, words: &[&str]) -> Output {
        run(self.program(words)).await
    }
}

pub(super) async fn session(address: &str) -> Session {
    let address = Address::Tcp(address.to_owned());
    let reach = Reach { address, tls: None, bearer: Bearer::default() };
    Session::begin(&reach, DESCRIPTORS).await.unwrap()
}

/// The program with `call` before these words, and nothing to read.
pub(super) fn program(words: &[&str]) -> Program {
    let mut program = Program::new(env!("CARGO_BIN_EXE_bitcoin-grpc"));
    program.env_clear().env("HOME", "/nowhere").arg("call").args(words).stdin(Stdio::null());
    program
}

/// Runs a program beside the runtime of the test.
pub(super) async fn run(mut program: Program) -> Output {
    tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap()
}

/// The lines that a call in this process says, in JSON; it ends after `most` of them.
pub(super) async fn said(
    session: &Session,
    method: &str,
    arguments: &[String],
    most: usize,
) -> Result<Vec<String>, CallError> {
    let wish = Wish {
        method: Some(method.to_owned()),
        arguments: arguments.to_vec(),
        form: Form::Json,
        ..Wish::default()
    };
    carried_out(session, &wish, most).await
}

pub(super) async fn carried_out(
    session: &Session,
    wish: &Wish,
    most: usize,
) -> Result<Vec<String>, CallError> {
    let mut lines = Vec::new();
    let mut say = |line: &str| {
        lines.push(line.to_owned());
        if lines.len() < most { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    };
    let terminal = Terminal {
        say: &mut say,
        input: Box::new(Cursor::new(Vec::new())),
        stop: Box::pin(std::future::pending()),
    };
    let outcome = tokio::time::timeout(LONG, session.run(wish, terminal)).await;
    outcome.unwrap_or_else(|_| panic!("{wish:?} takes too long")).map(|()| lines)
}
