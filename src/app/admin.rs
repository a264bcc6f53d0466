//! A listener for operators and for what looks after programs: `/livez`, `/readyz` and `/metrics`, by HTTP/1.1.
//! It is no part of the API, so it has an address of its own. What it says is no secret, but nobody's business
//! either: it says nothing of callers, and nothing that they said.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use listenfd::ListenFd;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::listen::{Address, ListenerConfig, Socket};
use super::vital::{Answer, VitalSigns};
use crate::metrics::Metrics;
use crate::metrics::exposition::{self, Look};

/// Connections that may be open. A scraper and some probes need one each; further ones wait, so there are more places
/// than anybody opens by mistake.
const CONNECTIONS: usize = 128;

/// How long a request's head may take to arrive. Probes wait behind connections that say nothing.
const HEAD: Duration = Duration::from_secs(2);

/// How long a connection may last: one request, and its answer read.
const CONNECTION: Duration = Duration::from_secs(30);

/// Bytes of a request that are held. Heads of scrapers have some hundreds.
const BUFFER: usize = 16 * 1024;

/// Pause after a failed accept, so that a lack of file descriptors does not become a busy loop.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Media type of all that is said in words.
const TEXT: &str = "text/plain; charset=utf-8";

/// Looks at what is no count.
pub type Looker = Arc<dyn Fn() -> Look + Send + Sync>;

/// What the listener tells of.
#[derive(Clone)]
pub struct View {
    /// Whether the program lives, and whether it can serve.
    pub signs: Arc<VitalSigns>,
    /// What was counted.
    pub metrics: Arc<Metrics>,
    /// What is looked at.
    pub look: Looker,
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("signs", &self.signs).finish_non_exhaustive()
    }
}

/// An admin listener that is open.
#[derive(Debug)]
pub struct Admin {
    socket: Socket,
    address: Address,
}

impl Admin {
    /// Opens it.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn open(config: &ListenerConfig) -> io::Result<Self> {
        let socket = Socket::bind(config, &mut ListenFd::empty()).await?;
        let address = socket.address()?;
        Ok(Self { socket, address })
    }

    /// Where it listens, with the port that the system chose.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Answers for ever.
    pub async fn serve(self, view: View) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            let view = view.clone();
            let accepted = match &self.socket {
                Socket::Tcp(listener) => listener.accept().await.map(|(stream, _)| {
                    tokio::spawn(async move { drop((converse(stream, view).await, place)) })
                }),
                Socket::Unix(listener, _) => listener.accept().await.map(|(stream, _)| {
                    tokio::spawn(async move { drop((converse(stream, view).await, place)) })
                }),
            };
            if let Err(error) = accepted {
                tracing::warn!(%error, "cannot take in who asks at the admin listener");
                sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin + 'static, view: View) {
    let view = &view;
    let service =
        service_fn(|request| async move { Ok::<_, Infallible>(answer(&request, view).await) });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(BUFFER)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(CONNECTION, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "connection of the admin listener ended"),
        Err(_) => tracing::debug!("connection of the admin listener closed: it lasted too long"),
    }
}

type Page = Response<Full<Bytes>>;

async fn answer(request: &Request<Incoming>, view: &View) -> Page {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut page = page(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD\n");
        page.headers_mut().insert(ALLOW, http::HeaderValue::from_static("GET, HEAD"));
        return page;
    }
    match request.uri().path() {
        "/livez" => told(view.signs.alive().await),
        "/readyz" => told(view.signs.ready().await),
        "/metrics" => metrics(view),
        _ => page(StatusCode::NOT_FOUND, TEXT, "there are /livez, /readyz and /metrics\n"),
    }
}

fn told(answer: Answer) -> Page {
    match answer {
        Ok(text) => page(StatusCode::OK, TEXT, format!("{text}\n")),
        Err(why) => page(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{why}\n")),
    }
}

fn metrics(view: &View) -> Page {
    let look = Arc::clone(&view.look);
    match exposition::text(&view.metrics, move || look()) {
        Ok(text) => page(StatusCode::OK, exposition::CONTENT_TYPE, text),
        Err(_) => page(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "the metrics cannot be written\n"),
    }
}

fn page(code: StatusCode, kind: &'static str, text: impl Into<Bytes>) -> Page {
    let mut page = Response::new(Full::new(text.into()));
    *page.status_mut() = code;
    page.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(kind));
    page.headers_mut().insert(CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    page
}
