//! Nodes that the proxy starts: how they are reached, led, replaced and ended. The node is `bitcoin-grpc devnode`.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bitcoin_grpc::frontend::grpc::services::chain_client::ChainClient;
use bitcoin_grpc::frontend::grpc::services::node_client::NodeClient;
use bitcoin_grpc_contract::v1;
use bitcoin_grpc_contract::v1::node_handle_init_message_response::Event as InitEvent;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_types::StatusExt;

const PROGRAM: &str = env!("CARGO_BIN_EXE_bitcoin-grpc");

/// Longer than anything here takes, on a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// Blocks of every node here.
const HEIGHT: i32 = 3;

/// Options of every node here.
const NODE: &str = "--blocks 3 --interval 0s";

/// A proxy that starts its node.
struct Proxy {
    child: Child,
    /// Everything that it says, on both of its outputs.
    said: Arc<Mutex<Vec<String>>>,
    /// What reads them, to their ends.
    readers: Vec<JoinHandle<()>>,
}

impl Proxy {
    fn start(command: &str, flags: &[&str]) -> Self {
        let mut child = Command::new(PROGRAM)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("NO_COLOR", "1")
            .args(["serve", "--listen", "127.0.0.1:0", "--allow", "lifecycle"])
            .args(["--notifications", "always", "--node", &format!("spawn:{command}")])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let said = Arc::<Mutex<Vec<String>>>::default();
        let (output, errors) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let readers = vec![
            tokio::spawn(listen(BufReader::new(output), Arc::clone(&said))),
            tokio::spawn(listen(BufReader::new(errors), Arc::clone(&said))),
        ];
        Self { child, said, readers }
    }

