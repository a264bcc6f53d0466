//! What a caller with one call at a time feels of another with hundreds in flight.
//!
//! The proxy stands in front of the embedded node, and both are processes of their own, as is the heavy caller. The two
//! callers come in at two listeners, which makes them two callers without an identity. `docs/performance.md` tells what
//! was seen.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a measurement, run by hand"
)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bitcoin_grpc::frontend::grpc::services::chain_client::ChainClient;
use bitcoin_grpc_contract::v1::ChainGetHeightRequest;
use tonic::transport::{Channel, Endpoint};

/// Generation of the node: one that has the service.
const PROFILE: &str = "pr10102-2026-07";

struct Options {
    /// Calls that the heavy caller has in flight.
    in_flight: usize,
    /// How long each part is measured.
    time: Duration,
    rounds: usize,
    /// The proxy; another build can be compared.
    binary: PathBuf,
    /// Given to the heavy caller's process.
    heavy: Option<String>,
}

impl Options {
    fn read() -> Self {
        let binary = PathBuf::from(env!("CARGO_BIN_EXE_bitcoin-grpc"));
        let time = Duration::from_secs(3);
        let mut options = Self { in_flight: 500, time, rounds: 5, binary, heavy: None };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().expect("an option lacks its value");
            match word.as_str() {
                // Cargo says that it is a benchmark.
                "--bench" => {}
                "--smoke" => (options.time, options.rounds) = (Duration::from_millis(300), 1),
                "--seconds" => options.time = Duration::from_secs_f64(value().parse().unwrap()),
                "--rounds" => options.rounds = value().parse().unwrap(),
                "--in-flight" => options.in_flight = value().parse().unwrap(),
                "--binary" => options.binary = value().into(),
                "--heavy" => options.heavy = Some(value()),
                other => {
                    panic!("{other} is none of --smoke, --seconds, --rounds, --in-flight, --binary")
                }
            }
        }
        options
    }
}

/// A process that ends with its value.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a process and waits until its output has lines that begin so; gives what follows in each.
fn start(command: &mut Command, wanted: &[&str]) -> (Process, Vec<String>) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let output = child.stdout.take().unwrap();
    let process = Process(child);
    let mut lines = BufReader::new(output).lines().map(Result::unwrap);
    let found = wanted.iter().map(|start| {
        let line = lines.find(|line| line.starts_with(start));
        line.unwrap_or_else(|| panic!("the program never said {start:?}"))[start.len()..].to_owned()
    });
    let found = found.collect();
    // It goes on talking.
    std::thread::spawn(move || lines.for_each(drop));
    (process, found)
}

fn world(binary: &Path, folder: &Path) -> ([Process; 2], [String; 2]) {
    let socket = folder.join("node.sock");
    let mut node = Command::new(binary);
    node.args(["devnode", "--profile", PROFILE, "--interval", "0s", "--socket"]).arg(&socket);
    let (node, _) = start(&mut node, &["listening on "]);
    let mut proxy = Command::new(binary);
    proxy.args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--listen",
        "127.0.0.2:0",
        "--log-level",
        "error",
    ]);
    proxy.arg("--node").arg(format!("unix:{}", socket.display()));
    let (proxy, found) = start(&mut proxy, &["listening on ", "listening on ", "found "]);
    ([node, proxy], [found[0].clone(), found[1].clone()])
}

async fn client(address: &str) -> ChainClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    ChainClient::new(endpoint.connect().await.unwrap())
}

/// Calls for ever, with so many in flight, and says how often each second.
async fn heavy(address: &str, in_flight: usize) {
    let client = client(address).await;
    let (ended, refused) =
        <(std::rc::Rc<std::cell::Cell<u64>>, std::rc::Rc<std::cell::Cell<u64>>)>::default();
    for _ in 0..in_flight {
        let (mut client, ended, refused) = (client.clone(), ended.clone(), refused.clone());
        tokio::task::spawn_local(async move {
            loop {
                let count = match client.get_height(ChainGetHeightRequest {}).await {
                    Ok(_) => &ended,
                    Err(_) => &refused,
                };
                count.set(count.get() + 1);
            }
        });
    }
    println!("calling");
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        println!("{} calls, {} refused", ended.take(), refused.take());
    }
}

/// One call at a time: how long each took.
async fn light(address: &str, time: Duration) -> Vec<Duration> {
    let mut client = client(address).await;
    let (end, mut times) = (Instant::now() + time, Vec::new());
    while Instant::now() < end {
        let begun = Instant::now();
        client.get_height(ChainGetHeightRequest {}).await.expect("the light caller is answered");
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    times
}

fn percentile(times: &[Duration], part: f64) -> Duration {
    let last = times.len() - 1;
    times[(last as f64 * part).round() as usize]
}

async fn measure(options: &Options) {
    let folder = tempfile::tempdir().unwrap();
    let (_world, [address, other]) = world(&options.binary, folder.path());
    // The first calls make threads and fill caches.
    light(&address, options.time / 3).await;
    println!(
        "{:>10} {:>10} {:>10} {:>10} {:>7} {:>7}",
        "alone p50", "p99", "beside p50", "p99", "ratio50", "ratio99"
    );
    let mut ratios = Vec::new();
    for _ in 0..options.rounds {
        let alone = light(&address, options.time).await;
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--heavy", &other, "--in-flight", &options.in_flight.to_string()]);
        let (neighbour, _) = start(&mut command, &["calling"]);
        tokio::time::sleep(options.time / 6).await;
        let beside = light(&address, options.time).await;
        drop(neighbour);
        let of = |times: &[Duration]| [percentile(times, 0.5), percentile(times, 0.99)];
        let ([a50, a99], [b50, b99]) = (of(&alone), of(&beside));
        let ratio = |a: Duration, b: Duration| b.as_secs_f64() / a.as_secs_f64();
        println!(
            "{a50:>10.1?} {a99:>10.1?} {b50:>10.1?} {b99:>10.1?} {:>7.1} {:>7.1}",
            ratio(a50, b50),
            ratio(a99, b99)
        );
        ratios.push(ratio(a99, b99));
        tokio::time::sleep(options.time / 6).await;
    }
    ratios.sort_unstable_by(f64::total_cmp);
    let median = ratios[ratios.len() / 2];
    println!(
        "the light caller's p99 beside {} calls in flight is {median:.1} times its p99 alone (median)",
        options.in_flight
    );
}

fn main() {
    let options = Options::read();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        match &options.heavy {
            Some(address) => heavy(address, options.in_flight).await,
            None => measure(&options).await,
        }
    });
}
