//! Every fault of the embedded node, met by every kind of call.
//!
//! What a client is told is held against the table in `docs/faults.md`, which this test can write. Whatever the
//! fault: the call ends in time, what has an effect is sent once, the node is found again, the same call is answered
//! then, and nothing is left of the first.

use std::fmt::Write;
use std::time::{Duration, Instant};

use bitcoin_grpc::frontend::grpc::services::block_template_client::BlockTemplateClient;
use bitcoin_grpc::frontend::grpc::services::mining_client::MiningClient;
use bitcoin_grpc_contract::v1::chain_handle_notifications_response::Event;
use bitcoin_grpc_contract::{Method, v1};
use bitcoin_grpc_devnode::fault::{Called, FaultSpec};
use futures_util::StreamExt;
use tokio::time::{sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt;

use super::sight::World;

/// Where the table stands.
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/faults.md");

/// What repairs it.
const REPAIR: &str = "BITCOIN_GRPC_WRITE_DOCS=1 cargo test --test main matrix";

/// The proxy's deadlines here: beyond what a call takes on a busy machine, below what the slow faults take. And a
/// thread that never answers is replaced so soon.
const FLAGS: [&str; 8] =
    ["--allow", "control", "--deadline", "4s", "--deadline-blocking", "4s", "--retire-after", "1s"];

/// Longer than anything here takes, on a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// By when a node that is there again has to be found, on a busy machine.
const FOUND: Duration = Duration::from_secs(60);

/// Faults that are tried side by side. Most of the time is spent waiting.
const AT_ONCE: usize = 6;

/// The faults, as they are written and as the table calls them.
const FAULTS: [(&str, &str); 17] = [
    ("late=5s", "answers after 5 s"),
    ("silent", "never answers"),
    ("freeze=5s", "stands still for 5 s"),
    ("error=failed:no", "throws `failed`"),
    ("error=overloaded:no", "throws `overloaded`"),
    ("error=disconnected:no", "throws `disconnected`"),
    ("error=unimplemented:no", "throws `unimplemented`"),
    ("malformed", "answers with pointers that lead nowhere"),
    ("half", "is gone in the middle of its answer"),
    ("oversize", "says that its answer has 4 GiB"),
    ("garbage", "answers with noise"),
    ("disconnect=before", "loses the connection before the call is run"),
    ("disconnect=during", "loses it before the call is answered"),
    ("disconnect=after", "loses it right after the answer"),
    ("die", "dies of the call"),
    ("restart=500ms", "restarts"),
    (REFUSE, "loses the connection and refuses two more"),
];

/// Two faults, of which the second strikes the connections that follow.
const REFUSE: &str = "disconnect=during, refuse";

/// What meets a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Submit,
    Wait,
    /// A server stream, as it opens.
    Opening,
    /// An open server stream, while a read beside it meets the fault.
    Open,
    /// A bidirectional stream.
    Callback,
    /// Making a template.
    Make,
    /// Using a template that is leased.
    Lease,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Read,
        Self::Submit,
        Self::Wait,
        Self::Opening,
        Self::Open,
        Self::Callback,
        Self::Make,
        Self::Lease,
    ];

    /// The method that meets the fault. No other kind calls it, nor does the proxy for itself.
    const fn method(self) -> Method {
        match self {
            Self::Read => Method::ChainRelayDustFee,
            Self::Submit => Method::ChainBroadcastTransaction,
            Self::Wait => Method::MiningWaitTipChanged,
            Self::Opening => Method::ChainHandleNotifications,
            Self::Open => Method::ChainRelayMinFee,
            Self::Callback => Method::ChainUpdateRwSetting,
            Self::Make => Method::MiningCreateNewBlock,
            Self::Lease => Method::BlockTemplateGetBlockHeader,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Submit => "submit",
            Self::Wait => "blocking call",
            Self::Opening => "server stream, opening",
            Self::Open => "server stream, open",
            Self::Callback => "bidirectional stream",
            Self::Make => "template, made",
            Self::Lease => "template, used",
        }
    }

    async fn call(self, world: &World) -> Result<(), Status> {
        match self {
            Self::Read => {
                world.chain().relay_dust_fee(v1::ChainRelayDustFeeRequest {}).await.map(drop)
            }
            Self::Submit => submit(world).await,
            Self::Wait => wait(world).await,
            Self::Opening => open(world).await.map(drop),
            Self::Open => stay_open(world).await,
            Self::Callback => callback(world).await,
            Self::Make => make(world).await.map(drop),
            Self::Lease => lease(world).await,
        }
    }
}

/// A transaction that spends a coin which is not there: a verdict, and no fault.
async fn submit(world: &World) -> Result<(), Status> {
    let input = [&[7; 32][..], &[0; 4], &[0], &[255; 4]].concat();
    let output = [&[1, 0, 0, 0, 0, 0, 0, 0][..], &[1, 0x51]].concat();
    let tx = [&[2, 0, 0, 0, 1][..], &input, &[1], &output, &[0; 4]].concat().into();
    let request = v1::ChainBroadcastTransactionRequest { tx, ..Default::default() };
    world.chain().broadcast_transaction(request).await.map(drop)
}

