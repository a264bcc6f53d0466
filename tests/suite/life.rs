//! How long connections and streams last, and what becomes of them when rules change.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bitcoin_grpc::app::listen::ListenerConfig;
use bitcoin_grpc::app::rules::RulesConfig;
use bitcoin_grpc::call::{Call, Outcome};
use bitcoin_grpc::frontend::grpc::ConnectionLimits;
use bitcoin_grpc::frontend::grpc::services::chain_client::ChainClient;
use bitcoin_grpc::frontend::grpc::services::echo_client::EchoClient;
use bitcoin_grpc::frontend::tokens;
use bitcoin_grpc::stream::EventStream;
use bitcoin_grpc_contract::v1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use tonic_types::StatusExt;

use super::harness::{Harness, Setup, echo, echo_request, echoed, loopback, mock};
use super::pki::written;

/// A channel that counts its connections.
async fn counted(harness: &Harness) -> (Channel, Arc<AtomicUsize>) {
    let made = Arc::new(AtomicUsize::new(0));
    let (address, count) = (harness.address.clone(), Arc::clone(&made));
    let connect = tower::service_fn(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        let address = address.clone();
        async move { TcpStream::connect(address).await.map(TokioIo::new) }
    });
    let endpoint = Endpoint::from_static("http://node");
    (endpoint.connect_with_connector(connect).await.unwrap(), made)
}

/// Every call that reaches the server is answered, however often connections end of old age. A client may still
/// have to make a call again that it had not sent: its connection can end between its being ready and its sending.
#[tokio::test]
async fn connections_grow_old_and_no_call_that_arrived_fails() {
    let age = Duration::from_millis(200);
    let connections = ConnectionLimits { age, ..ConnectionLimits::default() };
    let arrived = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&arrived);
    let node = mock(move |call| {
        count.fetch_add(1, Ordering::SeqCst);
        async move { echoed(call) }
    });
    let harness = Harness::with(Setup { connections, ..Setup::default() }, node).await;
    let (channel, made) = counted(&harness).await;
    let end = Instant::now() + Duration::from_secs(3);
    let caller = |name: usize| {
        let mut client = EchoClient::new(channel.clone());
        async move {
            let (mut answered, mut unsent) = (0, 0);
            while Instant::now() < end {
                match client.echo(echo_request("x")).await {
                    Ok(_) => answered += 1,
                    Err(status) if status.code() == Code::Cancelled => unsent += 1,
                    Err(status) => panic!("{name}: {status}"),
                }
            }
            (answered, unsent)
        }
    };
    let calls = futures_util::future::join_all((0..8).map(caller)).await;
    let (answered, unsent): (Vec<usize>, Vec<usize>) = calls.into_iter().unzip();
    let ended = made.load(Ordering::SeqCst);
    assert!(answered.iter().all(|answered| *answered > 10), "{answered:?}");
    assert!(ended >= 5, "{ended}");
    assert_eq!(answered.iter().sum::<usize>(), arrived.load(Ordering::SeqCst));
    assert!(unsent.iter().all(|unsent| *unsent <= ended), "{unsent:?} of {ended} connections");
}

#[tokio::test]
async fn idle_connections_end_and_used_ones_do_not() {
    // A busy machine may take a part of it between two calls.
    let idle = Duration::from_secs(1);
    let connections = ConnectionLimits { idle, ..ConnectionLimits::default() };
    let harness = Harness::with(Setup { connections, ..Setup::default() }, echo()).await;
    let (channel, made) = counted(&harness).await;
    let mut client = EchoClient::new(channel);
    for _ in 0..20 {
        client.echo(echo_request("x")).await.unwrap();
        tokio::time::sleep(idle / 10).await;
    }
    assert_eq!(made.load(Ordering::SeqCst), 1);
    tokio::time::sleep(3 * idle).await;
    client.echo(echo_request("x")).await.unwrap();
    assert_eq!(made.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_stream_ends_when_its_caller_may_not_have_it_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let policy = |who: &str| {
        let text = format!(
            "[identities]\na = {{}}\nb = {{}}\n[[grants]]\nto = [{who}]\nclasses = [\"read\"]"
        );
        Some(written(folder.path(), "policy.toml", &text))
    };
    let (a, b) = (tokens::make("a", None).unwrap(), tokens::make("b", None).unwrap());
    let rules = RulesConfig {
        policy: policy("\"a\", \"b\""),
        tokens: Some(written(folder.path(), "tokens", &format!("{}\n{}", a.1, b.1))),
        ..RulesConfig::default()
    };
    let listen = vec![ListenerConfig { rules, ..ListenerConfig::new(loopback()) }];
    let silent = mock(|_: Call| {
        let events = EventStream::new(futures_util::stream::pending());
        std::future::ready(Ok(Outcome::Stream(events)))
    });
    let harness = Harness::with(Setup { listen, ..Setup::default() }, silent).await;
    // Both over one connection: it is the caller that counts.
    let channel = harness.channel().await;
    let open = async |token: &str| {
        let mut request = tonic::Request::new(v1::ChainHandleNotificationsRequest::default());
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        let mut client = ChainClient::new(channel.clone());
        client.handle_notifications(request).await.unwrap().into_inner()
    };
    let (mut ended, mut going) = (open(&a.0).await, open(&b.0).await);
    policy("\"b\"");
    harness.rules.reload().unwrap();
    let status = tokio::time::timeout(Duration::from_secs(20), ended.message()).await.unwrap();
    let status = status.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    assert_eq!(status.get_details_error_info().unwrap().reason, "ACCESS_NOT_GRANTED");
    let still = tokio::time::timeout(Duration::from_millis(300), going.message()).await;
    assert!(still.is_err(), "{still:?}");
}