    fn lines(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// Waits until it has said something that often, and gives the last line with it.
    async fn hear(&self, what: &str, times: usize) -> String {
        let heard = async {
            loop {
                let lines: Vec<_> = self.lines().into_iter().filter(|l| l.contains(what)).collect();
                match lines.last() {
                    Some(last) if lines.len() >= times => return last.clone(),
                    _ => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        let lines = || self.lines().join("\n");
        tokio::time::timeout(LONG, heard).await.unwrap_or_else(|_| panic!("{what}:\n{}", lines()))
    }

    async fn channel(&self) -> Channel {
        let line = self.hear("listening on 127", 1).await;
        let address = line.rsplit(' ').next().unwrap().to_owned();
        Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
    }

    async fn chain(&self) -> ChainClient<Channel> {
        ChainClient::new(self.channel().await)
    }

    async fn node(&self) -> NodeClient<Channel> {
        NodeClient::new(self.channel().await)
    }

    /// Waits until that many nodes were found ready, and gives the process of the last.
    async fn ready(&self, times: usize) -> u32 {
        self.hear("the node is ready", times).await;
        let line = self.hear("a node was started", times).await;
        let pid = line.split("pid=").nth(1).unwrap();
        pid.split(' ').next().unwrap().parse().unwrap()
    }

    async fn terminate(mut self) -> ExitStatus {
        signal("TERM", self.child.id().unwrap());
        self.end().await
    }

    async fn end(&mut self) -> ExitStatus {
        let lines = Arc::clone(&self.said);
        let readers = std::mem::take(&mut self.readers);
        let ended = tokio::time::timeout(LONG, async {
            let status = self.child.wait().await;
            futures_util::future::join_all(readers).await;
            status
        })
        .await;
        ended.unwrap_or_else(|_| panic!("{}", lines.lock().unwrap().join("\n"))).unwrap()
    }
}

async fn listen(output: impl tokio::io::AsyncBufRead + Unpin, said: Arc<Mutex<Vec<String>>>) {
    let mut lines = output.lines();
    while let Ok(Some(line)) = lines.next_line().await {
        said.lock().unwrap().push(line);
    }
}

fn signal(name: &str, pid: u32) {
    let mut kill = std::process::Command::new("kill");
    kill.args([&format!("-{name}"), &pid.to_string()]);
    assert!(kill.status().unwrap().success());
}

fn is_alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

async fn height(chain: &mut ChainClient<Channel>) -> Result<Option<i32>, Status> {
    let reply = chain.get_height(v1::ChainGetHeightRequest {}).await?;
    Ok(reply.into_inner().height)
}

/// A command for a node on a socket of its own.
fn on_socket() -> String {
    format!("{PROGRAM} devnode --socket {{socket}} {NODE}")
}

/// A command for a node that serves the descriptor by itself.
fn on_descriptor() -> String {
    format!("sh -c 'exec {PROGRAM} devnode --inetd {NODE} <&{{fd}}'")
}

/// A program that is led by its descriptor, as bitcoin-node is, and a command for it.
fn led(folder: &TempDir) -> String {
    let path = folder.path().join("node");
    let text = format!(
        "#!/bin/sh\n[ \"$#\" = 2 ] && [ \"$1\" = -ipcfd ] || exit 9\n\
         exec {PROGRAM} devnode --inetd --led --profile pr10102-2026-02 {NODE} <&\"$2\"\n"
    );
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    format!("{} -regtest -datadir={}", path.display(), folder.path().display())
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().unwrap().reason
}

#[tokio::test]
async fn a_node_is_started_used_and_ended_each_way() {
    let folder = tempfile::tempdir().unwrap();
    for command in [on_socket(), on_descriptor(), led(&folder)] {
        let proxy = Proxy::start(&command, &[]);
        let pid = proxy.ready(1).await;
        assert_eq!(height(&mut proxy.chain().await).await.unwrap(), Some(HEIGHT), "{command}");
        // What the node says is in the log.
        proxy.hear("INFO node: listening on unix:", 1).await;
        let said = Arc::clone(&proxy.said);
        assert!(proxy.terminate().await.success());
        assert!(!is_alive(pid), "{command}");
        let said = said.lock().unwrap().join("\n");
        // The end of a node that failed tells its status.
        assert!(said.contains("the node ended") && !said.contains("status="), "{said}");
    }
}

#[tokio::test]
async fn a_node_gets_no_descriptor_but_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let (list, usual) = (folder.path().join("descriptors"), folder.path().join("usual"));
    let listing = |path: &Path| format!("ls /proc/$$/fd > {};", path.display());
    let command =
        format!("sh -c '{} exec {PROGRAM} devnode --inetd {NODE} <&{{fd}}'", listing(&list));
    let proxy = Proxy::start(&command, &[]);
    proxy.ready(1).await;
    // What whoever runs the tests passes on to every program is not the proxy's.
    let mut shell = std::process::Command::new("sh");
    assert!(shell.args(["-c", &format!("{} true", listing(&usual))]).status().unwrap().success());
    let read = |path| {
        let listed = std::fs::read_to_string(path).unwrap();
        listed.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let (listed, mut expected) = (read(list), read(usual));
    expected.insert("3".to_owned());
    assert_eq!(listed, expected);
    assert!(proxy.terminate().await.success());
}

#[tokio::test]
async fn another_node_comes_in_place_of_one_that_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    for command in [on_socket(), on_descriptor(), led(&folder)] {
        let proxy = Proxy::start(&command, &[]);
        let first = proxy.ready(1).await;
        let mut chain = proxy.chain().await;
        signal("KILL", first);
        proxy.hear("signal: 9", 1).await;
        let second = proxy.ready(2).await;
        assert_ne!(first, second);
        assert_eq!(height(&mut chain).await.unwrap(), Some(HEIGHT));
        assert!(proxy.terminate().await.success());
    }
}

#[tokio::test]
async fn the_last_node_takes_the_proxy_along() {
    let mut proxy = Proxy::start(&on_socket(), &["--restart", "never"]);
    let pid = proxy.ready(1).await;
    signal("KILL", pid);
    assert_eq!(proxy.end().await.code(), Some(1));
    proxy.hear("is not started again", 1).await;
    // A node that does what it is told is no failure.
    let folder = tempfile::tempdir().unwrap();
    let mut proxy = Proxy::start(&led(&folder), &[]);
    proxy.ready(1).await;
    let mut node = proxy.node().await;
    node.start_shutdown(v1::NodeStartShutdownRequest {}).await.unwrap();
    assert_eq!(proxy.end().await.code(), Some(1));
    let line = proxy.hear("is not started again", 1).await;
    assert!(line.contains("exit status: 0"), "{line}");
}

#[tokio::test]
async fn a_node_that_does_not_stop_is_killed_with_all_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let command = format!(
        "sh -c 'trap \"\" TERM; {PROGRAM} devnode --socket {{socket}} {NODE} & echo $! > {}; sleep 600'",
        file.display()
    );
    let proxy = Proxy::start(&command, &["--stop-limit", "300ms"]);
    let pid = proxy.ready(1).await;
    let other: u32 = std::fs::read_to_string(file).unwrap().trim().parse().unwrap();
    let began = Instant::now();
    assert!(proxy.terminate().await.success());
    assert!(began.elapsed() < LONG / 2);
    assert!(!is_alive(pid));
    // Whoever adopted it may not have taken notice yet.
    while is_alive(other) && !is_zombie(other) {
        assert!(began.elapsed() < LONG);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn is_zombie(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
}

/// What streams of the start begin with.
async fn init_messages(
    node: &mut NodeClient<Channel>,
) -> tonic::Streaming<v1::NodeHandleInitMessageResponse> {
    let request = v1::NodeHandleInitMessageRequest {};
    let mut stream = node.handle_init_message(request).await.unwrap().into_inner();
    let first = stream.message().await.unwrap().unwrap();
    let Some(InitEvent::Started(started)) = first.event else { panic!("{first:?}") };
    assert!(started.tip_hash.is_empty(), "there is no chain yet");
    stream
}

async fn next_message(stream: &mut tonic::Streaming<v1::NodeHandleInitMessageResponse>) -> String {
    let message = tokio::time::timeout(LONG, stream.message()).await.unwrap().unwrap().unwrap();
    let Some(InitEvent::InitMessage(event)) = message.event else { panic!("{message:?}") };
    event.message
}

const STEPS: [&str; 3] = ["Loading block index…", "Verifying blocks…", "Done loading"];

/// devnode dies, as a real node does, of any step out of its order; it would not become ready then.
#[tokio::test]
async fn a_caller_takes_the_steps_once_and_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut proxy = Proxy::start(&led(&folder), &["--start", "manual"]);
    proxy.hear("waits for Node.BaseInitialize", 1).await;
    assert!(!folder.path().join("regtest/node.sock").exists());
    let mut node = proxy.node().await;
    let mut messages = init_messages(&mut node).await;
    let refused = |status: Status| {
        assert_eq!(status.code(), Code::FailedPrecondition, "{status}");
        assert_eq!(reason(&status), "REFUSED_FOR_SAFETY");
    };
    let (initialize, load) = (
        v1::NodeBaseInitializeRequest { global_args: Some(v1::GlobalArgs::default()) },
        v1::NodeAppInitMainRequest {},
    );
    refused(node.app_init_main(load).await.unwrap_err());
    refused(node.app_shutdown(v1::NodeAppShutdownRequest {}).await.unwrap_err());
    let early = node.get_num_blocks(v1::NodeGetNumBlocksRequest {}).await.unwrap_err();
    assert_eq!(early.code(), Code::Unavailable, "{early}");
    let own = v1::GlobalArgs { config_path: "/x".to_owned(), ..Default::default() };
    let own = v1::NodeBaseInitializeRequest { global_args: Some(own) };
    assert_eq!(node.base_initialize(own).await.unwrap_err().code(), Code::InvalidArgument);
    assert!(node.base_initialize(initialize.clone()).await.unwrap().into_inner().initialized);
    refused(node.base_initialize(initialize).await.unwrap_err());
    let started = node.app_init_main(load).await.unwrap().into_inner();
    assert!(started.started);
    assert_eq!(started.tip_info.unwrap().block_height, HEIGHT);
    refused(node.app_init_main(load).await.unwrap_err());
    for step in STEPS {
        assert_eq!(next_message(&mut messages).await, step);
    }
    proxy.ready(1).await;
    assert_eq!(height(&mut proxy.chain().await).await.unwrap(), Some(HEIGHT));
    node.app_shutdown(v1::NodeAppShutdownRequest {}).await.unwrap();
    assert_eq!(proxy.end().await.code(), Some(1));
    assert!(proxy.hear("is not started again", 1).await.contains("exit status: 0"));
}

#[tokio::test]
async fn who_waits_for_a_node_hears_of_its_start() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(&led(&folder), &[]);
    let pid = proxy.ready(1).await;
    let mut node = proxy.node().await;
    signal("KILL", pid);
    proxy.hear("signal: 9", 1).await;
    let mut messages = init_messages(&mut node).await;
    for step in STEPS {
        assert_eq!(next_message(&mut messages).await, step);
    }
    proxy.ready(2).await;
    assert!(proxy.terminate().await.success());
}

#[tokio::test]
async fn a_node_that_refuses_its_settings_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let command = format!("{} -prune=550 -txindex=1", led(&folder));
    let mut proxy = Proxy::start(&command, &["--restart", "never"]);
    assert_eq!(proxy.end().await.code(), Some(1));
    proxy.hear("is not started again", 1).await;
    // Two chains would end the node before it could refuse anything.
    let mut proxy = Proxy::start(&format!("{} -signet", led(&folder)), &["--restart", "never"]);
    assert_eq!(proxy.end().await.code(), Some(1));
}

#[tokio::test]
async fn a_look_at_a_node_that_is_led_does_not_start_it() {
    let folder = tempfile::tempdir().unwrap();
    let data: PathBuf = folder.path().join("regtest");
    let command = format!("spawn:{}", led(&folder));
    let output = Command::new(PROGRAM).args(["check", "--node", &command]).output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("pr10102-2026-02"), "{text}");
    assert!(!data.exists(), "its data directory was touched");
}

#[tokio::test]
async fn what_cannot_be_started_is_told_and_given_up() {
    let mut proxy = Proxy::start("/nowhere/bitcoin-node -regtest", &["--restart", "never"]);
    assert_eq!(proxy.end().await.code(), Some(1));
    proxy.hear("cannot start /nowhere/bitcoin-node", 1).await;
}
