//! Streams: objects of ours on the node, and what the node tells them.
//!
//! A streaming call waits in the [`hub`] until a session takes it. The [`desk`] of a session registers
//! an object of ours with the node: one for each kind of event, however many subscribe
//! ([`topic`]; for wallets, one for each wallet and kind, [`wallet`]), or one for each conversation
//! ([`conversation`]). The node's calls to the object
//! ([`object`]) are answered at once; what they say is encoded once ([`entry`]) and put into a
//! bounded [`ring`], which each [`subscriber`] reads at its own pace. No client can make the node wait
//! but by a question that it was asked, and there for no longer than a bound.

mod answers;
mod conversation;
mod desk;
mod entry;
mod hub;
mod lookout;
mod mempool;
mod object;
mod register;
mod ring;
mod subscriber;
mod topic;
mod wallet;

pub(super) use desk::Desk;
pub use hub::StreamHub;
pub(super) use hub::{Hub, Opened};
