//! What becomes of a node's faults behind the proxy: every call ends in time, with a status that says who failed, and
//! nothing is sent twice.

use std::time::Duration;

use bitcoin_grpc::frontend::grpc::services::chain_client::ChainClient;
use bitcoin_grpc_contract::{Method, Profile, v1};
use bitcoin_grpc_devnode::fault::{Called, FaultSpec, Restart, RestartChain};
use bitcoin_grpc_devnode::host::{Host, HostOptions};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_types::StatusExt;

const PROFILE: &str = "pr29409-2025-05";

/// How long the proxy may take to find a node, again too.
const FOUND: Duration = Duration::from_secs(30);

/// How long a call may take that meets a fault.
const ENDED: Duration = Duration::from_secs(20);

/// A method that the proxy never calls for itself.
const DUST: Called = Called::Method(Method::ChainRelayDustFee);

struct World {
    host: Host,
    chain: ChainClient<Channel>,
    _child: Child,
    _folder: tempfile::TempDir,
}

impl World {
    /// A devnode with faults, and the proxy in front of it once it found the node.
    async fn start(faults: &[&str]) -> Self {
        Self::start_with(faults, &[]).await
    }

    /// The same with options for the proxy.
    async fn start_with(faults: &[&str], flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("node.sock");
        let mut options = HostOptions::new(&socket, Profile::by_name(PROFILE).unwrap());
        options.chain.blocks = 3;
        options.faults = faults.iter().map(|fault| fault.parse::<FaultSpec>().unwrap()).collect();
        let host = Host::start(options).await.unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_bitcoin-grpc"))
            .args(["serve", "--listen", "127.0.0.1:0", "--log-level", "error"])
            .args(flags)
            .arg("--node")
            .arg(format!("unix:{}", socket.display()))
            .stdout(std::process::Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = line(&mut output, "listening on ").await;
        line(&mut output, "found ").await;
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let chain = ChainClient::new(endpoint.connect().await.unwrap());
        Self { host, chain, _child: child, _folder: folder }
    }

    async fn dust(&self) -> Result<i64, Status> {
        let mut chain = self.chain.clone();
        let call = chain.relay_dust_fee(v1::ChainRelayDustFeeRequest {});
        let reply = tokio::time::timeout(ENDED, call).await.expect("every call ends")?;
        Ok(reply.into_inner().feerate.unwrap().sat_per_kvb)
    }

    async fn hash(&self, height: i32) -> Result<Vec<u8>, Status> {
        let mut chain = self.chain.clone();
        let reply = chain.get_block_hash(v1::ChainGetBlockHashRequest { height }).await?;
        Ok(reply.into_inner().block_hash.to_vec())
    }

    /// Calls until the node is back.
    async fn dust_again(&self) -> i64 {
        let again = async {
            loop {
                match self.dust().await {
                    Ok(rate) => return rate,
                    Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status}"),
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(FOUND, again).await.expect("the node is found again")
    }
}

/// The rest of the next line that begins so.
async fn line(output: &mut Lines<BufReader<ChildStdout>>, beginning: &str) -> String {
    let found = async {
        while let Some(line) = output.next_line().await.unwrap() {
            if let Some(rest) = line.strip_prefix(beginning) {
                return rest.to_owned();
            }
        }
        panic!("the program ended");
    };
    tokio::time::timeout(FOUND, found).await.expect("it says so in time")
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().unwrap().reason
}

/// A transaction that spends a coin which is not there.
fn transaction() -> Vec<u8> {
    let input = [&[7; 32][..], &[0; 4], &[0], &[255; 4]].concat();
    let output = [&[1, 0, 0, 0, 0, 0, 0, 0][..], &[1, 0x51]].concat();
    [&[2, 0, 0, 0, 1][..], &input, &[1], &output, &[0; 4]].concat()
}

/// The default rate, in satoshi per 1000 vB.
const RATE: i64 = 3000;

#[tokio::test]
async fn exceptions_become_statuses_and_the_next_call_is_answered() {
    for (fault, code, reason_of) in [
        ("error=failed:out of tape", Code::Internal, "NODE_EXCEPTION"),
        ("malformed", Code::Internal, "NODE_REPLY_INVALID"),
    ] {
        let world = World::start(&[&format!("{fault}@Chain.relayDustFee/first:1")]).await;
        let status = world.dust().await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (code, reason_of), "{status}");
        assert_eq!(world.dust().await.unwrap(), RATE);
        assert_eq!(world.host.faults().calls(DUST), 2, "{fault}");
    }
}

#[tokio::test]
async fn a_read_whose_connection_is_lost_is_asked_once_more() {
    for fault in ["disconnect=before", "disconnect=during", "half", "garbage", "oversize"] {
        let world = World::start(&[&format!("{fault}@Chain.relayDustFee/first:1")]).await;
        assert_eq!(world.dust().await.unwrap(), RATE, "{fault}");
        assert_eq!(world.host.faults().calls(DUST), 2, "{fault}");
        let world = World::start(&[&format!("{fault}@Chain.relayDustFee/first:2")]).await;
        let status = world.dust().await.unwrap_err();
        assert_eq!(reason(&status), "NODE_LOST", "{fault}: {status}");
        assert_eq!(world.host.faults().calls(DUST), 2, "{fault}");
        assert_eq!(world.dust_again().await, RATE);
    }
}

#[tokio::test]
async fn what_has_an_effect_is_sent_once_whatever_becomes_of_it() {
    const BROADCAST: Called = Called::Method(Method::ChainBroadcastTransaction);
    for fault in ["disconnect=before", "disconnect=during", "half", "garbage", "oversize"] {
        let world = World::start(&[&format!("{fault}@Chain.broadcastTransaction/first:1")]).await;
        let mut chain = world.chain.clone();
        let tx = transaction().into();
        let request = v1::ChainBroadcastTransactionRequest { tx, ..Default::default() };
        let status = chain.broadcast_transaction(request).await.unwrap_err();
        assert_eq!(reason(&status), "NODE_LOST", "{fault}: {status}");
        assert_eq!(world.dust_again().await, RATE);
        assert_eq!(world.host.faults().calls(BROADCAST), 1, "{fault}");
    }
}

#[tokio::test]
async fn an_answer_before_the_end_is_an_answer() {
    let world = World::start(&["disconnect=after@Chain.relayDustFee/first:1"]).await;
    assert_eq!(world.dust().await.unwrap(), RATE);
    assert_eq!(world.dust_again().await, RATE);
}

#[tokio::test]
async fn deadlines_end_calls_that_are_late_or_silent() {
    for fault in ["late=2s", "silent"] {
        let fault = format!("{fault}@Chain.relayDustFee/first:1");
        let world = World::start_with(&[&fault], &["--deadline", "300ms"]).await;
        let status = world.dust().await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{fault}: {status}");
        assert_eq!(world.dust().await.unwrap(), RATE, "another thread is free");
        assert_eq!(world.host.faults().calls(DUST), 2);
    }
}

#[tokio::test]
async fn connections_that_are_refused_are_tried_again() {
    let world = World::start(&["refuse/first:2"]).await;
    assert_eq!(world.dust().await.unwrap(), RATE);
    assert!(world.host.faults().connections() > 2);
}

#[tokio::test]
async fn another_node_behind_the_same_socket_is_found_out() {
    let world = World::start(&[]).await;
    let before = world.hash(1).await.unwrap();
    let another = Restart { chain: RestartChain::Another, ..Restart::default() };
    world.host.faults().restart(another);
    // Until the old node is gone it answers; then there is none for a while.
    until(async || world.hash(1).await.is_ok_and(|hash| hash != before)).await;
    let other = Restart { profile: Some("core-32"), ..Restart::default() };
    world.host.faults().restart(other);
    let lacks = |status: Status| reason(&status) == "METHOD_NOT_IN_NODE";
    until(async || world.dust().await.err().is_some_and(lacks)).await;
}

/// Tries until something is so.
async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let so = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(FOUND, so).await.expect("it becomes so in time");
}
