//! The node behind a unix socket: connection, server threads, and what keeps the node alive.
//!
//! A call's way: [`IpcPool`] puts it in line (`queue.rs`); a free server thread of the node takes it
//! (`worker.rs`); what is dangerous about it is refused or asked another way (`translate.rs`); it is
//! written, sent and read (`link.rs`, `wire.rs`; `outbox.rs` and `socket.rs` below them). Callers who
//! wait for the same share one wait (`waits.rs`); objects that callers use are leased to them
//! (`leases.rs`) and destroyed when nobody uses them any more (`held.rs`), wallets are found by their
//! names (`wallets.rs`). Everything that belongs to a connection lives on one thread; only the queue
//! is shared. `supervisor.rs` connects (`connector.rs`, `connection.rs`), finds out what the node
//! speaks (`detect.rs`), waits until it has loaded (`ready.rs`), and begins anew when it goes away.
//! A node that is ours to start and to end is in `spawn/`.

mod apart;
mod config;
mod connection;
mod connector;
mod detect;
mod fault;
mod held;
mod leases;
mod link;
mod objects;
mod outbox;
mod pool;
mod probe;
mod queue;
mod ready;
mod session;
mod signs;
mod size;
mod socket;
mod spawn;
mod streams;
mod supervisor;
mod threads;
mod translate;
mod tray;
mod waits;
mod wallets;
mod wire;
mod worker;

#[cfg(test)]
mod tests;

pub use apart::Apart;
pub use config::{
    BIG_READS, BLOCKING_THREADS, CONNECTIONS, DRAIN_LIMIT, IpcConfig, Notifications, Place, QUEUE,
    READ_THREADS, REPLACED_THREADS, RETIRE_AFTER, RETIRE_BLOCKING_AFTER, SETTLE, SOCKET_AGE,
};
pub use leases::{LEASE_TIME, LEASES, LEASES_PER_CALLER, LeaseConfig, Leases};
pub use pool::{IpcHandle, IpcPool, ReplyFuture};
pub use probe::probe;
pub use spawn::{Command, Restart, STOP_LIMIT, SpawnConfig, Start};
pub use streams::StreamHub;
