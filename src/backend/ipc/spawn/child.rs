//! The process of a spawned node.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, SystemTime};

use command_fds::{CommandFdExt, FdMapping};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::process::{self, Command as Program};
use tokio::sync::watch;
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use super::config::{Command, SpawnConfig};
use super::output::{Source, pass_on};

/// Number that the descriptor has in the node's process: the first behind the standard ones.
const DESCRIPTOR: i32 = 3;

/// How long a node whose connection is gone may take to end by itself before it is told to.
const LEAVES_WITHIN: Duration = Duration::from_secs(2);

/// How long a node that was to be led by its descriptor may take to end once that is closed: nobody can
/// ask it for anything any more.
const ORPHANED: Duration = Duration::from_secs(30);

/// How long a node may take to listen on its socket. It does so before it loads its chain.
const LISTENS_WITHIN: Duration = Duration::from_secs(60);

/// How often it is looked whether it listens.
const LOOK: Duration = Duration::from_millis(50);

/// How long the output of a node that ended is waited for: another process may hold the other end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How a spawned node is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::backend::ipc) enum Way {
    /// It serves a descriptor and does nothing else until it is told to by calls.
    Led,
    /// It serves a descriptor, and starts by itself.
    Descriptor,
    /// It listens on a socket of its own, and starts by itself.
    Socket,
}

impl Way {
    /// The way that a command asks for, or that is to be tried first.
    pub(super) fn of(command: &Command) -> Self {
        if command.names_socket() {
            Self::Socket
        } else if command.names_descriptor() {
            Self::Descriptor
        } else if command.is_plain() {
            Self::Led
        } else {
            Self::Socket
        }
    }
}

/// A node that this program started.
pub(in crate::backend::ipc) struct Child {
    pub(in crate::backend::ipc) way: Way,
    pid: Pid,
    since: SystemTime,
    /// Our end of the pair, until it is used.
    stream: RefCell<Option<UnixStream>>,
    /// The socket that it is to listen on. Its directory goes with this value.
    socket: Option<(PathBuf, TempDir)>,
    status: watch::Receiver<Option<ExitStatus>>,
}

impl Child {
    /// Starts a node.
    pub(super) fn spawn(config: &SpawnConfig, way: Way) -> io::Result<Self> {
        let command = &config.command;
        match way {
            Way::Led => {
                let arguments = vec!["-ipcfd".to_owned(), DESCRIPTOR.to_string()];
                Self::with_descriptor(command, arguments, way)
            }
            Way::Descriptor => {
                Self::with_descriptor(command, command.with_descriptor(DESCRIPTOR), way)
            }
            Way::Socket => Self::with_socket(command),
        }
    }

