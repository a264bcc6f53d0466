//! What one client sees of a ring: numbered messages, a sign of life when there are none.

use std::future::Future;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bitcoin_grpc_contract::v1;
use bytes::Bytes;
use futures_util::Stream;
use prost::encoding::message;
use tokio::time::{Instant, Sleep, sleep};

use super::entry::Filter;
use super::ring::{Bounds, Next, Reader};
use crate::backend::ipc::ready::Tip;
use crate::error::CallError;
use crate::stream::{Item, StreamMessage};

/// How often a stream without events says that it is alive. Usual load balancers forget a silent
/// connection after one to six minutes.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Numbers of the fields that every stream's message has.
const STARTED: u32 = 3;
const HEARTBEAT_FIELD: u32 = 4;

static BEAT: LazyLock<Bytes> = LazyLock::new(|| field(HEARTBEAT_FIELD, &v1::Heartbeat {}));

fn field(number: u32, value: &impl prost::Message) -> Bytes {
    let mut bytes = Vec::new();
    message::encode(number, value, &mut bytes);
    bytes.into()
}

/// The first event of a stream.
fn started(tip: Option<Tip>, bounds: Bounds) -> Bytes {
    let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let (tip_height, tip_hash) = tip.unwrap_or_default();
    let started = v1::StreamStarted {
        tip_hash: tip.map(|_| Bytes::copy_from_slice(&tip_hash)).unwrap_or_default(),
        tip_height,
        heartbeat_interval: prost_types::Duration::try_from(HEARTBEAT).ok(),
        buffered_events: number(bounds.events),
        buffered_bytes: number(bounds.bytes),
    };
    field(STARTED, &started)
}

/// The messages of one stream.
pub(super) struct Subscriber {
    /// `None` once the stream has ended, so that the ring knows at once.
    reader: Option<Reader>,
    filter: Filter,
    /// The first event, until it was sent.
    started: Option<Bytes>,
    sequence: u64,
    heartbeat: Pin<Box<Sleep>>,
}

impl Subscriber {
    /// Reads for a client that was told a tip no older than the reader.
    pub(super) fn new(reader: Reader, filter: Filter, tip: Option<Tip>, bounds: Bounds) -> Self {
        let started = Some(started(tip, bounds));
        let heartbeat = Box::pin(sleep(HEARTBEAT));
        Self { reader: Some(reader), filter, started, sequence: 0, heartbeat }
    }

    fn message(&mut self, time: SystemTime, event: Bytes) -> Poll<Option<Item>> {
        self.sequence += 1;
        self.heartbeat.as_mut().reset(Instant::now() + HEARTBEAT);
        Poll::Ready(Some(Ok(StreamMessage { sequence: self.sequence, time, event })))
    }

    fn end(&mut self, why: Option<CallError>) -> Poll<Option<Item>> {
        self.reader = None;
        Poll::Ready(why.map(|why| Err(why.after(self.sequence))))
    }
}

impl Stream for Subscriber {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        let this = &mut *self;
        if let Some(started) = this.started.take() {
            return this.message(SystemTime::now(), started);
        }
        loop {
            let Some(reader) = &mut this.reader else { return Poll::Ready(None) };
            match reader.poll_next(cx) {
                Poll::Ready(Next::Event(entry)) => {
                    if let Some(event) = this.filter.form(&entry) {
                        let event = event.clone();
                        return this.message(entry.time, event);
                    }
                }
                Poll::Ready(Next::Lost) => return this.end(Some(CallError::SubscriberTooSlow)),
                Poll::Ready(Next::End(why)) => return this.end(why),
                Poll::Pending => break,
            }
        }
        std::task::ready!(this.heartbeat.as_mut().poll(cx));
        this.message(SystemTime::now(), BEAT.clone())
    }
}
