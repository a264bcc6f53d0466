//! Where parameters hold serialized values, and of which type.
//!
//! A test holds this against the wire facts: nothing that is `Data` there is missing here.

use bitcoin_grpc_contract::Method;

/// The type of a serialized value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A hash of 32 bytes.
    Hash,
    /// A list of them.
    Hashes,
    /// A transaction's id and the number of an output.
    OutPoint,
    /// A list of them.
    OutPoints,
    /// A list of pairs of outpoint and coin.
    Coins,
    /// The coin of such a pair.
    Coin,
    /// A fee rate.
    FeeRate,
    /// A locator.
    Locator,
    /// A transaction.
    Transaction,
    /// A transaction that may be left out.
    Coinbase,
    /// A block.
    Block,
    /// A network address.
    Address,
}

/// The serialized values in the parameters of a method: their place among the pointers behind the context.
pub(super) fn values(method: Method) -> &'static [(usize, Kind)] {
    use Kind::{
        Address, Block, Coinbase, Coins, FeeRate, Hash, Hashes, Locator, OutPoint, OutPoints,
        Transaction,
    };
    match method {
        Method::ChainBlockFilterMatchesAny
        | Method::ChainFindAncestorByHeight
        | Method::ChainFindBlock
        | Method::ChainGetTransactionAncestry
        | Method::ChainGuessVerificationProgress
        | Method::ChainHasBlocks
        | Method::ChainHasDescendantsInMempool
        | Method::ChainIsInMempool
        | Method::ChainWaitForNotificationsIfTipChanged
        | Method::MiningWaitTipChanged => &[(0, Hash)],
        Method::ChainFindAncestorByHash | Method::ChainFindCommonAncestor => {
            &[(0, Hash), (1, Hash)]
        }
        Method::ChainCalculateCombinedBumpFee | Method::ChainCalculateIndividualBumpFees => {
            &[(0, OutPoints), (1, FeeRate)]
        }
        Method::ChainBroadcastTransaction
        | Method::ChainCheckChainLimits
        | Method::ChainIsRbfOptIn
        | Method::NodeBroadcastTransaction => &[(0, Transaction)],
        Method::ChainFindCoins => &[(0, Coins)],
        Method::ChainFindLocatorFork => &[(0, Locator)],
        Method::MiningCheckBlock | Method::MiningSubmitBlock => &[(0, Block)],
        Method::MiningGetTransactionsByTxId | Method::MiningGetTransactionsByWitnessId => {
            &[(0, Hashes)]
        }
        Method::BlockTemplateSubmitSolution => &[(0, Coinbase)],
        Method::NodeBan | Method::NodeDisconnectByAddress => &[(0, Address)],
        Method::NodeGetUnspentOutput => &[(0, OutPoint)],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use bitcoin_grpc_contract::{Profile, Slot};
    use bitcoin_grpc_testkit::World;

    use super::*;

    /// Data that is taken as it is: elements of filters, and text.
    const RAW: [&str; 2] = ["Chain.blockFilterMatchesAny filterSet", "Node.unban ip"];

    const INTERFACES: [&str; 5] = ["Chain", "Node", "Mining", "BlockTemplate", "Rpc"];

    #[test]
    fn nothing_that_is_data_on_the_wire_is_missing() {
        let (mut found, mut methods) = (0, 0);
        for (name, peer) in &World::get().peers {
            let profile = Profile::by_name(name).unwrap();
            for method in Method::ALL.iter().copied() {
                let info = method.info();
                let (interface, _) = info.full_name.split_once('.').unwrap();
                let Slot::Callable(at) = profile.slot(method) else { continue };
                if !INTERFACES.contains(&interface) {
                    continue;
                }
                let facts = peer.generation.method_at(info.interface_id, at.ordinal).unwrap().1;
                let behind = usize::from(at.context);
                let wanted: Vec<usize> = facts
                    .params
                    .iter()
                    .filter(|field| field.ty.contains("Data"))
                    .filter(|field| {
                        let name = format!("{interface}.{} {}", facts.name, field.name);
                        !RAW.contains(&name.as_str())
                    })
                    .map(|field| field.offset as usize - behind)
                    .collect();
                let ours: Vec<usize> = values(method).iter().map(|(place, _)| *place).collect();
                assert_eq!(ours, wanted, "{} {}", profile.name, info.full_name);
                found += ours.len();
                methods += 1;
            }
        }
        assert!(found > 100 && methods > 400, "{found} {methods}");
    }
}
