//! Streams as clients see them, from backends that tests make up.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use bitcoin_grpc::call::{Call, Outcome};
use bitcoin_grpc::error::CallError;
use bitcoin_grpc::frontend::grpc::services::chain_client::ChainClient;
use bitcoin_grpc::frontend::grpc::services::node_client::NodeClient;
use bitcoin_grpc::layer::rights::Rights;
use bitcoin_grpc::layer::streams::StreamLimits;
use bitcoin_grpc::stream::{Answers, EventStream, Item, StreamMessage};
use bitcoin_grpc_contract::v1::chain_handle_notifications_response::Event as Field;
use bitcoin_grpc_contract::v1::node_handle_question_request::Message as Said;
use bitcoin_grpc_contract::{Access, CallbackAnswer, v1};
use bytes::Bytes;
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, UnboundedReceiverStream};
use tonic::Code;
use tonic_types::StatusExt;

use super::harness::{Harness, Mock, Setup, mock};

type Feed = Arc<Mutex<Vec<mpsc::UnboundedSender<Item>>>>;

/// A backend whose streams yield what the test feeds them.
fn fed() -> (Mock, Feed) {
    let feed = Feed::default();
    let feeds = Arc::clone(&feed);
    let backend = mock(move |_: Call| {
        let (sender, receiver) = mpsc::unbounded_channel();
        feeds.lock().unwrap().push(sender);
        let events = EventStream::new(UnboundedReceiverStream::new(receiver));
        std::future::ready(Ok(Outcome::Stream(events)))
    });
    (backend, feed)
}

fn added(sequence: u64, tx: &[u8]) -> Item {
    let tx = Bytes::copy_from_slice(tx);
    let event = Field::TransactionAddedToMempool(v1::TransactionAddedToMempoolEvent { tx });
    let field = v1::ChainHandleNotificationsResponse { event: Some(event), ..Default::default() };
    let event = field.encode_to_vec().into();
    Ok(StreamMessage { sequence, time: SystemTime::UNIX_EPOCH, event })
}

async fn chain(harness: &Harness) -> ChainClient<tonic::transport::Channel> {
    ChainClient::new(harness.channel().await)
}

fn request() -> v1::ChainHandleNotificationsRequest {
    v1::ChainHandleNotificationsRequest::default()
}

#[tokio::test]
async fn events_arrive_as_messages_of_the_contract_and_the_end_with_its_position() {
    let (backend, feed) = fed();
    let harness = Harness::start(backend).await;
    let mut events =
        chain(&harness).await.handle_notifications(request()).await.unwrap().into_inner();
    let sender = feed.lock().unwrap().pop().unwrap();
    for number in 1..=3_u8 {
        sender.send(added(number.into(), &[number])).unwrap();
        let message = events.message().await.unwrap().unwrap();
        assert_eq!(message.sequence, u64::from(number));
        assert_eq!(message.time, Some(prost_types::Timestamp::default()));
        let Some(Field::TransactionAddedToMempool(event)) = message.event else { panic!() };
        assert_eq!(*event.tx, [number]);
    }
    sender.send(Err(CallError::SubscriberTooSlow.after(3))).unwrap();
    let status = events.message().await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.reason, "SUBSCRIBER_TOO_SLOW");
    assert_eq!(info.metadata["last_sequence"], "3");
    assert_eq!(info.metadata["method"], "bitcoin.ipc.v1.Chain/HandleNotifications");
}

#[tokio::test]
async fn a_client_that_cancels_unsubscribes() {
    let (backend, feed) = fed();
    let harness = Harness::start(backend).await;
    let events = chain(&harness).await.handle_notifications(request()).await.unwrap();
    let sender = feed.lock().unwrap().pop().unwrap();
    assert!(!sender.is_closed());
    drop(events);
    tokio::time::timeout(Duration::from_secs(20), sender.closed()).await.expect("unsubscribed");
}

#[tokio::test]
async fn a_drain_tells_every_stream_and_does_not_wait_for_them() {
    let (backend, feed) = fed();
    let harness = Harness::start(backend).await;
    let mut events =
        chain(&harness).await.handle_notifications(request()).await.unwrap().into_inner();
    let sender = feed.lock().unwrap().pop().unwrap();
    sender.send(added(1, b"x")).unwrap();
    events.message().await.unwrap().unwrap();
    let start = Instant::now();
    let stopped = harness.stop();
    let status = events.message().await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let info = status.get_details_error_info().unwrap();
    assert_eq!((&*info.reason, &*info.metadata["last_sequence"]), ("DRAINING", "1"));
    stopped.await.unwrap().unwrap();
    assert!(start.elapsed() < Duration::from_secs(4), "it waited for the limit");
}

