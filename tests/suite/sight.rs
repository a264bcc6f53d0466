//! What operators see: metrics, life and readiness, at the admin listener of the real program.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::time::Duration;

use bitcoin_grpc::frontend::grpc::services::chain_client::ChainClient;
use bitcoin_grpc::frontend::grpc::services::node_client::NodeClient;
use bitcoin_grpc::frontend::tokens;
use bitcoin_grpc_contract::{Profile, v1};
use bitcoin_grpc_devnode::fault::FaultSpec;
use bitcoin_grpc_devnode::host::{Host, HostOptions};
use bytes::Bytes;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};
use tonic::transport::{Channel, Endpoint};

use super::pki::written;
use super::raw::{framed, post, send};

/// It has streams, and every service that the tests call.
const PROFILE: &str = "pr10102-2026-07";

/// Longer than anything takes on a busy machine.
const LONG: Duration = Duration::from_secs(30);

/// The program with an admin listener, in front of a node.
pub(crate) struct World {
    pub(crate) host: Option<Host>,
    pub(crate) address: String,
    admin: String,
    pub(crate) channel: Channel,
    _child: Child,
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn start(flags: &[&str]) -> Self {
        Self::spoiled(flags, Vec::new()).await
    }

    /// The same with a node that has faults, and blocks enough for templates.
    pub(crate) async fn spoiled(flags: &[&str], faults: Vec<FaultSpec>) -> Self {
        let flags = [flags, &["--log-level", "error"]].concat();
        Self::logging(&flags, Stdio::inherit(), faults).await
    }

    /// The same with a log that goes elsewhere.
    async fn logging(flags: &[&str], log: Stdio, faults: Vec<FaultSpec>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("node.sock");
        let mut options = HostOptions::new(&socket, Profile::by_name(PROFILE).unwrap());
        options.chain.blocks = if faults.is_empty() { 3 } else { 20 };
        options.faults = faults;
        let host = Host::start(options).await.unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_bitcoin-grpc"))
            .args(["serve", "--listen", "127.0.0.1:0", "--admin", "0"])
            .args(flags)
            .arg("--node")
            .arg(format!("unix:{}", socket.display()))
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let admin = line(&mut output, "admin on ").await;
        let address = line(&mut output, "listening on ").await;
        line(&mut output, "found ").await;
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let channel = endpoint.connect().await.unwrap();
        let host = Some(host);
        Self { host, address, admin, channel, _child: child, _folder: folder }
    }

    pub(crate) fn chain(&self) -> ChainClient<Channel> {
        ChainClient::new(self.channel.clone())
    }

    /// What a path of the admin listener says.
    async fn get(&self, path: &str) -> (u16, String) {
        ask(&self.admin, &format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await
    }

    async fn scrape(&self) -> Scrape {
        let (code, text) = self.get("/metrics").await;
        assert_eq!(code, 200, "{text}");
        Scrape::parse(&text)
    }

    /// File descriptors that the program has open.
    pub(crate) async fn files(&self) -> f64 {
        self.scrape().await.of("process_open_fds").unwrap()
    }

    /// What there is of calls although none is made, and of descriptors beyond so many.
    /// Of threads that the node keeps, those do not count which it was not to give back.
    pub(crate) async fn left(&self, files: f64, kept: &[&str]) -> Vec<(String, f64)> {
        let scrape = self.scrape().await;
        let names = [
            "admission_in_flight",
            "admission_queued",
            "streams",
            "leases",
            "node_queued",
            "node_threads",
            "node_threads_retired",
        ];
        let mut left: Vec<_> = Vec::new();
        for name in names {
            let alone = scrape.of(name).map(|value| (String::new(), value));
            let all: Vec<_> = scrape.all(name).into_iter().chain(alone).collect();
            assert!(!all.is_empty(), "there is no {name}");
            let all = all.into_iter().map(|(labels, value)| (format!("{name} {labels}"), value));
            left.extend(all);
        }
        left.push(("process_open_fds".to_owned(), scrape.of("process_open_fds").unwrap() - files));
        left.retain(|(name, value)| {
            let stays = kept.iter().any(|kept| name.contains(kept));
            *value > 0.0 && !name.contains("state=free") && !stays
        });
        left
    }

    async fn call_unknown(&self, path: &str) {
        let request = post(&self.address, path).body(framed(&[])).unwrap();
        assert_eq!(send(&self.address, request).await.status().code(), tonic::Code::Unimplemented);
    }
}

async fn line(lines: &mut Lines<BufReader<ChildStdout>>, start: &str) -> String {
    let found = async {
        loop {
            let line = lines.next_line().await.unwrap().expect("the program ended");
            if let Some(rest) = line.strip_prefix(start) {
                return rest.to_owned();
            }
        }
    };
    tokio::time::timeout(LONG, found).await.expect(start)
}

/// Sends bytes and reads to the end.
async fn ask(address: &str, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(LONG, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    (code, body.to_owned())
}

/// Metrics by their names with labels, as they stand in the text.
struct Scrape {
    text: String,
    series: BTreeMap<String, f64>,
}

impl Scrape {
    fn parse(text: &str) -> Self {
        assert!(text.ends_with("# EOF\n"), "{text}");
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let series = lines.map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        });
        Self { text: text.to_owned(), series: series.collect() }
    }