    fn with_descriptor(command: &Command, arguments: Vec<String>, way: Way) -> io::Result<Self> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let ours = UnixStream::from_std(ours)?;
        let mut program = program(command, arguments);
        // It is copied in the child only: in this process the descriptor stays one that no other child gets.
        let mapping = FdMapping { parent_fd: OwnedFd::from(theirs), child_fd: DESCRIPTOR };
        program.fd_mappings(vec![mapping]).map_err(io::Error::other)?;
        Self::start(program, way, Some(ours), None)
    }

    fn with_socket(command: &Command) -> io::Result<Self> {
        // Only this user may enter it.
        let folder = tempfile::Builder::new().prefix("bitcoin-grpc-node-").tempdir()?;
        let path = folder.path().join("node.sock");
        let shown = path.display().to_string();
        let mut arguments = command.with_socket(&shown);
        if !command.names_socket() {
            arguments.push(format!("-ipcbind=unix:{shown}"));
        }
        Self::start(program(command, arguments), Way::Socket, None, Some((path, folder)))
    }

    fn start(
        mut program: Program,
        way: Way,
        stream: Option<UnixStream>,
        socket: Option<(PathBuf, TempDir)>,
    ) -> io::Result<Self> {
        let process = program.spawn()?;
        // It holds the node's end of the pair too; while that is open here, its end there goes unseen.
        drop(program);
        let number = process.id().and_then(|id| i32::try_from(id).ok());
        let pid = number.and_then(Pid::from_raw).ok_or(io::ErrorKind::NotFound)?;
        tracing::info!(pid = pid.as_raw_nonzero().get(), ?way, "a node was started");
        let (exited, status) = watch::channel(None);
        spawn_local(watch_over(process, pid, exited));
        let since = SystemTime::now();
        Ok(Self { way, pid, since, stream: RefCell::new(stream), socket, status })
    }

    /// When it was started.
    pub(in crate::backend::ipc) fn since(&self) -> SystemTime {
        self.since
    }

    /// Opens the stream to it. A descriptor has only one.
    pub(in crate::backend::ipc) async fn connect(&self) -> io::Result<UnixStream> {
        match &self.socket {
            Some((path, _)) => UnixStream::connect(path).await,
            None => self.stream.borrow_mut().take().ok_or_else(|| {
                io::Error::other("a node that serves a descriptor has one connection")
            }),
        }
    }

    /// Waits until it can be connected to.
    pub(in crate::backend::ipc) async fn listens(&self) -> Result<(), &'static str> {
        let Some((path, _)) = &self.socket else { return Ok(()) };
        let listens = async {
            while UnixStream::connect(path).await.is_err() {
                sleep(LOOK).await;
            }
        };
        tokio::select! {
            _ = self.exited() => Err("the node ended before it listened"),
            listens = timeout(LISTENS_WITHIN, listens) => {
                listens.map_err(|_| "the node does not listen on the socket that it was given")
            }
        }
    }

    /// Completes when it has ended.
    pub(in crate::backend::ipc) async fn exited(&self) -> Option<ExitStatus> {
        let mut status = self.status.clone();
        status.wait_for(Option::is_some).await.ok().and_then(|status| *status)
    }

    /// Waits for the end of a node whose connection is closed, and helps if it does not come. `None` if how
    /// it ended cannot be known.
    pub(in crate::backend::ipc) async fn end(&self, limit: Duration) -> Option<ExitStatus> {
        let (patience, limit) = match self.way {
            Way::Led => (LEAVES_WITHIN, limit.min(ORPHANED)),
            Way::Descriptor => (LEAVES_WITHIN, limit),
            Way::Socket => (Duration::ZERO, limit),
        };
        if let Ok(status) = timeout(patience, self.exited()).await {
            return status;
        }
        // It may end at any time; then there is nothing to tell it.
        let _ = kill_process(self.pid, Signal::TERM);
        if let Ok(status) = timeout(limit, self.exited()).await {
            return status;
        }
        tracing::error!(seconds = limit.as_secs_f64(), "the node does not end; it is killed");
        let _ = kill_process_group(self.pid, Signal::KILL);
        self.exited().await
    }
}

fn program(command: &Command, arguments: Vec<String>) -> Program {
    let mut program = Program::new(&command.program);
    program
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C is for this program, which then ends the node as it should be ended.
        .process_group(0)
        .kill_on_drop(true);
    program
}

async fn watch_over(
    mut process: process::Child,
    pid: Pid,
    exited: watch::Sender<Option<ExitStatus>>,
) {
    let number = pid.as_raw_nonzero().get();
    let output = process.stdout.take().map(|o| spawn_local(pass_on(o, Source::Output, number)));
    let errors = process.stderr.take().map(|e| spawn_local(pass_on(e, Source::Errors, number)));
    let status = process.wait().await.ok();
    for task in [output, errors].into_iter().flatten() {
        let abort = task.abort_handle();
        if timeout(LAST_WORDS, task).await.is_err() {
            abort.abort();
        }
    }
    match status {
        Some(status) if status.success() => tracing::info!(pid = number, "the node ended"),
        Some(status) => tracing::warn!(pid = number, %status, "the node ended"),
        None => tracing::warn!(pid = number, "the node ended; how is not known"),
    }
    exited.send_replace(status);
}
