//! The node's replies.

mod block;
mod chain;
mod echo;
mod messages;
mod mining;
mod node;
mod peers;
mod pool;
mod rpc;
mod settings;
mod template;
mod wait;

use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, OutPoint, Transaction, Txid};
use bitcoin_grpc_contract::{Method, Reply, Request, v1};
use bytes::Bytes;

use super::Shared;
use super::object::{Kind, Object};
use super::template::Template;

/// A call without a reply.
#[derive(Debug)]
pub(super) enum Fault {
    /// The node answers with an exception.
    Exception(String),
    /// A real node would have died.
    Dies(String),
    /// The devnode has no answer.
    Unimplemented,
    /// The message itself is malformed.
    Malformed(capnp::Error),
}

impl Fault {
    pub(super) fn into_error(self) -> capnp::Error {
        match self {
            Self::Exception(what) => capnp::Error::failed(format!("std::exception: {what}")),
            Self::Dies(what) => capnp::Error::disconnected(what),
            Self::Unimplemented => {
                capnp::Error::unimplemented("the devnode has no answer to this method".to_owned())
            }
            Self::Malformed(error) => error,
        }
    }
}

/// An answer: values, or a template for the client to hold.
pub(super) enum Answered {
    /// Values only.
    Reply(Reply),
    /// A template.
    Template(Template),
}

/// Answers a request on an object.
pub(super) async fn answer(object: &Object, request: Request) -> Result<Answered, Fault> {
    let shared = &object.connection.shared;
    if let Some(reply) = shared.led.answer(shared, &request) {
        return reply.map(Answered::Reply);
    }
    if rpc::connects_blocks(&request) {
        object.connection.shared.before_block().await;
    }
    match (&object.kind, &request) {
        (Kind::Template(template), Request::BlockTemplateWaitNext(q)) => {
            wait::next(object, template, q).await
        }
        (Kind::Template(template), Request::BlockTemplateSubmitSolution(q)) => {
            template::submit(object, template, q).map(Answered::Reply)
        }
        (Kind::Template(template), request) => {
            let interrupted = interrupt(object, request);
            let reply = interrupted.or_else(|| template::answer(template, request));
            reply.map(Answered::Reply).ok_or(Fault::Unimplemented)
        }
        (_, Request::MiningWaitTipChanged(q)) => {
            Ok(Answered::Reply(wait::tip_changed(object, q).await))
        }
        (_, Request::MiningCreateNewBlock(q)) => wait::create_new_block(object, q).await,
        (_, Request::ChainWaitForNotifications(_)) => {
            object.connection.shared.notifications_told().await;
            let done = v1::ChainWaitForNotificationsResponse {};
            Ok(Answered::Reply(Reply::ChainWaitForNotifications(done)))
        }
        (_, Request::ChainWaitForNotificationsIfTipChanged(q)) => {
            Ok(Answered::Reply(wait::notifications_if_tip_changed(object, q).await))
        }
        (_, request) => {
            let told = messages::answer(&object.connection.shared, request);
            let reply = told.or_else(|| interrupt(object, request)).map(Ok);
            let reply = reply.unwrap_or_else(|| ask(&object.connection.shared, request));
            reply.map(Answered::Reply)
        }
    }
}

/// The answer of a call whose effects were told, or not. What runs a JSON-RPC command makes an error of its own of that.
pub(super) fn after_signals(
    method: Method,
    answered: Answered,
    told: Result<(), Fault>,
) -> Result<Answered, Fault> {
    match told {
        Ok(()) => Ok(answered),
        Err(Fault::Dies(what) | Fault::Exception(what)) if method == Method::NodeExecuteRpc => {
            Ok(Answered::Reply(rpc::failed(&what)))
        }
        Err(fault) => Err(fault),
    }
}

/// Ends waits on an object, now or, if there are none, the next one.
fn interrupt(object: &Object, request: &Request) -> Option<Reply> {
    let reply = match request {
        Request::MiningInterrupt(_) => Reply::MiningInterrupt(v1::MiningInterruptResponse {}),
        Request::BlockTemplateInterruptWait(_) => {
            Reply::BlockTemplateInterruptWait(v1::BlockTemplateInterruptWaitResponse {})
        }
        _ => return None,
    };
    object.interrupt.raise();
    object.connection.shared.wake();
    Some(reply)
}

/// Asks the node, and if it has no answer as it is, changes it.
fn ask(shared: &Shared, request: &Request) -> Result<Reply, Fault> {
    let asked = {
        let node = shared.node();
        echo::answer(request)
            .or_else(|| block::answer(&node, request))
            .or_else(|| pool::answer(&node, request))
            .or_else(|| chain::answer(&node, request))
            .or_else(|| settings::answer(&node, request))
            .or_else(|| mining::answer(&node, shared.profile, request))
            .or_else(|| node::answer(&node, request))
            .or_else(|| peers::answer(&node, request))
            .or_else(|| rpc::answer(request))
    };
    asked
        .or_else(|| shared.change(|node| change(node, request)))
        .unwrap_or(Err(Fault::Unimplemented))
}

fn change(node: &mut crate::Node, request: &Request) -> Option<Result<Reply, Fault>> {
    pool::change(node, request)
        .or_else(|| settings::change(node, request))
        .or_else(|| mining::change(node, request))
        .or_else(|| node::change(node, request))
        .or_else(|| peers::change(node, request))
        .or_else(|| rpc::change(node, request))
}

/// An answer, if this part of the node has one.
type Answer = Option<Result<Reply, Fault>>;

fn block_hash(bytes: &Bytes) -> BlockHash {
    BlockHash::from_slice(bytes).unwrap_or_else(|_| BlockHash::all_zeros())
}

fn txid(bytes: &Bytes) -> Txid {
    Txid::from_slice(bytes).unwrap_or_else(|_| Txid::all_zeros())
}

fn hash_bytes(hash: BlockHash) -> Bytes {
    Bytes::copy_from_slice(hash.as_byte_array())
}

fn out_point(out_point: &v1::OutPoint) -> OutPoint {
    OutPoint { txid: txid(&out_point.txid), vout: out_point.vout }
}

fn out_point_message(out_point: &OutPoint) -> v1::OutPoint {
    v1::OutPoint {
        txid: Bytes::copy_from_slice(out_point.txid.as_byte_array()),
        vout: out_point.vout,
    }
}

fn transaction(bytes: &Bytes) -> Result<Transaction, Fault> {
    bitcoin::consensus::encode::deserialize(bytes)
        .map_err(|error| Fault::Exception(error.to_string()))
}

fn feerate(rate: crate::FeeRate) -> Option<v1::FeeRate> {
    Some(v1::FeeRate { sat_per_kvb: rate.to_sat_per_kvb() })
}
