//! Many subscribers in one process, on one thread.
//!
//! It says `{"ready": N}` when all streams are open, a line for every event that all healthy
//! subscribers have, and on the order `report` what every subscriber got. Some subscribers stop to
//! read once they have started, and go on at the order `go on`.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::{LocalSet, spawn_local};

use super::book::Book;
use super::subscriber::{End, Heard, Subscriber};
use super::{orders, tell};
use crate::party::runtime;
use crate::plan::Outcome;

/// Subscribers that share a connection.
const TOGETHER: usize = 50;

/// What a subscriber takes before it has read it, in bytes: a block of 1 MB arrives at one go.
const STREAM_WINDOW: u32 = 2 * 1024 * 1024;

/// The same for a subscriber that stops to read, the protocol's own default.
const STALLED_WINDOW: u32 = 65_535;

/// What a connection takes: more than its stalled subscribers leave unread.
const CONNECTION_WINDOW: u32 = 64 * 1024 * 1024;

#[derive(Clone, Copy)]
struct Here;

impl<F: Future + 'static> Executor<F> for Here {
    fn execute(&self, future: F) {
        spawn_local(async move { drop(future.await) });
    }
}

/// What all subscribers share.
struct Crowd {
    book: RefCell<Book>,
    /// Hashes of the blocks, as the first subscriber that had each got them.
    hashes: RefCell<Vec<Bytes>>,
    /// Subscribers whose event was another than that of the others, or that failed.
    faults: RefCell<Vec<String>>,
    ends: RefCell<Vec<Ended>>,
    blocks: RefCell<Vec<usize>>,
    go_on: Notify,
}

#[derive(Serialize)]
struct Ended {
    stalled: bool,
    #[serde(flatten)]
    end: End,
}

#[derive(Serialize)]
struct Report {
    /// Hashes of the blocks in their order, as explorers show them.
    hashes: Vec<String>,
    /// How many blocks each subscriber got.
    blocks: Vec<usize>,
    faults: Vec<String>,
    ends: Vec<Ended>,
}

/// Subscribes and listens until the standard input is closed.
pub(crate) fn serve(address: &str, count: &str, stalled: &str) -> Outcome {
    let (count, stalled) = (count.parse::<usize>()?, stalled.parse::<usize>()?);
    LocalSet::new().block_on(&runtime()?, async {
        let crowd = Rc::new(Crowd {
            book: RefCell::new(Book::new(count - stalled)),
            hashes: RefCell::default(),
            faults: RefCell::default(),
            ends: RefCell::default(),
            blocks: RefCell::new(vec![0; count]),
            go_on: Notify::new(),
        });
        subscribe(&crowd, address, count, stalled).await?;
        tell(&serde_json::json!({ "ready": count, "pid": std::process::id() }))?;
        let mut orders = orders();
        while let Some(order) = orders.recv().await {
            match order.as_str() {
                "go on" => crowd.go_on.notify_waiters(),
                "report" => tell(&crowd.report())?,
                other => return Err(format!("unknown order {other}").into()),
            }
        }
        Ok(())
    })
}

/// Opens all streams. The stalled ones are spread over the others.
async fn subscribe(crowd: &Rc<Crowd>, address: &str, count: usize, stalled: usize) -> Outcome {
    let window = if stalled > 0 { STALLED_WINDOW } else { STREAM_WINDOW };
    let mut connection = None;
    for index in 0..count {
        if index % TOGETHER == 0 {
            connection = Some(connect(address, window).await?);
        }
        let connection = connection.as_mut().ok_or("no connection")?;
        let mut subscriber = Subscriber::open(connection).await?;
        if !matches!(subscriber.next().await?, Ok(Heard::Started)) {
            return Err("a stream did not start".into());
        }
        let stalls = index * stalled / count != (index + 1) * stalled / count;
        spawn_local(Rc::clone(crowd).listen(subscriber, index, stalls));
    }
    Ok(())
}

async fn connect(address: &str, window: u32) -> Outcome<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut protocol = http2::Builder::new(Here);
    protocol.initial_stream_window_size(window).initial_connection_window_size(CONNECTION_WINDOW);
    let (sender, connection) = protocol.handshake(TokioIo::new(stream)).await?;
    spawn_local(async move { drop(connection.await) });
    Ok(sender)
}

impl Crowd {
    async fn listen(self: Rc<Self>, mut subscriber: Subscriber, index: usize, stalls: bool) {
        if stalls {
            self.go_on.notified().await;
        }
        loop {
            match subscriber.next().await {
                Ok(Ok(heard)) => self.heard(index, stalls, heard),
                Ok(Err(end)) => return self.ends.borrow_mut().push(Ended { stalled: stalls, end }),
                Err(fault) => return self.fault(index, &fault.to_string()),
            }
        }
    }

    fn fault(&self, index: usize, fault: &str) {
        self.faults.borrow_mut().push(format!("subscriber {index}: {fault}"));
    }

    fn heard(&self, index: usize, stalls: bool, heard: Heard) {
        let Heard::Block(hash) = heard else { return };
        let number = self.blocks.borrow()[index];
        self.blocks.borrow_mut()[index] += 1;
        if let Some(hash) = hash {
            self.compare(index, number, hash);
        }
        if stalls {
            return;
        }
        let arrival = self.book.borrow_mut().note(number);
        if let Some(arrival) = arrival {
            // Who does not listen any more will end this process.
            let _ = tell(&arrival);
        }
    }

    fn compare(&self, index: usize, number: usize, hash: Bytes) {
        let mut hashes = self.hashes.borrow_mut();
        match hashes.get(number) {
            None => hashes.push(hash),
            Some(known) if *known == hash => {}
            Some(_) => self.fault(index, &format!("another block {number}")),
        }
    }

    fn report(&self) -> Report {
        let show = |hash: &Bytes| hash.iter().rev().map(|byte| format!("{byte:02x}")).collect();
        Report {
            hashes: self.hashes.borrow().iter().map(show).collect(),
            blocks: self.blocks.borrow().clone(),
            faults: self.faults.borrow().clone(),
            ends: self.ends.take(),
        }
    }
}