    fn of(&self, name: &str) -> Option<f64> {
        self.series.get(&format!("bitcoin_grpc_{name}")).copied()
    }

    /// Labels and values of a metric.
    fn all(&self, name: &str) -> BTreeMap<String, f64> {
        let prefix = format!("bitcoin_grpc_{name}{{");
        let of = self.series.iter().filter_map(|(series, value)| {
            let labels = series.strip_prefix(&prefix)?.strip_suffix('}')?;
            Some((labels.replace('"', ""), *value))
        });
        of.collect()
    }

    /// Names of the families, with what they count.
    fn families(&self) -> BTreeMap<String, String> {
        let types = self.text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        types
            .filter_map(|line| line.split_once(' '))
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .collect()
    }
}

fn counts<const N: usize>(counts: [(&str, f64); N]) -> BTreeMap<String, f64> {
    counts.map(|(labels, count)| (labels.to_owned(), count)).into()
}

/// Calls of every kind, once each or as often as it says.
async fn calls(world: &World) {
    let mut chain = world.chain();
    for _ in 0..3 {
        chain.relay_dust_fee(v1::ChainRelayDustFeeRequest {}).await.unwrap();
    }
    for _ in 0..2 {
        let above = v1::ChainGetBlockHashRequest { height: 99 };
        assert!(chain.get_block_hash(above).await.is_err());
    }
    let negative = v1::ChainGetBlockHashRequest { height: -1 };
    assert!(chain.get_block_hash(negative).await.is_err());
    let mut node = NodeClient::new(world.channel.clone());
    assert!(node.start_shutdown(v1::NodeStartShutdownRequest {}).await.is_err());
    world.call_unknown("/bitcoin.ipc.v1.Chain/Nothing").await;
    world.call_unknown("/no.such/Method").await;
    let path = "/bitcoin.ipc.v1.Chain/GetHeight";
    let strange = post(&world.address, path).header("grpc-timeout", "soon").body(framed(&[]));
    assert!(send(&world.address, strange.unwrap()).await.status().code() != tonic::Code::Ok);
    let broken = post(&world.address, path).body(framed(&[0xff; 9])).unwrap();
    assert!(send(&world.address, broken).await.status().code() != tonic::Code::Ok);
}

#[tokio::test]
async fn every_call_is_counted_once_by_method_and_code() {
    let world = World::start(&[]).await;
    calls(&world).await;
    let found = world.scrape().await;
    let expected = counts([
        ("service=Chain,method=RelayDustFee,code=OK", 3.0),
        ("service=Chain,method=GetBlockHash,code=OUT_OF_RANGE", 2.0),
        ("service=Chain,method=GetBlockHash,code=INVALID_ARGUMENT", 1.0),
        ("service=Chain,method=GetHeight,code=INVALID_ARGUMENT", 2.0),
        ("service=Node,method=StartShutdown,code=PERMISSION_DENIED", 1.0),
        ("service=unknown,method=unknown,code=UNIMPLEMENTED", 2.0),
    ]);
    assert_eq!(found.all("calls_total"), expected);
    // What never became a call has no time.
    let mut timed = expected.clone();
    timed.retain(|labels, _| !labels.contains("unknown") && !labels.contains("GetHeight"));
    assert_eq!(found.all("call_duration_seconds_count"), timed);
    let told: BTreeMap<_, _> =
        found.all("errors_total").into_iter().filter(|(_, count)| *count > 0.0).collect();
    let reasons = counts([
        ("reason=HEIGHT_ABOVE_TIP", 2.0),
        ("reason=INVALID_FIELD", 2.0),
        ("reason=ACCESS_NOT_GRANTED", 1.0),
        ("reason=METHOD_UNKNOWN", 2.0),
        ("reason=MESSAGE_MALFORMED", 1.0),
    ]);
    assert_eq!(told, reasons);
    let trips = found.all("node_round_trip_seconds_count");
    assert_eq!(trips["service=Chain,method=RelayDustFee"], 3.0);
    assert!(!trips.contains_key("service=Node,method=StartShutdown"));
}

