//! A client that sends whatever it is told to, without the good manners of a gRPC library.

use std::convert::Infallible;

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tonic::Status;

pub(crate) const ECHO: &str = "/bitcoin.ipc.v1.Echo/Echo";

/// What came back.
pub(crate) struct Answer {
    pub(crate) http: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
}

impl Answer {
    /// The gRPC status, wherever it stands.
    pub(crate) fn status(&self) -> Status {
        let found = Status::from_header_map(&self.headers)
            .or_else(|| Status::from_header_map(&self.trailers));
        found.expect("no grpc-status")
    }
}

/// A message with gRPC's prefix.
pub(crate) fn framed(message: &[u8]) -> Bytes {
    prefixed(0, u32::try_from(message.len()).unwrap(), message)
}

/// A message with any prefix.
pub(crate) fn prefixed(compressed: u8, length: u32, message: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(compressed);
    frame.put_u32(length);
    frame.put_slice(message);
    frame.freeze()
}

/// A gRPC request to which a test adds what it likes.
pub(crate) fn post(address: &str, path: &str) -> http::request::Builder {
    Request::post(format!("http://{address}{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
}

pub(crate) async fn send(address: &str, request: Request<Bytes>) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    send_over(stream, request).await.unwrap()
}

/// Sends a request over a connection that was made somehow.
pub(crate) async fn send_over<C>(
    connection: C,
    request: Request<Bytes>,
) -> Result<Answer, hyper::Error>
where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(connection)).await?;
    tokio::spawn(connection);
    Ok(collect(sender.send_request(request.map(Full::new)).await?).await)
}

/// Opens a call whose request never ends. It lasts as long as what is returned.
pub(crate) async fn open(address: &str, path: &str) -> impl Sized {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let body =
        StreamBody::new(tokio_stream::pending::<Result<http_body::Frame<Bytes>, Infallible>>());
    let request = post(address, path).body(body).unwrap();
    let response = tokio::spawn(sender.send_request(request));
    (sender, connection, response)
}

async fn collect(response: Response<hyper::body::Incoming>) -> Answer {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned().unwrap_or_default();
    Answer { http: parts.status.as_u16(), headers: parts.headers, body: body.to_bytes(), trailers }
}
