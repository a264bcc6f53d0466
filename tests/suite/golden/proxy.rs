//! The embedded node with the recorded chain, and the program `bitcoin-grpc` in front of it.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use bitcoin_grpc_contract::Profile;
use bitcoin_grpc_devnode::estimate::{EstimateBucket, FeeHistory};
use bitcoin_grpc_devnode::settings::Settings;
use bitcoin_grpc_devnode::socket::{Deaths, Server, Shared};
use bitcoin_grpc_devnode::{Generation, Node, NodeOptions};
use bytes::{Buf, BufMut};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::LocalSet;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};

/// How long the program may take to find the node.
const START: Duration = Duration::from_secs(30);

pub(crate) struct Proxy {
    address: String,
    channel: Channel,
    deaths: Deaths,
    _child: Child,
    _folder: tempfile::TempDir,
}

/// Folder of the recordings.
pub(crate) fn golden(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(path)
}

pub(crate) async fn start(profile: &str) -> Proxy {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("node.sock");
    let deaths = start_node(profile, &socket);
    let mut child = Command::new(env!("CARGO_BIN_EXE_bitcoin-grpc"))
        .arg("serve")
        .arg("--node")
        .arg(format!("unix:{}", socket.display()))
        .args(["--listen", "127.0.0.1:0", "--log-level", "error"])
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut address = None;
    let found = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some(listening) = line.strip_prefix("listening on ") {
                address = Some(listening.to_owned());
            }
            if line.starts_with("found ") {
                assert!(line.contains(profile), "found another node: {line}");
                return;
            }
        }
        panic!("the program ended");
    };
    tokio::time::timeout(START, found).await.expect("the program finds the node in time");
    let address = address.expect("an address");
    let channel =
        Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    Proxy { address, channel, deaths, _child: child, _folder: folder }
}

/// The node runs on a thread of its own until the test program ends.
fn start_node(profile: &str, socket: &Path) -> Deaths {
    let (send, receive) = std::sync::mpsc::channel();
    let (profile, socket) = (Profile::by_name(profile).unwrap(), socket.to_owned());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let shared = Rc::new(Shared::new(node(profile.name), profile));
        LocalSet::new().block_on(&runtime, async {
            let server = Server::bind(&socket, Rc::clone(&shared)).unwrap();
            send.send(shared.deaths.clone()).unwrap();
            server.run().await;
        });
    });
    receive.recv().unwrap()
}

/// The node as it was when the run `base` was recorded.
fn node(profile: &str) -> Node {
    let text = std::fs::read_to_string(golden(&format!("{profile}/chain.json"))).unwrap();
    let info: Value = serde_json::from_str(&text).unwrap();
    let words = info["command_line"].as_array().unwrap().iter();
    let settings = Settings::from_command_line(words.map(|word| word.as_str().unwrap()));
    let generation = Generation::from_label(profile).unwrap();
    let mut node = Node::new(NodeOptions::from_settings(generation, settings));
    // Both recordings began with the same chain and mempool.
    let folder = golden("pr29409-2025-05");
    node.load(&folder.join("blocks.jsonl"), Some(&folder.join("mempool.jsonl"))).unwrap();
    node.set_fee_history(recorded_history());
    node
}

/// What the recorded nodes' estimators had seen. It is not in the blocks, so it is set.
fn recorded_history() -> FeeHistory {
    FeeHistory {
        usable_target: 9,
        seen: EstimateBucket {
            start: 0.0,
            end: 1e99,
            within_target: 3.820139795242901,
            total_confirmed: 3.820139795242901,
            in_mempool: 0.0,
            left_mempool: 0.0,
        },
        decay: 0.962,
        scale: 1,
    }
}

impl Proxy {
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) async fn call(
        &self,
        service: &str,
        rpc: &str,
        request: Vec<u8>,
    ) -> Result<Vec<u8>, Status> {
        let path = format!("/bitcoin.ipc.v1.{service}/{rpc}");
        let reply = raw_call(self.channel.clone(), &path, request).await;
        assert_eq!(self.deaths.count(), 0, "{:?}", self.deaths.causes());
        reply
    }
}

/// One call, of bytes.
pub(crate) async fn raw_call(
    channel: Channel,
    path: &str,
    request: Vec<u8>,
) -> Result<Vec<u8>, Status> {
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.map_err(|error| Status::unknown(error.to_string()))?;
    let path = path.parse().unwrap();
    Ok(grpc.unary(tonic::Request::new(request), path, Raw).await?.into_inner())
}

/// Messages as they are on the wire.
#[derive(Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let length = from.remaining();
        Ok(Some(from.copy_to_bytes(length).to_vec()))
    }
}
