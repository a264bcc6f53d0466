//! Runs the parties and the load, and prints the figures side by side.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::measure::{Sample, cpu_time, median, resident_mib};
use crate::plan::{Outcome, Plan};

/// How long a party may take to come up.
const START: Duration = Duration::from_secs(20);

/// Prints a line; the one place where this program speaks.
#[allow(clippy::print_stdout, reason = "a program that prints figures")]
pub(crate) fn say(line: &str) {
    println!("{line}");
    // A closed pipe ends the program at its next line anyhow.
    let _ = std::io::stdout().flush();
}

/// A process that is ended with the run.
struct Party(Child);

impl Drop for Party {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Party {
    fn start(command: &mut Command) -> Outcome<Self> {
        Ok(Self(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?))
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

fn own() -> Outcome<Command> {
    Ok(Command::new(std::env::current_exe()?))
}

fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
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

fn answers(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}

struct Parties {
    socket: PathBuf,
    echo_port: u16,
    proxy_port: u16,
    echo: Party,
    proxy: Party,
    _node: Option<Party>,
    _folder: tempfile::TempDir,
}

impl Parties {
    fn start(plan: &Plan) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let (socket, node) = match &plan.node {
            Some(socket) => (socket.clone(), None),
            None => {
                let socket = folder.path().join("node.sock");
                let node = Party::start(own()?.args(["party", "node"]).arg(&socket))?;
                (socket, Some(node))
            }
        };
        wait_for(|| std::os::unix::net::UnixStream::connect(&socket).is_ok())?;
        let (echo_port, proxy_port) = (free_port()?, free_port()?);
        let echo = Party::start(own()?.args(["party", "echo", &format!("127.0.0.1:{echo_port}")]))?;
        let mut proxy = Command::new(env!("CARGO_BIN_EXE_bitcoin-grpc"));
        proxy.arg("serve").arg("--node").arg(format!("unix:{}", socket.display()));
        proxy.args(["--listen", &format!("127.0.0.1:{proxy_port}"), "--log-level", "warn"]);
        let proxy = Party::start(&mut proxy)?;
        wait_for(|| answers(echo_port) && answers(proxy_port))?;
        Ok(Self { socket, echo_port, proxy_port, echo, proxy, _node: node, _folder: folder })
    }

    /// What the proxy finds behind the socket: the method to measure, and the generation.
    fn node(&self) -> Outcome<(&'static str, String)> {
        let mut check = Command::new(env!("CARGO_BIN_EXE_bitcoin-grpc"));
        check.arg("check").arg("--node").arg(format!("unix:{}", self.socket.display()));
        let output = check.stderr(Stdio::inherit()).output()?;
        let text = String::from_utf8(output.stdout)?;
        let profiles = bitcoin_grpc_contract::PROFILES.iter();
        let profile = profiles.map(|p| p.name).find(|name| text.contains(name)).ok_or("no node")?;
        let chain = bitcoin_grpc_contract::Service::Chain.interface_id();
        let has_chain = bitcoin_grpc_contract::Profile::by_name(profile)
            .is_some_and(|p| p.interface(chain).is_some());
        Ok((if has_chain { "Chain.IsInMempool" } else { "Mining.GetTip" }, profile.to_owned()))
    }
}

fn load(
    kind: &str,
    target: &str,
    method: &str,
    profile: &str,
    flight: usize,
    time: Duration,
) -> Outcome<Sample> {
    let mut command = own()?;
    command.args(["load", kind, target, method, profile]);
    let output = command
        .args([flight.to_string(), time.as_millis().to_string()])
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().last().ok_or("a load generator said nothing")?;
    serde_json::from_str(line).map_err(|_| text.into())
}

/// Runs some load and gives, with its sample, the CPU time of a party for each call.
fn watched(party: &Party, work: impl FnOnce() -> Outcome<Sample>) -> Outcome<(Sample, f64)> {
    let before = cpu_time(party.pid())?;
    let sample = work()?;
    let used = cpu_time(party.pid())?.saturating_sub(before);
    let each = used.as_secs_f64() * 1e6 / sample.calls as f64;
    Ok((sample, each))
}

pub(crate) fn run(plan: &Plan) -> Outcome {
    let parties = Parties::start(plan)?;
    wait_for(|| parties.node().is_ok())?;
    let (method, profile) = parties.node()?;
    say(&format!(
        "node: {profile}{}, method: {method}",
        if plan.node.is_some() { " (real)" } else { " (embedded)" }
    ));
    let idle = resident_mib(parties.proxy.pid())?;
    say(
        "in flight |   direct: calls/s  p50 us  p99 us | echo: calls/s  p50 us  p99 us | proxy: calls/s  p50 us  p99 us | ratios: latency p50  p99  cpu",
    );
    for flight in &plan.concurrency {
        row(plan, &parties, method, &profile, *flight)?;
    }
    let proxy = format!("127.0.0.1:{}", parties.proxy_port);
    let soaked = load("grpc", &proxy, method, &profile, 64, plan.soak)?;
    let loaded = resident_mib(parties.proxy.pid())?;
    say(&format!(
        "memory of the proxy: {idle:.1} MiB idle, {loaded:.1} MiB after {} more calls in {:.0} s",
        soaked.calls, soaked.seconds
    ));
    say(
        "latency ratio: proxy / (direct + echo); cpu ratio: proxy / (direct client + echo server), for each call",
    );
    Ok(())
}

/// One round of measurements at one number of calls in flight.
struct Round {
    direct: Sample,
    bare: Sample,
    bare_cpu: f64,
    proxied: Sample,
    proxy_cpu: f64,
}

fn measure(
    plan: &Plan,
    parties: &Parties,
    method: &str,
    profile: &str,
    flight: usize,
) -> Outcome<Round> {
    let local = |port: u16| format!("127.0.0.1:{port}");
    let (echo, proxy) = (local(parties.echo_port), local(parties.proxy_port));
    let load =
        |kind, target: &str, method| load(kind, target, method, profile, flight, plan.duration);
    let direct = load("direct", path(&parties.socket), method)?;
    let (bare, bare_cpu) = watched(&parties.echo, || load("grpc", &echo, "Echo.Echo"))?;
    let (proxied, proxy_cpu) = watched(&parties.proxy, || load("grpc", &proxy, method))?;
    Ok(Round { direct, bare, bare_cpu, proxied, proxy_cpu })
}

/// The medians of a row's three parties: calls a second, and two latencies.
fn figures(rounds: &[Round], pick: fn(&Round) -> &Sample) -> String {
    let of = |figure: fn(&Sample) -> f64| median(rounds.iter().map(|r| figure(pick(r))).collect());
    format!("{:>14.0} {:>7.0} {:>7.0}", of(Sample::per_second), of(|s| s.p50_us), of(|s| s.p99_us))
}

fn row(plan: &Plan, parties: &Parties, method: &str, profile: &str, flight: usize) -> Outcome {
    let rounds = (0..plan.rounds).map(|_| measure(plan, parties, method, profile, flight));
    let rounds = rounds.collect::<Outcome<Vec<_>>>()?;
    let of = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    say(&format!(
        "{flight:>9} | {} | {} | {} | {:>19.2} {:>4.2} {:>4.2}",
        figures(&rounds, |r| &r.direct),
        figures(&rounds, |r| &r.bare),
        figures(&rounds, |r| &r.proxied),
        of(|r| r.proxied.p50_us / (r.direct.p50_us + r.bare.p50_us)),
        of(|r| r.proxied.p99_us / (r.direct.p99_us + r.bare.p99_us)),
        of(|r| r.proxy_cpu / (r.direct.cpu_us + r.bare_cpu)),
    ));
    say(&format!(
        "          | cpu for each call, us: direct client {:.1}, echo server {:.1}, proxy {:.1}",
        of(|r| r.direct.cpu_us),
        of(|r| r.bare_cpu),
        of(|r| r.proxy_cpu),
    ));
    Ok(())
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}
