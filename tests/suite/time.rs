//! Deadlines and callers that go away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bitcoin_grpc::error::CallError;
use bitcoin_grpc::layer::deadline::Deadlines;
use bitcoin_grpc_contract::Reply;
use prost::Message;
use tokio::sync::Notify;
use tonic::Code;
use tonic_types::StatusExt;

use super::harness::{Harness, Mock, Setup, echo, echo_request, echoed, mock};
use super::raw::{ECHO, framed, post, send};

/// Never answers.
fn silent() -> Mock {
    mock(|_| std::future::pending::<Result<Reply, CallError>>())
}

/// Generous: the tests share the machine with others.
const SOON: Duration = Duration::from_secs(2);

async fn timed_out(harness: &Harness, timeout: &str) -> Duration {
    let start = Instant::now();
    let body = framed(&echo_request("x").encode_to_vec());
    let request = post(&harness.address, ECHO).header("grpc-timeout", timeout).body(body).unwrap();
    let status = send(&harness.address, request).await.status();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(status.get_details_error_info().unwrap().reason, "DEADLINE_EXCEEDED");
    start.elapsed()
}

#[tokio::test]
async fn a_millisecond_and_less() {
    let harness = Harness::start(silent()).await;
    for timeout in ["1m", "1u", "1n", "0S"] {
        let took = timed_out(&harness, timeout).await;
        assert!(took < SOON, "{timeout}: {took:?}");
    }
}

#[tokio::test]
async fn a_silent_backend_is_given_up_after_the_servers_own_deadline() {
    let deadlines = Deadlines { usual: Duration::from_millis(50), ..Deadlines::default() };
    let harness = Harness::with(Setup { deadlines, ..Setup::default() }, silent()).await;
    let status = harness.echo().await.echo(echo_request("x")).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_deadline_far_away_does_no_harm() {
    let harness = Harness::start(echo()).await;
    let body = framed(&echo_request("x").encode_to_vec());
    let request =
        post(&harness.address, ECHO).header("grpc-timeout", "99999999H").body(body).unwrap();
    assert_eq!(send(&harness.address, request).await.status().code(), Code::Ok);
}

/// Tells when it is dropped.
struct Dropped(Arc<Notify>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_is_noticed_by_the_backend() {
    let (arrived, gone) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let backend = mock({
        let (arrived, gone) = (Arc::clone(&arrived), Arc::clone(&gone));
        move |call| {
            let gone = Dropped(Arc::clone(&gone));
            arrived.notify_one();
            async move {
                if matches!(&call.request, bitcoin_grpc_contract::Request::EchoEcho(r) if r.echo == "now")
                {
                    return echoed(call);
                }
                let _gone = gone;
                std::future::pending().await
            }
        }
    });
    let harness = Harness::start(backend).await;
    let mut client = harness.echo().await;
    let call = tokio::spawn({
        let mut client = client.clone();
        async move { client.echo(echo_request("never")).await }
    });
    arrived.notified().await;
    call.abort();
    tokio::time::timeout(SOON, gone.notified()).await.expect("the call was not dropped");
    assert!(client.echo(echo_request("now")).await.is_ok());
}
