//! Requests that do not come to an end.

use std::convert::Infallible;
use std::time::Duration;

use bitcoin_grpc::frontend::grpc::limits::{HANDSHAKE, MAX_RECEIVED, MAX_REQUEST};
use http_body::Frame;
use http_body_util::StreamBody;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tokio_util::task::AbortOnDropHandle;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::harness::{Harness, echo, echo_request};
use super::raw::{ECHO, post, prefixed};

/// Begins a request of the largest size that lacks its last byte, on a connection that goes with the answer.
async fn begin(address: &str) -> impl Future<Output = Status> + use<> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let length = u32::try_from(MAX_REQUEST - 5).unwrap();
    let most = prefixed(0, length, &vec![0; MAX_REQUEST - 6]);
    let frames = tokio_stream::once(Ok::<_, Infallible>(Frame::data(most)));
    let body = StreamBody::new(frames.chain(tokio_stream::pending()));
    let response = sender.send_request(post(address, ECHO).body(body).unwrap());
    async move {
        let response = response.await.unwrap();
        drop((sender, connection));
        Status::from_header_map(response.headers()).expect("no grpc-status")
    }
}

#[tokio::test]
async fn the_bytes_of_all_unfinished_requests_are_bounded() {
    let harness = Harness::start(echo()).await;
    let mut unfinished = Vec::new();
    for _ in 0..=MAX_RECEIVED / MAX_REQUEST {
        unfinished.push(Box::pin(begin(&harness.address).await));
    }
    // All but one fit, whichever that is.
    let (status, _, rest) = soon(futures_util::future::select_all(unfinished)).await;
    let refused = |status: &Status| {
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(status.get_details_error_info().unwrap().reason, "TOO_MANY_BYTES");
        assert!(status.get_details_retry_info().is_some());
    };
    refused(&status);
    // Once they are there, nothing else fits; what is gone takes no room.
    let mut client = harness.echo().await;
    let request = echo_request(&"x".repeat(1000));
    soon(async {
        while client.echo(request.clone()).await.map_err(|status| refused(&status)).is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    drop(rest);
    soon(async {
        while client.echo(request.clone()).await.map_err(|status| refused(&status)).is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Longer than anything here takes on a busy machine.
async fn soon<T>(outcome: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(50), outcome).await.expect("an outcome in time")
}

#[tokio::test]
async fn a_handshake_that_stalls_ends() {
    let harness = Harness::start(echo()).await;
    let stall = async |begun: &[u8]| {
        let mut stream = TcpStream::connect(&harness.address).await.unwrap();
        stream.write_all(begun).await.unwrap();
        let ended = timeout(4 * HANDSHAKE, stream.read_to_end(&mut Vec::new())).await;
        // The system may say that unread bytes were thrown away.
        let _ = ended.expect("it is still open");
    };
    tokio::join!(stall(b""), stall(b"P"), stall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r"));
}
