//! The call that is measured.

use bitcoin_grpc_contract::{Profile, Slot, Unary, v1};
use bytes::Bytes;

use crate::plan::Outcome;

/// What is measured where nothing else is wished for: the first that the node has. Each is one
/// small call to the node, whether it comes through the proxy or not.
const CHOICE: [&str; 3] = ["Chain.IsInMempool", "Mining.GetTip", "Echo.Echo"];

/// The first of [`CHOICE`] that a generation has.
pub(crate) fn choose(profile: &Profile) -> Outcome<&'static str> {
    let can = |name: &&str| {
        let method = with(name, MethodOf).ok();
        method.is_some_and(|method| matches!(profile.slot(method), Slot::Callable(_)))
    };
    Ok(CHOICE.into_iter().find(can).ok_or("the node has no method that is measured")?)
}

/// Something that is done with a request, whatever its type.
pub(crate) trait Work {
    type Output;
    fn work<Q: Unary + Clone + Sync>(self, request: Q) -> Self::Output;
}

/// Does something with the request of a method.
pub(crate) fn with<W: Work>(method: &str, work: W) -> Outcome<W::Output> {
    Ok(match method {
        // A read behind a lock of the node. Through the proxy it becomes another one, which
        // cannot end the node.
        "Chain.GetBlockHash" => work.work(v1::ChainGetBlockHashRequest { height: 1 }),
        "Chain.GetHeight" => work.work(v1::ChainGetHeightRequest {}),
        "Chain.IsInMempool" => {
            work.work(v1::ChainIsInMempoolRequest { txid: Bytes::from_static(&[7; 32]) })
        }
        "Mining.GetTip" => work.work(v1::MiningGetTipRequest {}),
        "Echo.Echo" => {
            work.work(v1::EchoEchoRequest { echo: "32 characters, as long as a txid.".to_owned() })
        }
        other => return Err(format!("there is no measurement of {other}").into()),
    })
}

/// Gives the method.
pub(crate) struct MethodOf;

impl Work for MethodOf {
    type Output = bitcoin_grpc_contract::Method;

    fn work<Q: Unary>(self, _: Q) -> Self::Output {
        Q::METHOD
    }
}