async fn wait(world: &World) -> Result<(), Status> {
    let mut mining = MiningClient::new(world.channel.clone());
    let tip = mining.get_tip(v1::MiningGetTipRequest {}).await.unwrap().into_inner().tip.unwrap();
    let timeout_ms = Some(300.0);
    let request = v1::MiningWaitTipChangedRequest { current_tip: tip.hash, timeout_ms };
    mining.wait_tip_changed(request).await.map(drop)
}

type Events = Streaming<v1::ChainHandleNotificationsResponse>;

async fn open(world: &World) -> Result<Events, Status> {
    let request = v1::ChainHandleNotificationsRequest::default();
    let mut events = world.chain().handle_notifications(request).await?.into_inner();
    match event(&mut events).await? {
        Event::Started(_) => Ok(events),
        other => panic!("{other:?}"),
    }
}

async fn event(events: &mut Events) -> Result<Event, Status> {
    let message = timeout(LONG, events.message()).await.expect("a message or an end");
    Ok(message?.expect("a stream ends with a status").event.expect("an event"))
}

/// A stream that is open tells of the next block, whatever became of a read meanwhile, or ends.
async fn stay_open(world: &World) -> Result<(), Status> {
    let mut events = open(world).await.unwrap();
    let _ = world.chain().relay_min_fee(v1::ChainRelayMinFeeRequest {}).await;
    // Where the connection was lost, the end comes by itself.
    if let Ok(end) = timeout(Duration::from_millis(500), events.message()).await {
        return end.map(|message| panic!("{message:?}"));
    }
    let host = world.host.as_ref().unwrap();
    host.with(|node| node.generate(1).map(drop)).await.unwrap().unwrap();
    match event(&mut events).await? {
        Event::BlockConnected(_) => Ok(()),
        other => panic!("{other:?}"),
    }
}

/// Changes a setting: the node asks for the new value, and the client answers.
async fn callback(world: &World) -> Result<(), Status> {
    use v1::chain_update_rw_setting_request::Message;
    use v1::chain_update_rw_setting_response::Event;
    let (said, heard) = tokio::sync::mpsc::channel(2);
    let say = |message| said.try_send(v1::ChainUpdateRwSettingRequest { message: Some(message) });
    say(Message::Start(v1::ChainUpdateRwSettingStart { name: "dbcache".to_owned() })).unwrap();
    let mut chain = world.chain();
    let mut events = chain.update_rw_setting(ReceiverStream::new(heard)).await?.into_inner();
    loop {
        let message = timeout(LONG, events.message()).await.expect("a message or an end");
        match message?.expect("a stream ends after its last event").event.unwrap() {
            Event::SettingsUpdate(asked) => {
                let invocation_id = asked.invocation_id;
                let answer = v1::SettingsUpdateAnswer {
                    invocation_id,
                    value: "\"5\"".to_owned(),
                    action: None,
                };
                // The stream may have ended meanwhile, which is told with the next message.
                let _ = say(Message::Answer(answer));
            }
            Event::Updated(_) => return Ok(()),
            Event::Started(_) | Event::Heartbeat(_) => {}
        }
    }
}

/// Makes a template and gives it back.
async fn make(world: &World) -> Result<(), Status> {
    let handle = leased(world).await?;
    destroy(world, handle).await;
    Ok(())
}

async fn leased(world: &World) -> Result<String, Status> {
    let mut mining = MiningClient::new(world.channel.clone());
    let made = mining.create_new_block(v1::MiningCreateNewBlockRequest::default()).await?;
    Ok(made.into_inner().template.expect("a template").handle)
}

/// Gives a template back, unless it is gone with the node's connection.
async fn destroy(world: &World, handle: String) {
    let mut templates = BlockTemplateClient::new(world.channel.clone());
    if let Err(status) = templates.destroy(v1::BlockTemplateDestroyRequest { handle }).await {
        let reason = reason(&status);
        assert!(
            ["LEASE_GONE", "NODE_LOST", "NODE_UNAVAILABLE", "DEADLINE_EXCEEDED"]
                .contains(&&*reason),
            "{status}"
        );
    }
}