#[tokio::test]
async fn gauges_say_what_is_there() {
    let world = World::start(&[]).await;
    let mut chain = world.chain();
    let stream = chain.handle_notifications(v1::ChainHandleNotificationsRequest::default());
    let mut stream = stream.await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    let found = world.scrape().await;
    assert_eq!(found.of("streams"), Some(1.0));
    assert_eq!(found.of("connections"), Some(1.0));
    assert_eq!(found.of("node_ready"), Some(1.0));
    assert_eq!(found.of("draining"), Some(0.0));
    assert_eq!(found.of("node_connections_total"), Some(1.0));
    assert_eq!(found.of("leases"), Some(0.0));
    let threads = found.all("node_threads");
    assert_eq!(threads["lane=read,state=busy"] + threads["lane=read,state=free"], 2.0);
    assert_eq!(threads["lane=blocking,state=free"], 16.0);
    assert_eq!(found.all("node_info").len(), 1);
    assert!(found.all("node_info").keys().all(|labels| labels.contains(PROFILE)));
    assert!(found.all("build_info").contains_key(concat!("version=", env!("CARGO_PKG_VERSION"))));
    assert_eq!(
        found.all("admission_in_flight"),
        counts([("kind=blocking", 0.0), ("kind=short", 0.0)])
    );
    #[cfg(target_os = "linux")]
    assert!(found.of("process_resident_memory_bytes") > Some(1e6));
    drop(stream);
}

#[tokio::test]
async fn names_that_are_made_up_make_no_series_and_secrets_are_not_told() {
    let folder = tempfile::tempdir().unwrap();
    let (token, secret) = tokens::make("alice-the-identity", None).unwrap();
    let file = written(folder.path(), "tokens", &secret);
    let world = World::start(&["--tokens", file.to_str().unwrap()]).await;
    let authorized = |path: &str| {
        let request = post(&world.address, path).header("authorization", format!("Bearer {token}"));
        request.body(framed(&[])).unwrap()
    };
    send(&world.address, authorized("/bitcoin.ipc.v1.Chain/GetHeight")).await;
    send(&world.address, authorized("/made.up/First")).await;
    let before = world.scrape().await;
    for number in 0..200 {
        let path = format!("/made.up{number}/%22%7D%0A{number}");
        send(&world.address, authorized(&path)).await;
        let wrong = post(&world.address, "/bitcoin.ipc.v1.Chain/GetHeight")
            .header("authorization", format!("Bearer wrong{number}"));
        send(&world.address, wrong.body(Bytes::new()).unwrap()).await;
    }
    let after = world.scrape().await;
    let names = |scrape: &Scrape| scrape.series.keys().cloned().collect::<BTreeSet<_>>();
    let grown: Vec<_> = names(&after).difference(&names(&before)).cloned().collect();
    let refused =
        r#"bitcoin_grpc_calls_total{service="Chain",method="GetHeight",code="UNAUTHENTICATED"}"#;
    assert_eq!(grown, [refused]);
    assert_eq!(
        after.all("calls_total")["service=unknown,method=unknown,code=UNIMPLEMENTED"],
        201.0
    );
    for secret in ["made.up", "made_up", "wrong", "alice", token.as_str(), "127.0.0.1"] {
        assert!(!after.text.contains(secret), "{secret} is told");
    }
}

