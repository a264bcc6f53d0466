//! What goes out to the node, gathered for as long as there is more to do.
//!
//! The RPC system flushes after every message, and each call takes two: the call, and the receipt for
//! its reply. Written one by one, they are two system calls here and wake the node twice. So
//! a flush is merely the end of a message here: messages are gathered, and a task of its own writes
//! them to the socket. It runs when those that ran before it have written what they had to, as
//! the event loop runs tasks in the order in which they were woken.
//!
//! Nobody waits for a receipt: it lets the node forget a reply. So it lingers a while for company, and
//! mostly leaves with the next call.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use capnp::message::ReaderOptions;
use capnp::serialize::read_message_from_flat_slice_no_alloc;
use capnp_rpc::rpc_capnp::message;
use futures_util::io::AsyncWrite;
use tokio::task::spawn_local;
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::task::AbortOnDropHandle;

use super::socket::Writer;

/// Bytes gathered before writers have to wait. The messages of a call are a few hundred bytes; a
/// block of 4 MB passes in some sixty pieces.
const CAPACITY: usize = 64 * 1024;

/// How long a receipt lingers at most. Without calls the node keeps its last replies for as long. It
/// is long beside the time between calls under load, as each lapse wakes this program for nothing.
const LINGER: Duration = Duration::from_millis(20);

/// Bytes of a message that may be a receipt, which has 40.
const RECEIPT: usize = 64;

/// The task that writes what is gathered.
pub(super) struct Outbox {
    task: AbortOnDropHandle<io::Result<()>>,
}

impl Outbox {
    /// Puts an inlet in front of a socket. It must be called inside a `LocalSet`.
    pub(super) fn open(socket: Writer) -> (Inlet, Self) {
        let gathered = Rc::new(RefCell::new(Gathered::default()));
        let outlet = Outlet(Rc::clone(&gathered));
        let task = AbortOnDropHandle::new(spawn_local(pass_on(outlet, socket)));
        (Inlet(gathered), Self { task })
    }

    /// Completes when the inlet is gone and all that was put in is written.
    pub(super) async fn emptied(self) {
        // Either it is, or the connection was lost, which the reader tells of.
        let _ = self.task.await;
    }
}

async fn pass_on(outlet: Outlet, socket: Writer) -> io::Result<()> {
    let mut leaving = Vec::with_capacity(CAPACITY);
    let mut lapse = pin!(sleep(LINGER));
    while poll_fn(|cx| outlet.poll_take(cx, &mut leaving, lapse.as_mut())).await {
        socket.write_all(&leaving).await?;
        leaving.clear();
    }
    Ok(())
}

/// What the two ends share.
#[derive(Default)]
struct Gathered {
    bytes: Vec<u8>,
    /// Where the message begins that is being put in.
    begun: usize,
    /// A part of that message has left already.
    parted: bool,
    /// There is more than receipts.
    urgent: bool,
    /// There are receipts only, and time runs.
    lingering: bool,
    /// One of the ends is gone.
    closed: bool,
    /// Waits for bytes, or for room, which are never both lacking.
    waiting: Option<Waker>,
}

impl Gathered {
    /// Takes note that a message is whole.
    fn end_message(&mut self) {
        self.urgent |= self.parted || !is_receipt(&self.bytes[self.begun..]);
        (self.begun, self.parted) = (self.bytes.len(), false);
    }

    /// Whether there is something that must not linger.
    fn is_due(&self) -> bool {
        self.urgent || self.closed || self.bytes.len() == CAPACITY
    }

    /// Exchanges the bytes for an empty buffer.
    fn take(&mut self, leaving: &mut Vec<u8>) {
        self.parted |= self.begun < self.bytes.len();
        (self.begun, self.urgent, self.lingering) = (0, false, false);
        std::mem::swap(&mut self.bytes, leaving);
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
    }

    fn close(&mut self) {
        self.closed = true;
        self.wake();
    }
}

