//! The wire of one connection, listened to: calls are noted as they come in, and their answers are spoiled on their
//! way out.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bitcoin_grpc_contract::Profile;
use capnp::message::ReaderOptions;
use capnp::serialize::read_message_from_flat_slice;
use capnp_rpc::rpc_capnp::message;
use futures_util::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;

use super::frames::Frames;
use super::spoil::{NOISE_BYTES, spoil};
use super::{Called, FaultKind, Faults, Place};

/// Bytes that may wait to be written before the writer waits.
const MAX_WAITING: usize = 1 << 20;

/// Calls whose answers are to be spoiled; more than a client can have under way. Further ones go unspoiled.
const MAX_MARKED: usize = 10_000;

/// What both directions of a connection share.
#[derive(Debug)]
pub(crate) struct Tap {
    faults: Faults,
    profile: &'static Profile,
    /// Answers to spoil, by the number of their call.
    marked: RefCell<HashMap<u32, FaultKind>>,
    /// Told when the last byte is written.
    cut: Notify,
}

/// A part of a message that matters here.
enum Part {
    Call { id: u32, called: Called },
    Answer { id: u32 },
}

impl Tap {
    pub(crate) fn new(faults: Faults, profile: &'static Profile) -> Rc<Self> {
        Rc::new(Self { faults, profile, marked: RefCell::default(), cut: Notify::new() })
    }

    /// Waits until the connection is to be cut.
    pub(crate) async fn cut(&self) {
        self.cut.notified().await;
    }

    fn incoming(&self, bytes: &[u8]) {
        let Some(Part::Call { id, called }) = self.part(bytes) else { return };
        let mut marked = self.marked.borrow_mut();
        if marked.len() < MAX_MARKED
            && let Some(kind) = self.faults.strike(Place::Reply, called)
        {
            marked.insert(id, kind);
        }
    }

    /// How an outgoing message is spoiled, and the number of the call that it answers.
    fn outgoing(&self, bytes: &[u8]) -> Option<(FaultKind, u32)> {
        if self.marked.borrow().is_empty() {
            return None;
        }
        let Some(Part::Answer { id }) = self.part(bytes) else { return None };
        Some((self.marked.borrow_mut().remove(&id)?, id))
    }

    fn part(&self, mut bytes: &[u8]) -> Option<Part> {
        let message = read_message_from_flat_slice(&mut bytes, ReaderOptions::new()).ok()?;
        match message.get_root::<message::Reader<'_>>().ok()?.which().ok()? {
            message::Call(call) => {
                let call = call.ok()?;
                let called =
                    Called::at(self.profile, call.get_interface_id(), call.get_method_id());
                Some(Part::Call { id: call.get_question_id(), called })
            }
            message::Return(answer) => Some(Part::Answer { id: answer.ok()?.get_answer_id() }),
            _ => None,
        }
    }
}

/// What comes in.
pub(crate) struct TapReader<R> {
    stream: R,
    frames: Frames,
    tap: Option<Rc<Tap>>,
}

impl<R> TapReader<R> {
    pub(crate) fn new(stream: R, tap: Option<Rc<Tap>>) -> Self {
        Self { stream, frames: Frames::default(), tap }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for TapReader<R> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let count = ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
        if let Some(tap) = &this.tap {
            this.frames.push(&buffer[..count]);
            while let Some(message) = this.frames.next() {
                tap.incoming(&message);
            }
        }
        Poll::Ready(Ok(count))
    }
}

/// What goes out.
pub(crate) struct TapWriter<W> {
    stream: W,
    frames: Frames,
    /// Bytes to be written, and how many of them are.
    waiting: Vec<u8>,
    written: usize,
    /// Nothing is written any more behind what waits.
    last: Cell<bool>,
    tap: Option<Rc<Tap>>,
}

impl<W: AsyncWrite + Unpin> TapWriter<W> {
    pub(crate) fn new(stream: W, tap: Option<Rc<Tap>>) -> Self {
        let (frames, waiting) = (Frames::default(), Vec::new());
        Self { stream, frames, waiting, written: 0, last: Cell::new(false), tap }
    }

    fn take(&mut self, bytes: &[u8], tap: &Tap) {
        self.frames.push(bytes);
        while let Some(message) = self.frames.next() {
            if self.last.get() {
                continue;
            }
            match tap.outgoing(&message) {
                None => self.waiting.extend(message),
                Some((kind, id)) => {
                    let spoiled = spoil(&kind, message, id, tap.faults.noise(NOISE_BYTES));
                    self.waiting.extend(spoiled.bytes);
                    self.last.set(spoiled.last);
                }
            }
        }
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.waiting.len() {
            let rest = &self.waiting[self.written..];
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        self.waiting.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for TapWriter<W> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let Some(tap) = this.tap.clone() else {
            return Pin::new(&mut this.stream).poll_write(cx, bytes);
        };
        if this.waiting.len() > MAX_WAITING {
            ready!(this.poll_drain(cx))?;
        }
        this.take(bytes, &tap);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        ready!(Pin::new(&mut this.stream).poll_flush(cx))?;
        if let Some(tap) = this.tap.as_ref().filter(|_| this.last.get()) {
            tap.cut.notify_one();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.stream).poll_close(cx)
    }
}