#[tokio::test]
async fn every_call_has_one_line_in_the_log_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let (token, line) = tokens::make("alice", None).unwrap();
    let tokens = written(folder.path(), "tokens", &line);
    let log = folder.path().join("log");
    let flags = ["--log", "json", "--log-level", "bitcoin_grpc=debug", "--tokens"];
    let flags = [&flags[..], &[tokens.to_str().unwrap()]].concat();
    let world =
        World::logging(&flags, std::fs::File::create(&log).unwrap().into(), Vec::new()).await;
    let mut chain = world.chain();
    for _ in 0..3 {
        chain.relay_dust_fee(v1::ChainRelayDustFeeRequest {}).await.unwrap();
    }
    assert!(chain.get_block_hash(v1::ChainGetBlockHashRequest { height: 99 }).await.is_err());
    let strange = post(&world.address, "/no.such/Method").body(framed(&[])).unwrap();
    send(&world.address, strange).await;
    let mut request = tonic::Request::new(v1::ChainRelayDustFeeRequest {});
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    world.chain().relay_dust_fee(request).await.unwrap();
    let text = std::fs::read_to_string(&log).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let told: Vec<_> = lines
        .map(|line| line["fields"].clone())
        .filter(|fields| {
            ["call ended", "request refused"].contains(&fields["message"].as_str().unwrap_or(""))
        })
        .collect();
    let of = |name: &str, value: &str| told.iter().filter(|fields| fields[name] == value).count();
    assert_eq!((of("message", "call ended"), of("message", "request refused")), (5, 1));
    assert_eq!((of("method", "RelayDustFee"), of("service", "Chain"), of("code", "OK")), (4, 5, 4));
    assert_eq!((of("code", "OUT_OF_RANGE"), of("reason", "HEIGHT_ABOVE_TIP")), (1, 1));
    assert_eq!(
        (of("caller", "anonymous"), of("origin", "local"), of("caller", "alice")),
        (4, 4, 1)
    );
    assert_eq!(of("reason", "IDENTITY_REQUIRED"), 1);
    let called = told.iter().filter(|fields| fields["message"] == "call ended");
    assert!(called.clone().all(|fields| fields["milliseconds"].as_f64().unwrap() < 30_000.0));
    assert!(!text.contains(&token) && !text.contains(line.split(' ').nth(1).unwrap()));
}

#[tokio::test]
async fn the_program_lives_without_a_node_and_is_ready_with_one() {
    let mut world = World::start(&[]).await;
    assert_eq!(world.get("/readyz").await, (200, "ready, tip at 3\n".to_owned()));
    assert_eq!(world.get("/livez").await.0, 200);
    world.host.take().unwrap().stop().await.unwrap();
    let unready = async {
        loop {
            let (code, text) = world.get("/readyz").await;
            if code == 503 && text == "no node is connected\n" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LONG, unready).await.unwrap();
    assert_eq!(world.get("/livez").await, (200, "alive\n".to_owned()));
    assert_eq!(world.scrape().await.of("node_ready"), Some(0.0));
}

#[tokio::test]
async fn the_admin_listener_is_bounded_and_strict() {
    let world = World::start(&[]).await;
    assert_eq!(world.get("/").await.0, 404);
    assert_eq!(world.get("/metrics/../x").await.0, 404);
    assert_eq!(ask(&world.admin, "POST /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.0, 405);
    let long = format!("GET /livez HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(20_000));
    let mut stream = TcpStream::connect(&world.admin).await.unwrap();
    let _ = stream.write_all(long.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(LONG, stream.read_to_end(&mut answer)).await.unwrap();
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
    // Who says nothing is let go, so that others have their turn.
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(TcpStream::connect(&world.admin).await.unwrap());
    }
    assert_eq!(world.get("/livez").await.0, 200);
}

/// Names that stand in the dashboard and in the documentation are those there are.
#[tokio::test]
async fn the_dashboard_and_the_documentation_know_every_metric() {
    let world = World::start(&[]).await;
    calls(&world).await;
    let mut chain = world.chain();
    let stream = chain.handle_notifications(v1::ChainHandleNotificationsRequest::default());
    stream.await.unwrap().into_inner().message().await.unwrap();
    let found = world.scrape().await;
    let there: BTreeSet<_> =
        found.series.keys().map(|series| series.split('{').next().unwrap().to_owned()).collect();
    let dashboard = include_str!("../../deploy/grafana/bitcoin-grpc.json");
    let dashboard: serde_json::Value = serde_json::from_str(dashboard).unwrap();
    let mut used = BTreeSet::new();
    collect(&dashboard, &mut used);
    assert!(used.len() > 15, "{used:?}");
    let missing: Vec<_> = used.difference(&there).collect();
    assert!(missing.is_empty(), "in the dashboard and not in /metrics: {missing:?}");
    let documented = include_str!("../../docs/operating.md").lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `bitcoin_grpc_")?.split('|');
        let (name, kind) = (cells.next()?.trim().trim_end_matches('`'), cells.next()?.trim());
        // Series have endings that their family has not.
        let name = name.trim_end_matches("_total").trim_end_matches("_info");
        Some((format!("bitcoin_grpc_{name}"), kind.to_owned()))
    });
    assert_eq!(documented.collect::<BTreeMap<_, _>>(), found.families());
}

/// Names of metrics in the expressions of a dashboard.
fn collect(value: &serde_json::Value, names: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::String(text) => {
            let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            names.extend(words.filter(|word| word.starts_with("bitcoin_grpc_")).map(str::to_owned));
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| collect(value, names)),
        serde_json::Value::Object(fields) => {
            fields.values().for_each(|value| collect(value, names))
        }
        _ => {}
    }
}