/// Where messages are put in.
pub(super) struct Inlet(Rc<RefCell<Gathered>>);

impl AsyncWrite for Inlet {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut gathered = self.0.borrow_mut();
        if gathered.closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let length = bytes.len().min(CAPACITY - gathered.bytes.len());
        if length == 0 && !bytes.is_empty() {
            gathered.waiting = Some(cx.waker().clone());
            return Poll::Pending;
        }
        gathered.bytes.extend_from_slice(&bytes[..length]);
        if gathered.is_due() {
            gathered.wake();
        }
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut gathered = self.0.borrow_mut();
        gathered.end_message();
        gathered.wake();
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().close();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        self.0.borrow_mut().close();
    }
}

/// Where they are taken out.
struct Outlet(Rc<RefCell<Gathered>>);

impl Outlet {
    /// Takes what is gathered once it is due or time has lapsed. `false`: there will be no more.
    fn poll_take(
        &self,
        cx: &mut Context<'_>,
        leaving: &mut Vec<u8>,
        mut lapse: Pin<&mut Sleep>,
    ) -> Poll<bool> {
        let mut gathered = self.0.borrow_mut();
        let there = !gathered.bytes.is_empty();
        if there && !gathered.is_due() && !gathered.lingering {
            gathered.lingering = true;
            // Otherwise it runs since earlier, and ends earlier. Setting it each time would cost
            // more than it spares.
            if lapse.is_elapsed() {
                lapse.as_mut().reset(Instant::now() + LINGER);
            }
        }
        if there && (gathered.is_due() || lapse.poll(cx).is_ready()) {
            gathered.take(leaving);
            return Poll::Ready(true);
        }
        if gathered.closed {
            return Poll::Ready(false);
        }
        gathered.waiting = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.0.borrow_mut().close();
    }
}

