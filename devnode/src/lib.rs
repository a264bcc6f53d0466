//! The embedded node of bitcoin-grpc: a small regtest node.
//!
//! It is made for demonstrations and tests. Blocks are real, with real proof of work at regtest's target, and so are
//! forks, the mempool, block filters and the order of notifications; answers agree with recordings of real nodes. But
//! it is **no stand-in for a node in production**: signatures are not verified, all of the chain is in memory, and
//! there is no network: peers are made up by scripts.
//!
//! A submitted block goes through [`consensus`] into [`blocks`], moves the active chain, changes [`coins`] and the
//! [`mempool`], gets a filter in [`filters`], and ends as [`events`] that a listener takes. A transaction goes through
//! [`consensus`] and [`scripts`] into the [`mempool`], and from there through [`miner`] into a block. [`node`] holds
//! all that together and answers the questions of the interfaces; [`rpc`] answers those in JSON. [`peers`] and
//! [`settings`] are what its operator sees. What differs between generations of nodes is in [`generation`].
//!
//! # What is different from real nodes, and why
//!
//! - Scripts run as far as [`scripts`] goes; signatures are taken on trust. Verifying them would need a second
//!   implementation of the script language, and tests spend outputs that anyone can spend.
//! - The mempool takes non-standard transactions (as with `-acceptnonstdtxn=1`), is never full and never forgets. It
//!   does not know version 3 rules, ephemeral dust and priorities, and does not compare fee rate diagrams.
//! - The order of a cluster mempool comes from a simple search, which finds the best order for small clusters.
//! - There are never enough data to estimate fees.
//! - Positions of blocks and undo data count in an imagined file, pruning is done by hand, and a settings file always
//!   counts as written. [`store`] keeps the chain in a form of its own.
//! - A call that would end a real node, or make it throw, gives an error here ([`node::NodeError`]); what a real node
//!   leaves uninitialised is none.
//! - Block templates are made anew for every `getblocktemplate`; a real node keeps one for five seconds.
//! - Memory of the mempool is a guess. Help texts of commands are short and our own, commands that wait (`waitfor...`)
//!   and those of wallets do not exist, and only commands that exist are listed.
//! - A transaction without inputs and outputs counts as one that cannot be read; a real node reads it.
//! - A client that makes a real node die ([`socket::Deaths`]) loses its connection; the devnode lives on for the others.
//! - A command that makes many blocks makes them at once, however many notifications wait; a real node stops in between.
//!   While a client is told the mempool, or decides on a setting, nothing else is locked that could be.
//! - Peers and JSON-RPC each have one thread, and of notifications beyond the capacity of [`events`] the oldest are lost.
//!   Of the reasons for warnings there are two: blocks with unknown version bits, and scripts that say so.
//! - There is no JSON-RPC port: commands that a client serves (with `-server=0`) are run by `Node.executeRpc` and by
//!   [`socket::Shared::json_rpc`]. Help of all commands at once, and `Rpc.executeRpc`, leave them out.
//! - Half of the `Mining` of July 2024 is stubs there and missing here, and its peers' own addresses have no time and
//!   services before them. There is nothing that traces.
//! - Whether the initial download is over is looked at when a block comes or the clock is set, not when asked.
//!
//! All of that is synchronous and single-threaded. [`socket`] serves it as a node serves its IPC interface, and [`host`]
//! gives it a thread of its own, where it mines and makes [`traffic`] by itself. [`blockfile`] reads what others wrote. What
//! can go wrong with a node goes wrong with this one when [`fault`] says so.

pub mod blockfile;
pub mod blocks;
pub mod clock;
pub mod coins;
pub mod consensus;
pub mod estimate;
pub mod events;
pub mod fault;
pub mod feerate;
pub mod filters;
pub mod generation;
pub mod host;
pub mod import;
pub mod mempool;
pub mod miner;
pub mod node;
pub mod peers;
pub mod reject;
pub mod rpc;
pub mod scripts;
pub mod settings;
pub mod socket;
pub mod store;
pub mod traffic;
pub mod wire;

pub use feerate::FeeRate;
pub use generation::Generation;
pub use node::{Node, NodeOptions};
