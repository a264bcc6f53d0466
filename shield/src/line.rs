//! A client's connection.

use std::path::Path;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

/// A message as it is sent.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) path: &'static str,
    pub(crate) timeout: Option<&'static str>,
    /// With the prefixes of gRPC.
    pub(crate) body: Bytes,
}

/// A status.
#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) code: usize,
    /// The proxy says that it is at fault itself.
    pub(crate) internal: bool,
}

/// A connection.
pub(crate) struct Line {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<Result<(), hyper::Error>>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Line {
    pub(crate) async fn open(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).await.expect("the listener takes connections");
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
        let (sender, connection) = handshake.expect("a handshake");
        Self { sender, driver: tokio::spawn(connection) }
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends a message and waits for the end of the answer; `None` if the connection ends before.
    pub(crate) fn send(&self, message: Message) -> impl Future<Output = Option<Status>> + use<> {
        let mut sender = self.sender.clone();
        async move {
            let mut request = Request::post(format!("http://shield{}", message.path))
                .header("content-type", "application/grpc")
                .header("te", "trailers");
            if let Some(timeout) = message.timeout {
                request = request.header("grpc-timeout", timeout);
            }
            let request = request.body(Full::new(message.body)).expect("a request");
            sender.ready().await.ok()?;
            let (parts, mut body) = sender.send_request(request).await.ok()?.into_parts();
            assert_eq!(parts.status, 200, "{}", message.path);
            let mut found = status(&parts.headers);
            while let Some(frame) = body.frame().await {
                if let Some(trailers) = frame.ok()?.trailers_ref() {
                    found = found.or(status(trailers));
                }
            }
            found
        }
    }
}

fn status(headers: &HeaderMap) -> Option<Status> {
    let code = headers.get("grpc-status")?.to_str().ok()?.parse().ok()?;
    let message = headers.get("grpc-message").and_then(|message| message.to_str().ok());
    let internal = message.is_some_and(|message| message.starts_with("internal"));
    Some(Status { code, internal })
}