/// Whether a message is the receipt for a reply, and nothing else.
fn is_receipt(mut message: &[u8]) -> bool {
    if message.len() > RECEIPT {
        return false;
    }
    let mut read = || {
        let message = read_message_from_flat_slice_no_alloc(&mut message, ReaderOptions::new())?;
        // One that takes back a call is none.
        Ok::<_, capnp::Error>(match message.get_root::<message::Reader<'_>>()?.which()? {
            message::Finish(finish) => !finish?.get_release_result_caps(),
            _ => false,
        })
    };
    read().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use futures_util::io::AsyncWriteExt;
    use tokio::io::AsyncReadExt;
    use tokio::net::UnixStream;
    use tokio::task::{LocalSet, yield_now};

    use super::*;
    use crate::backend::ipc::socket;

    /// An outbox, and what is at the other end of its socket.
    fn opened() -> (Inlet, Outbox, UnixStream) {
        let (near, far) = UnixStream::pair().unwrap();
        // The other half of this end would only be read from.
        let (inlet, outbox) = Outbox::open(socket::split(near).unwrap().1);
        (inlet, outbox, far)
    }

    #[tokio::test]
    async fn what_is_written_in_one_turn_leaves_together() {
        let test = async {
            let (mut inlet, _outbox, far) = opened();
            for message in [b"call", b"word"] {
                inlet.write_all(message).await.unwrap();
                inlet.flush().await.unwrap();
            }
            let mut seen = [0; 16];
            let nothing = far.try_read(&mut seen).unwrap_err();
            assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
            far.readable().await.unwrap();
            assert_eq!(far.try_read(&mut seen).unwrap(), 8);
            assert_eq!(&seen[..8], b"callword");
        };
        LocalSet::new().run_until(test).await;
    }

    #[tokio::test]
    async fn all_is_written_before_the_end() {
        let test = async {
            let (mut inlet, outbox, mut far) = opened();
            let sent: Vec<u8> = (0..5 * CAPACITY).map(|i| (i % 251) as u8).collect();
            let mut received = Vec::new();
            let send = async {
                inlet.write_all(&sent).await.unwrap();
                drop(inlet);
                outbox.emptied().await;
            };
            let (read, ()) = tokio::join!(far.read_to_end(&mut received), send);
            read.unwrap();
            assert!(received == sent, "{} bytes of {}", received.len(), sent.len());
        };
        LocalSet::new().run_until(test).await;
    }

    #[tokio::test]
    async fn a_lost_connection_ends_it_and_its_writers() {
        let test = async {
            let (mut inlet, _outbox, far) = opened();
            drop(far);
            inlet.write_all(b"into the void").await.unwrap();
            inlet.flush().await.unwrap();
            yield_now().await;
            yield_now().await;
            let error = inlet.write_all(b"again").await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        };
        LocalSet::new().run_until(test).await;
    }

    /// The word that the results of a call are not needed any more.
    fn finish(release_result_caps: bool) -> Vec<u8> {
        let mut message = capnp::message::Builder::new_default();
        let root: message::Builder<'_> = message.init_root();
        let mut finish = root.init_finish();
        finish.set_question_id(7);
        finish.set_release_result_caps(release_result_caps);
        capnp::serialize::write_message_to_words(&message)
    }

    async fn put(inlet: &mut Inlet, message: &[u8]) {
        inlet.write_all(message).await.unwrap();
        inlet.flush().await.unwrap();
        for _ in 0..3 {
            yield_now().await;
        }
    }

    fn arrived(far: &UnixStream) -> Vec<u8> {
        let mut seen = [0; 256];
        let length = far.try_read(&mut seen).unwrap_or(0);
        seen[..length].to_vec()
    }

    #[tokio::test(start_paused = true)]
    async fn a_receipt_leaves_with_the_next_message() {
        let test = async {
            let (mut inlet, _outbox, far) = opened();
            let receipt = finish(false);
            put(&mut inlet, &receipt).await;
            put(&mut inlet, &receipt).await;
            assert_eq!(arrived(&far), b"");
            put(&mut inlet, b"call").await;
            far.readable().await.unwrap();
            assert_eq!(arrived(&far), [&receipt[..], &receipt, b"call"].concat());
        };
        LocalSet::new().run_until(test).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_receipt_without_company_leaves_in_time() {
        let test = async {
            let (mut inlet, _outbox, far) = opened();
            for _ in 0..3 {
                let start = Instant::now();
                put(&mut inlet, &finish(false)).await;
                far.readable().await.unwrap();
                assert_eq!(arrived(&far), finish(false));
                assert_eq!(far.try_read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
                let most = LINGER + Duration::from_millis(2);
                assert!(start.elapsed() <= most, "{:?}", start.elapsed());
            }
        };
        LocalSet::new().run_until(test).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_ends_a_call_or_is_only_like_a_receipt_does_not_linger() {
        let test = async {
            let (mut inlet, _outbox, mut far) = opened();
            let start = Instant::now();
            for message in [&finish(true), &finish(false)[..32], &[0; 40], &[0xff; 40]] {
                put(&mut inlet, message).await;
                far.readable().await.unwrap();
                assert_eq!(arrived(&far), message);
            }
            // What is the rest of a longer message is none, whatever it looks like.
            inlet.write_all(&[7; CAPACITY]).await.unwrap();
            put(&mut inlet, &finish(false)).await;
            far.read_exact(&mut [0; CAPACITY + 40]).await.unwrap();
            assert_eq!(start.elapsed(), Duration::ZERO);
        };
        LocalSet::new().run_until(test).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_does_not_wait_for_a_receipt_to_have_company() {
        let test = async {
            let (mut inlet, outbox, far) = opened();
            put(&mut inlet, &finish(false)).await;
            let start = Instant::now();
            drop(inlet);
            outbox.emptied().await;
            assert_eq!(start.elapsed(), Duration::ZERO);
            far.readable().await.unwrap();
            assert_eq!(arrived(&far), finish(false));
        };
        LocalSet::new().run_until(test).await;
    }
}
