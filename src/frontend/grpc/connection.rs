//! One client's HTTP/2 connection, from its first byte to its last.
//!
//! hyper is used directly rather than through tonic's transport for three reasons: that one answers
//! `grpc-timeout` by itself, with CANCELLED where gRPC says DEADLINE_EXCEEDED; it wants every future
//! to be `Send`, which keeps a connection from living on the thread of the node's connection; and it
//! asks who the caller is for every request instead of once.

use std::time::Duration;

use futures_util::future::{Either, select};
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::Grpc;
use super::limits::{
    CONNECTION_WINDOW, KEEPALIVE_TIMEOUT, MAX_HEADERS, MAX_SEND_BUFFER, MAX_STREAMS, STREAM_WINDOW,
};
use crate::call::Caller;

/// Runs what belongs to a connection on the thread that the connection is on.
#[derive(Debug, Clone, Copy)]
struct Here;

impl<F: Future<Output = ()> + 'static> Executor<F> for Here {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

fn protocol(keepalive: Duration) -> http2::Builder<Here> {
    let mut protocol = http2::Builder::new(Here);
    protocol
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADERS)
        .max_send_buf_size(MAX_SEND_BUFFER)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(keepalive)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        // gRPC has no use for it.
        .auto_date_header(false);
    protocol
}

/// Serves one client until it goes away, or until `drain` is true and its calls have ended.
///
/// Must run inside a `tokio::task::LocalSet`.
pub async fn serve<C>(
    connection: C,
    caller: Caller,
    grpc: Grpc,
    keepalive: Duration,
    mut drain: watch::Receiver<bool>,
) where
    C: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let client = grpc.for_client(caller);
    let served = protocol(keepalive).serve_connection(TokioIo::new(connection), client);
    let drained = std::pin::pin!(drain.wait_for(|drain| *drain));
    let ended = match select(std::pin::pin!(served), drained).await {
        Either::Left((ended, _)) => ended,
        Either::Right((_, mut served)) => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}