async fn lease(world: &World) -> Result<(), Status> {
    let handle = leased(world).await.unwrap();
    let mut templates = BlockTemplateClient::new(world.channel.clone());
    let request = v1::BlockTemplateGetBlockHeaderRequest { handle: handle.clone() };
    let told = templates.get_block_header(request).await.map(drop);
    destroy(world, handle).await;
    told
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// What is seen of one kind of call and one fault.
struct Cell {
    told: String,
    /// How often the node got the call.
    sent: u64,
    /// From its end until the node answered something else.
    back: Duration,
}

impl Cell {
    fn text(&self) -> String {
        match self.sent {
            1 => self.told.clone(),
            sent => format!("{}, sent {sent} times", self.told),
        }
    }
}

async fn cell(world: &World, kind: Kind) -> Cell {
    let faults = world.host.as_ref().unwrap().faults();
    let method = Called::Method(kind.method());
    let before = faults.calls(method);
    let told = timeout(LONG, kind.call(world)).await.expect("every call ends");
    let ended = Instant::now();
    let sent = faults.calls(method) - before;
    answered(world).await;
    let back = ended.elapsed();
    let again = faults.calls(method);
    if let Err(status) = timeout(LONG, kind.call(world)).await.expect("every call ends") {
        panic!("{kind:?} once the node is back: {status}");
    }
    // Who waits for the same may share the wait that is still going on, and the next stream the subscription.
    let shared = matches!(kind, Kind::Wait | Kind::Opening) && faults.calls(method) == again;
    assert!(shared || faults.calls(method) == again + 1, "{kind:?}");
    // All of them read, and change nothing; everything else is sent once.
    let repeatable = matches!(kind, Kind::Read | Kind::Wait | Kind::Open);
    assert!(sent <= 1 + u64::from(repeatable), "{kind:?}, sent {sent} times, {told:?}");
    let told = match told {
        Ok(()) => "OK".to_owned(),
        Err(status) => format!("`{}`", reason(&status)),
    };
    Cell { told, sent, back }
}

/// Waits until the node answers.
async fn answered(world: &World) {
    let answered = async {
        while let Err(status) = world.chain().get_height(v1::ChainGetHeightRequest {}).await {
            let expected = [Code::Unavailable, Code::DeadlineExceeded].contains(&status.code());
            assert!(expected, "{status}");
            sleep(Duration::from_millis(5)).await;
        }
    };
    let found = timeout(FOUND, answered).await;
    let node = world.host.as_ref().unwrap().faults().clone();
    assert!(found.is_ok(), "the node is not found again: {node:?}");
}

/// Waits until nothing is left of any call.
async fn clean(world: &World, files: f64, kept: &[&str]) {
    let mut left = Vec::new();
    let nothing = async {
        loop {
            left = world.left(files, kept).await;
            if left.is_empty() {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    let clean = timeout(FOUND, nothing).await;
    assert!(clean.is_ok(), "{left:?}");
}

async fn row(fault: &'static str) -> Vec<Cell> {
    let spoils = fault.split(", ").next().unwrap();
    let plan = |kind: Kind| -> FaultSpec {
        format!("{spoils}@{}/first:1", kind.method().info().full_name).parse().unwrap()
    };
    let world = World::spoiled(&FLAGS, Kind::ALL.map(plan).to_vec()).await;
    let host = world.host.as_ref().unwrap();
    answered(&world).await;
    let files = world.files().await;
    let mut cells = Vec::new();
    for kind in Kind::ALL {
        if fault == REFUSE {
            host.faults().plan("refuse/first:2".parse().unwrap());
        }
        cells.push(cell(&world, kind).await);
    }
    // What is never answered keeps its thread; of calls that may wait, for minutes before it is replaced.
    let kept: &[_] = match fault {
        "silent" => &["node_threads_retired", "node_threads lane=blocking,state=busy"],
        _ => &[],
    };
    clean(&world, files, kept).await;
    let deaths = if fault == "die" { Kind::ALL.len() as u64 } else { 0 };
    assert_eq!(host.faults().deaths().count(), deaths, "{:?}", host.faults().deaths().causes());
    cells
}

fn table(rows: &[Vec<Cell>]) -> String {
    let mut table = "| the node |".to_owned();
    Kind::ALL.iter().for_each(|kind| write!(table, " {} |", kind.words()).unwrap());
    table += "\n|";
    table += &" --- |".repeat(Kind::ALL.len() + 1);
    for ((_, words), row) in FAULTS.iter().zip(rows) {
        write!(table, "\n| {words} |").unwrap();
        row.iter().for_each(|cell| write!(table, " {} |", cell.text()).unwrap());
    }
    table + "\n"
}

/// The document with another table.
fn written(text: &str, table: &str) -> String {
    let begin = text.find("| the node |").expect("the document has the table");
    let end = text[begin..].find("\n\n").map_or(text.len(), |end| begin + end + 1);
    format!("{}{table}{}", &text[..begin], &text[end..])
}

#[tokio::test]
#[allow(
    clippy::print_stdout,
    reason = "how soon nodes are found again is measured here, and not judged"
)]
async fn every_fault_and_every_kind_of_call() {
    let faults = tokio_stream::iter(FAULTS.map(|(fault, _)| row(fault)));
    let rows: Vec<_> = faults.buffered(AT_ONCE).collect().await;
    for ((_, words), row) in FAULTS.iter().zip(&rows) {
        let back = row.iter().map(|cell| format!("{:>5}", cell.back.as_millis()));
        println!("{words:>45}: back after ms {}", back.collect::<String>());
    }
    let text = std::fs::read_to_string(DOCUMENT).unwrap();
    let written = written(&text, &table(&rows));
    if std::env::var_os("BITCOIN_GRPC_WRITE_DOCS").is_some() {
        std::fs::write(DOCUMENT, &written).unwrap();
    } else {
        assert!(
            text == written,
            "{}\ndiffers from docs/faults.md; if it is right, run: {REPAIR}",
            table(&rows)
        );
    }
}
