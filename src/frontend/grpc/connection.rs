//! One client's HTTP/2 connection, from its first byte to its last.
//!
//! hyper is used directly rather than through tonic's transport for three reasons: that one answers
//! `grpc-timeout` by itself, with CANCELLED where gRPC says DEADLINE_EXCEEDED; it wants every future
//! to be `Send`, which keeps a connection from living on the thread of the node's connection; and it
//! asks who the caller is for every request instead of once.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::Grpc;
use super::limits::{
    AGE, AGE_SPREAD, CONNECTION_WINDOW, IDLE, KEEPALIVE, KEEPALIVE_TIMEOUT, MAX_HEADERS,
    MAX_RESETS, MAX_SEND_BUFFER, MAX_STREAMS, STREAM_WINDOW,
};
use super::turnstile::Turnstile;
use crate::frontend::door::Visitor;

/// Runs the requests of a connection on the thread that the connection is on, as each has its turn.
#[derive(Debug, Clone)]
struct Here(Rc<Turnstile>);

impl<F: Future<Output = ()> + 'static> Executor<F> for Here {
    fn execute(&self, future: F) {
        let turn = Rc::clone(&self.0).enter();
        tokio::task::spawn_local(async move {
            turn.await;
            future.await;
        });
    }
}

/// How long connections last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// How often silent ones are pinged.
    pub keepalive: Duration,
    /// For how long they may be without a new call.
    pub idle: Duration,
    /// How old they become.
    pub age: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { keepalive: KEEPALIVE, idle: IDLE, age: AGE }
    }
}

fn protocol(keepalive: Duration, turnstile: Rc<Turnstile>) -> http2::Builder<Here> {
    let mut protocol = http2::Builder::new(Here(turnstile));
    protocol
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_pending_accept_reset_streams(MAX_RESETS)
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

/// Serves one client until it goes away, or until it has been asked to leave and its calls have
/// ended: when `drain` is true, or the connection is idle or old.
///
/// Must run inside a `tokio::task::LocalSet`.
pub async fn serve<C>(
    connection: C,
    visitor: Visitor,
    grpc: Grpc,
    limits: ConnectionLimits,
    mut drain: watch::Receiver<bool>,
) where
    C: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let calls = Rc::new(Cell::new(0));
    let client = grpc.for_client(visitor, Rc::clone(&calls));
    let protocol = protocol(limits.keepalive, grpc.turnstile());
    let served = protocol.serve_connection(TokioIo::new(connection), client);
    let leave = async {
        tokio::select! {
            _ = drain.wait_for(|drain| *drain) => {}
            () = idle(limits.idle, &calls) => {}
            () = tokio::time::sleep(spread(limits.age)) => {}
        }
    };
    let ended = match select(std::pin::pin!(served), std::pin::pin!(leave)).await {
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

/// Resolves once no call has come for that time, or up to twice that time.
async fn idle(time: Duration, calls: &Cell<u64>) {
    loop {
        let before = calls.get();
        tokio::time::sleep(time).await;
        if calls.get() == before {
            return;
        }
    }
}

/// An age up to a tenth below the greatest, at random.
fn spread(age: Duration) -> Duration {
    let chance = getrandom::u32().unwrap_or_default();
    age - (age / AGE_SPREAD).mul_f64(f64::from(chance) / f64::from(u32::MAX))
}
