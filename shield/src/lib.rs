//! The shield's trial: what nobody would send, sent to the whole program, with a node behind it that counts its deaths.
//!
//! A fuzzer, or chance, gives bytes. [`run`] turns them into requests in one of three ways ([`Target`]), sends them to a
//! proxy that runs in this process in front of an embedded node, and panics if the node would have died, if anything
//! panicked, if something that must answer at once did not, or if the node answers nobody any more. `maker` makes
//! requests out of bytes: mostly as the contract wants them, with mistakes of the kinds that have ended nodes. `hints`
//! tells it what a field should hold, `facts` what the node has. `world` is the proxy and its node, `requests`,
//! `messages` and `raw` are the three ways in.
//!
//! The cargo-fuzz targets in `fuzz/`, the test of their corpus, and `scripts/shield` all do the same by this.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a tool of tests: what cannot go on must end the test and say why"
)]

mod deadly;
mod facts;
mod hints;
mod json;
mod line;
mod maker;
mod messages;
pub mod mutate;
mod raw;
mod requests;
mod tally;
mod world;

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::sync::OnceLock;

pub use deadly::Refused;
pub use tally::Tally;
use world::World;

/// A way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Decoded requests, at the top of the stack of layers.
    Requests,
    /// Protobuf messages of known methods, sent as gRPC.
    Messages,
    /// Bytes, written to a connection.
    Bytes,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Requests, Self::Messages, Self::Bytes];

    /// Its name, which is that of the fuzz target and of its corpus.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Messages => "messages",
            Self::Bytes => "bytes",
        }
    }
}

/// The node behind the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Embedded nodes, of this generation or of one after the other.
    Embedded(Option<&'static str>),
    /// A real node's socket.
    Real(PathBuf),
}

static SUBJECT: OnceLock<Subject> = OnceLock::new();

/// Says what the node is, before the first run.
///
/// # Errors
/// With the subject, if there was a run already.
pub fn choose(subject: Subject) -> Result<(), Subject> {
    SUBJECT.set(subject)
}

thread_local! {
    /// Not dropped with the thread: its runtime could not be, then.
    static WORLD: RefCell<ManuallyDrop<Option<World>>> =
        const { RefCell::new(ManuallyDrop::new(None)) };
}

/// Requests after which the world is ended in order, and another one begins. So what they left behind in the node does
/// not grow for ever, and ending is tried, too.
const WORLD_AGE: u64 = 50_000;

/// Sends what the bytes stand for.
///
/// # Panics
/// When the node, or anything before it, does not take it.
pub fn run(target: Target, data: &[u8]) {
    WORLD.with_borrow_mut(|world| {
        if world.as_ref().is_some_and(|world| world.sent() >= WORLD_AGE) {
            world.take().into_iter().for_each(World::end);
        }
        let world = world.get_or_insert_with(|| World::start(subject()));
        match target {
            Target::Requests => requests::run(world, data),
            Target::Messages => messages::run(world, data),
            Target::Bytes => raw::run(world, data),
        }
    });
}

/// Sends every request that is known to end nodes, to a world of its own.
///
/// # Panics
/// When the node, or anything before it, does not take it.
#[must_use]
pub fn deadly() -> Refused {
    end();
    WORLD.with_borrow_mut(|world| deadly::run(world.insert(World::start(subject()))))
}

fn subject() -> &'static Subject {
    SUBJECT.get_or_init(|| Subject::Embedded(None))
}

/// Ends the world in order, if there is one.
///
/// # Panics
/// When something was left behind.
pub fn end() {
    WORLD.with_borrow_mut(|world| world.take().into_iter().for_each(World::end));
}
