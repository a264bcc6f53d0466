//! Starts and ends the processes that are measured.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bitcoin_grpc_contract::{PROFILES, Profile};

use crate::call;
use crate::measure::{Sample, cpu_time};
use crate::plan::{Outcome, Plan};
use crate::report;

/// How long a party may take to come up.
const START: Duration = Duration::from_secs(20);

/// How long a party is called to see whether it answers. One call is made at least.
const PROBE: Duration = Duration::from_millis(1);

/// A process that is ended with the run.
pub(crate) struct Party {
    process: Child,
    /// Where it serves gRPC.
    pub(crate) address: String,
}

impl Drop for Party {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Party {
    fn start(command: &mut Command, address: String) -> Outcome<Self> {
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        Ok(Self { process, address })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Runs some load and gives, with its sample, the CPU time of this party for each call.
    pub(crate) fn under(&self, load: impl FnOnce() -> Outcome<Sample>) -> Outcome<(Sample, f64)> {
        let before = cpu_time(self.pid())?;
        let sample = load()?;
        let used = cpu_time(self.pid())?.saturating_sub(before);
        let each = used.as_secs_f64() * 1e6 / sample.calls as f64;
        Ok((sample, each))
    }
}

/// Everybody who takes part, and what they do.
pub(crate) struct Parties {
    pub(crate) socket: String,
    pub(crate) profile: &'static Profile,
    pub(crate) method: String,
    pub(crate) echo: Party,
    pub(crate) naive: Party,
    pub(crate) proxy: Party,
    _node: Option<Party>,
    _folder: tempfile::TempDir,
}

impl Parties {
    pub(crate) fn start(plan: &Plan) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let (socket, node) = match &plan.node {
            Some(socket) => (socket.clone(), None),
            None => {
                let socket = folder.path().join("node.sock");
                let mut node = own()?;
                node.args(["party", "node"]).arg(&socket);
                (socket, Some(Party::start(&mut node, String::new())?))
            }
        };
        wait_for(|| std::os::unix::net::UnixStream::connect(&socket).is_ok())?;
        let socket = text(socket)?;
        let profile = profile_of(&socket)?;
        let method = match &plan.method {
            Some(method) => method.clone(),
            None => call::choose(profile)?.to_owned(),
        };
        let (echo, naive) = (echo()?, naive(&socket, profile.name, &method)?);
        let proxy = proxy(&socket)?;
        for (party, method) in [(&echo, "Echo.Echo"), (&naive, &method), (&proxy, &method)] {
            wait_for(|| answers(party, method))?;
        }
        Ok(Self { socket, profile, method, echo, naive, proxy, _node: node, _folder: folder })
    }
}

/// This program once more, in another part.
pub(crate) fn own() -> Outcome<Command> {
    Ok(Command::new(std::env::current_exe()?))
}

fn echo() -> Outcome<Party> {
    let address = free_address()?;
    Party::start(own()?.args(["party", "echo", &address]), address.clone())
}

fn naive(socket: &str, profile: &str, method: &str) -> Outcome<Party> {
    let address = free_address()?;
    let mut command = own()?;
    Party::start(
        command.args(["party", "naive", &address, socket, profile, method]),
        address.clone(),
    )
}

fn proxy(socket: &str) -> Outcome<Party> {
    let address = free_address()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_bitcoin-grpc"));
    command.args(["serve", "--node", &format!("unix:{socket}"), "--log-level", "warn"]);
    Party::start(command.args(["--listen", &address]), address.clone())
}

/// The proxy before a node that it streams from, once it answers.
pub(crate) fn streaming_proxy(socket: &str) -> Outcome<Party> {
    wait_for(|| std::os::unix::net::UnixStream::connect(socket).is_ok())?;
    let proxy = proxy(socket)?;
    wait_for(|| answers(&proxy, "Chain.GetHeight"))?;
    Ok(proxy)
}

/// What the proxy finds behind a socket.
fn profile_of(socket: &str) -> Outcome<&'static Profile> {
    let mut check = Command::new(env!("CARGO_BIN_EXE_bitcoin-grpc"));
    check.args(["check", "--node", &format!("unix:{socket}")]);
    let output = check.stderr(Stdio::inherit()).output()?;
    let told = String::from_utf8(output.stdout)?;
    let profile = PROFILES.iter().find(|profile| told.contains(profile.name));
    Ok(profile.ok_or("no generation was found")?)
}

fn free_address() -> Outcome<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

/// Whether a party answers calls: the proxy listens before it has its node.
fn answers(party: &Party, method: &str) -> bool {
    report::load(&["grpc", &party.address], method, 1, PROBE).is_ok()
}

fn text(path: PathBuf) -> Outcome<String> {
    path.into_os_string().into_string().map_err(|_| "a path that is no text".into())
}

fn wait_for(mut ready: impl FnMut() -> bool) -> Outcome {
    let start = Instant::now();
    while !ready() {
        if start.elapsed() > START {
            return Err("a party did not come up".into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
