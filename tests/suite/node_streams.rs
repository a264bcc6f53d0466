//! Streams from the embedded node behind its socket, through the whole program.

use std::time::Duration;

use bitcoin_grpc::frontend::grpc::services::chain_client::ChainClient;
use bitcoin_grpc::frontend::grpc::services::mining_client::MiningClient;
use bitcoin_grpc::frontend::grpc::services::node_client::NodeClient;
use bitcoin_grpc_contract::v1::chain_handle_notifications_response::Event as Field;
use bitcoin_grpc_contract::{Inner, Method, Profile, v1};
use bitcoin_grpc_devnode::fault::{Called, Restart};
use bitcoin_grpc_devnode::host::{Host, HostOptions};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, Streaming};
use tonic_types::StatusExt;

/// A generation that survives the death of a subscriber, so that no flag is needed.
const PROFILE: &str = "pr10102-2026-07";

/// Longer than anything here takes, on a busy machine.
const LONG: Duration = Duration::from_secs(30);

struct World {
    host: Host,
    address: String,
    channel: Channel,
    child: Child,
    _folder: tempfile::TempDir,
}

impl World {
    async fn start(threads: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("node.sock");
        let mut options = HostOptions::new(&socket, Profile::by_name(PROFILE).unwrap());
        options.chain.blocks = 3;
        let host = Host::start(options).await.unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_bitcoin-grpc"))
            .args(["serve", "--listen", "127.0.0.1:0", "--log-level", "error"])
            .args(["--allow", "control", "--threads", &threads.to_string()])
            .arg("--node")
            .arg(format!("unix:{}", socket.display()))
            .stdout(std::process::Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = line(&mut output, "listening on ").await;
        line(&mut output, "found ").await;
        let address = format!("http://{address}");
        let channel = another(&address).await;
        Self { host, address, channel, child, _folder: folder }
    }

    fn chain(&self) -> ChainClient<Channel> {
        ChainClient::new(self.channel.clone())
    }

    fn node(&self) -> NodeClient<Channel> {
        NodeClient::new(self.channel.clone())
    }

    /// A stream of the chain's events that has begun.
    async fn events(
        &self,
        request: v1::ChainHandleNotificationsRequest,
    ) -> Streaming<v1::ChainHandleNotificationsResponse> {
        let opened = timeout(LONG, self.chain().handle_notifications(request)).await;
        let mut events = opened.expect("opened in time").unwrap().into_inner();
        let (sequence, first) = next(&mut events).await;
        assert!(matches!((sequence, &first), (1, Field::Started(_))), "{first:?}");
        events
    }

    async fn mine(&self, blocks: u32) {
        self.host.with(move |node| node.generate(blocks).map(|_| ())).await.unwrap().unwrap();
    }

    fn calls(&self, method: Method) -> u64 {
        self.host.faults().calls(Called::Method(method))
    }

    /// Waits until the node was told so many times to end a registration.
    async fn disconnected(&self, times: u64) {
        let ended = Called::Inner(Inner::HandlerDisconnect);
        let all = async {
            while self.host.faults().calls(ended) < times {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(LONG, all).await.expect("disconnected in time");
    }
}

async fn line(output: &mut Lines<BufReader<ChildStdout>>, beginning: &str) -> String {
    let found = async {
        while let Some(line) = output.next_line().await.unwrap() {
            if let Some(rest) = line.strip_prefix(beginning) {
                return rest.to_owned();
            }
        }
        panic!("the program ended");
    };
    timeout(LONG, found).await.expect("it says so in time")
}

async fn next(events: &mut Streaming<v1::ChainHandleNotificationsResponse>) -> (u64, Field) {
    let message = timeout(LONG, events.message()).await.expect("in time").unwrap().expect("more");
    (message.sequence, message.event.expect("an event"))
}

/// How a stream ends, after its messages.
async fn end<T>(events: &mut Streaming<T>) -> Option<Status> {
    loop {
        match timeout(LONG, events.message()).await.expect("the end in time") {
            Ok(Some(_)) => {}
            Ok(None) => return None,
            Err(status) => return Some(status),
        }
    }
}

fn reason(status: &Status) -> (String, String) {
    let info = status.get_details_error_info().unwrap();
    (info.reason, info.metadata.get("last_sequence").cloned().unwrap_or_default())
}

#[tokio::test]
async fn blocks_arrive_as_the_filter_wants_them_and_everybody_shares_a_registration() {
    let world = World::start(2).await;
    let mut all = world
        .events(v1::ChainHandleNotificationsRequest {
            include_block_data: true,
            ..Default::default()
        })
        .await;
    let kinds = vec![v1::ChainNotificationKind::BlockConnected.into()];
    let mut blocks =
        world.events(v1::ChainHandleNotificationsRequest { kinds, ..Default::default() }).await;
    // A client of its own, which the other thread serves.
    let other = World { channel: another(&world.address).await, ..world };
    let mut elsewhere = other.events(Default::default()).await;
    assert_eq!(other.calls(Method::ChainHandleNotifications), 1);
    other.mine(2).await;
    for height in [4, 5] {
        let (_, event) = next(&mut all).await;
        let Field::BlockConnected(event) = event else { panic!("{event:?}") };
        let block = event.block.unwrap();
        let data = block.data.expect("with its data");
        let decoded: bitcoin::Block = bitcoin::consensus::encode::deserialize(&data).unwrap();
        let hash = bitcoin::hashes::Hash::to_byte_array(decoded.block_hash());
        assert_eq!((block.height, &block.hash[..]), (Some(height), &hash[..]));
        assert!(matches!(next(&mut all).await.1, Field::UpdatedBlockTip(_)));
        let (sequence, event) = next(&mut blocks).await;
        let Field::BlockConnected(slim) = event else { panic!("{event:?}") };
        assert_eq!(sequence, u64::try_from(height).unwrap() - 2);
        assert_eq!(slim.block.as_ref().map(|block| &block.hash[..]), Some(&hash[..]));
        assert_eq!(slim.block.unwrap().data, None);
        assert!(matches!(next(&mut elsewhere).await.1, Field::BlockConnected(_)));
        assert!(matches!(next(&mut elsewhere).await.1, Field::UpdatedBlockTip(_)));
    }
    drop((all, blocks));
    other.mine(1).await;
    assert!(matches!(next(&mut elsewhere).await.1, Field::BlockConnected(_)));
    drop(elsewhere);
    other.disconnected(1).await;
    assert_eq!(other.host.faults().deaths().count(), 0);
}

/// Another connection. They are dealt to the program's threads in turn.
async fn another(address: &str) -> Channel {
    Endpoint::from_shared(address.to_owned()).unwrap().connect().await.unwrap()
}

#[tokio::test]
async fn a_restarted_node_ends_streams_with_their_position_and_serves_new_ones() {
    let world = World::start(1).await;
    let mut events = world.events(Default::default()).await;
    world.mine(1).await;
    assert!(matches!(next(&mut events).await, (2, Field::BlockConnected(_))));
    assert!(matches!(next(&mut events).await, (3, Field::UpdatedBlockTip(_))));
    world.host.faults().restart(Restart::default());
    let status = end(&mut events).await.expect("a status");
    let (why, last) = reason(&status);
    assert!(["NODE_LOST", "NODE_UNAVAILABLE"].contains(&&*why), "{status}");
    assert_eq!(last, "3");
    let opened = async {
        loop {
            match world
                .chain()
                .handle_notifications(v1::ChainHandleNotificationsRequest::default())
                .await
            {
                Ok(events) => return events.into_inner(),
                Err(status) => assert_eq!(reason(&status).0, "NODE_UNAVAILABLE", "{status}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let mut events = timeout(LONG, opened).await.expect("served again");
    assert!(matches!(next(&mut events).await, (1, Field::Started(_))));
    world.mine(1).await;
    assert!(matches!(next(&mut events).await, (2, Field::BlockConnected(_))));
}

#[tokio::test]
async fn a_drain_ends_streams_and_takes_every_object_back() {
    let mut world = World::start(1).await;
    let mut events = world.events(Default::default()).await;
    let mut tips =
        world.node().handle_notify_block_tip(v1::NodeHandleNotifyBlockTipRequest {}).await;
    let tips = tips.as_mut().unwrap().get_mut();
    tips.message().await.unwrap().unwrap();
    let pid = world.child.id().expect("a running program");
    let killed = Command::new("kill").args(["-TERM", &pid.to_string()]).status().await.unwrap();
    assert!(killed.success());
    assert_eq!(reason(&end(&mut events).await.expect("a status")).0, "DRAINING");
    assert_eq!(reason(&end(tips).await.expect("a status")).0, "DRAINING");
    let status = timeout(LONG, world.child.wait()).await.expect("it ends").unwrap();
    assert!(status.success(), "{status}");
    world.disconnected(2).await;
    assert_eq!(world.host.faults().deaths().count(), 0);
}

#[tokio::test]
async fn operators_streams_tell_what_the_operator_did() {
    let world = World::start(1).await;
    let mut node = world.node();
    let mut active = node
        .handle_notify_network_active_changed(v1::NodeHandleNotifyNetworkActiveChangedRequest {})
        .await
        .unwrap()
        .into_inner();
    active.message().await.unwrap().unwrap();
    node.set_network_active(v1::NodeSetNetworkActiveRequest { active: false }).await.unwrap();
    let message = timeout(LONG, active.message()).await.unwrap().unwrap().unwrap();
    use v1::node_handle_notify_network_active_changed_response::Event as Active;
    let Some(Active::NotifyNetworkActiveChanged(event)) = message.event else { panic!() };
    assert_eq!((message.sequence, event.network_active), (2, false));
    let mut tips = node
        .handle_notify_block_tip(v1::NodeHandleNotifyBlockTipRequest {})
        .await
        .unwrap()
        .into_inner();
    tips.message().await.unwrap().unwrap();
    world.mine(1).await;
    let message = timeout(LONG, tips.message()).await.unwrap().unwrap().unwrap();
    use v1::node_handle_notify_block_tip_response::Event as Tip;
    let Some(Tip::NotifyBlockTip(event)) = message.event else { panic!() };
    assert_eq!(event.tip.unwrap().block_height, 4);
}

#[tokio::test]
async fn a_wait_that_is_given_up_ends_no_other() {
    let world = World::start(1).await;
    let mut mining = MiningClient::new(world.channel.clone());
    let tip = mining.get_tip(v1::MiningGetTipRequest {}).await.unwrap().into_inner().tip.unwrap();
    let waiting = |timeout_of: Option<Duration>| {
        let mut mining = mining.clone();
        let request = v1::MiningWaitTipChangedRequest {
            current_tip: tip.hash.clone(),
            timeout_ms: Some(30_000.0),
        };
        let mut request = tonic::Request::new(request);
        if let Some(limit) = timeout_of {
            request.set_timeout(limit);
        }
        tokio::spawn(async move { mining.wait_tip_changed(request).await })
    };
    let (stays, leaves) = (waiting(None), waiting(None));
    let late = waiting(Some(Duration::from_millis(300)));
    tokio::time::sleep(Duration::from_millis(200)).await;
    leaves.abort();
    let status = timeout(LONG, late).await.unwrap().unwrap().unwrap_err();
    assert!(
        [tonic::Code::DeadlineExceeded, tonic::Code::Cancelled].contains(&status.code()),
        "{status}"
    );
    assert!(!stays.is_finished());
    world.mine(1).await;
    let reply = timeout(LONG, stays).await.unwrap().unwrap().unwrap().into_inner();
    assert_eq!(reply.tip.unwrap().height, 4);
}