#[tokio::test]
async fn more_streams_than_allowed_are_refused() {
    let (backend, _feed) = fed();
    let streams = StreamLimits { total: 10, per_caller: 2 };
    let harness = Harness::with(Setup { streams, ..Setup::default() }, backend).await;
    let mut client = chain(&harness).await;
    let _first = client.handle_notifications(request()).await.unwrap();
    let second = client.handle_notifications(request()).await.unwrap();
    let status = client.handle_notifications(request()).await.unwrap_err();
    assert_eq!(status.get_details_error_info().unwrap().reason, "TOO_MANY_STREAMS");
    drop(second);
    let freed = async {
        while client.handle_notifications(request()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), freed).await.expect("a place came free");
}

#[tokio::test]
async fn a_bad_filter_is_refused() {
    let (backend, feed) = fed();
    let harness = Harness::start(backend).await;
    let request = v1::ChainHandleNotificationsRequest { kinds: vec![99], ..Default::default() };
    let status = chain(&harness).await.handle_notifications(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let faults = status.get_details_bad_request().unwrap().field_violations;
    assert_eq!(faults[0].field, "kinds[0]");
    assert!(feed.lock().unwrap().is_empty());
}

/// Keeps what a client answers.
#[derive(Default)]
struct Heard(Mutex<(Vec<CallbackAnswer>, bool)>);

impl Answers for Heard {
    fn give(&self, answer: CallbackAnswer) {
        self.0.lock().unwrap().0.push(answer);
    }

    fn close(&self) {
        self.0.lock().unwrap().1 = true;
    }
}

struct Conversation {
    harness: Harness,
    heard: Arc<Heard>,
    _feed: Feed,
}

async fn conversation() -> Conversation {
    let (heard, feed) = (Arc::<Heard>::default(), Feed::default());
    let (hears, feeds) = (Arc::clone(&heard), Arc::clone(&feed));
    let backend = mock(move |_: Call| {
        let (sender, receiver) = mpsc::unbounded_channel();
        feeds.lock().unwrap().push(sender);
        let hears: Arc<dyn Answers> = Arc::<Heard>::clone(&hears);
        let events = EventStream::asking(UnboundedReceiverStream::new(receiver), hears);
        std::future::ready(Ok(Outcome::Stream(events)))
    });
    let rights = Rights::open().grant(Access::Control);
    let harness = Harness::with(Setup { rights, ..Setup::default() }, backend).await;
    Conversation { harness, heard, _feed: feed }
}

fn said(message: Said) -> v1::NodeHandleQuestionRequest {
    v1::NodeHandleQuestionRequest { message: Some(message) }
}

fn start() -> v1::NodeHandleQuestionRequest {
    said(Said::Start(v1::NodeHandleQuestionStart::default()))
}

fn answer(invocation_id: u64) -> v1::NodeHandleQuestionRequest {
    said(Said::Answer(v1::QuestionAnswer { invocation_id, confirmed: true }))
}

async fn until(mut done: impl FnMut() -> bool) {
    let waiting = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("in time");
}

#[tokio::test]
async fn answers_reach_the_backend_and_so_does_their_end() {
    let talk = conversation().await;
    let mut client = NodeClient::new(talk.harness.channel().await);
    let (says, messages) = mpsc::channel(4);
    says.send(start()).await.unwrap();
    let _events = client.handle_question(ReceiverStream::new(messages)).await.unwrap();
    says.send(answer(7)).await.unwrap();
    let heard = &talk.heard;
    until(|| heard.0.lock().unwrap().0.len() == 1).await;
    let expected = v1::QuestionAnswer { invocation_id: 7, confirmed: true };
    let expected = CallbackAnswer::QuestionCallbackCall(expected);
    assert_eq!(heard.0.lock().unwrap().0[0], expected);
    assert!(!heard.0.lock().unwrap().1);
    drop(says);
    until(|| heard.0.lock().unwrap().1).await;
}

#[tokio::test]
async fn a_conversation_begins_with_its_start_and_has_no_other() {
    let talk = conversation().await;
    let mut client = NodeClient::new(talk.harness.channel().await);
    for first in [answer(1), v1::NodeHandleQuestionRequest { message: None }] {
        let status = client.handle_question(tokio_stream::once(first)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, "start");
    }
    let status = client.handle_question(tokio_stream::empty()).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let (says, messages) = mpsc::channel(4);
    says.send(start()).await.unwrap();
    let mut events =
        client.handle_question(ReceiverStream::new(messages)).await.unwrap().into_inner();
    says.send(start()).await.unwrap();
    let status = events.message().await.unwrap_err();
    assert_eq!(status.get_details_error_info().unwrap().reason, "INVALID_FIELD");
}
