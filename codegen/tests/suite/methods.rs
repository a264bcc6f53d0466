//! Method for method: what the node can be asked is in the contract once, or left out on purpose.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin_grpc_codegen::contract::Origin;

use crate::{GENERATED, NEWEST, profile};

/// Methods without an rpc, and why.
const LEFT_OUT: [(&str, &str, &str); 23] = [
    ("Init", "construct", "part of connecting; the pool does it"),
    ("Init", "makeEcho", "part of connecting"),
    ("Init", "makeMiningOld2", "superseded; nodes answer with an error"),
    ("Init", "makeMining", "part of connecting"),
    ("Init", "makeRpc", "part of connecting"),
    ("Init", "makeChain", "part of connecting"),
    ("Init", "makeNode", "part of connecting"),
    ("Init", "makeWalletLoader", "for the wallet process; ends bitcoin-node"),
    ("ThreadMap", "makeThread", "threads are the pool's business"),
    ("ThreadMap", "makePool", "threads are the pool's business"),
    ("Thread", "getName", "threads are the pool's business"),
    ("Chain", "destroy", "one object for all callers; it lives as long as the connection"),
    ("ChainClient", "destroy", "one object for all callers; it lives as long as the connection"),
    ("Echo", "destroy", "one object for all callers; it lives as long as the connection"),
    ("Node", "destroy", "one object for all callers; it lives as long as the connection"),
    ("Wallet", "destroy", "wallets are named, not held; the pool lets go of them"),
    ("Handler", "destroy", "the end of the stream does it"),
    ("Handler", "disconnect", "the end of the stream does it"),
    ("ExternalSigner", "destroy", "signers are named, not held"),
    ("ExternalSigner", "getName", "ListExternalSigners answers with the names"),
    ("ChainClient", "registerRpcs", "the node does it while it starts; twice ends it"),
    ("Node", "customWalletLoader", "how the service WalletLoader is reached"),
    ("BlockTemplate", "submitSolutionOld7", "superseded; nodes answer with an error"),
];

/// Interfaces that clients serve and the node calls. Their methods are messages of streams.
fn is_callback(interface: &str) -> bool {
    interface.ends_with("Callback") || interface.ends_with("Notifications")
}

/// Where each method of the wire is in the contract.
fn rpcs() -> BTreeMap<(String, String), Vec<String>> {
    let mut rpcs: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for service in &GENERATED.contract.services {
        for rpc in &service.methods {
            let place = (rpc.interface.clone(), rpc.wire_name.clone());
            rpcs.entry(place).or_default().push(format!("{}.{}", service.name, rpc.name));
        }
    }
    rpcs
}

/// Every method of the wire.
fn wire() -> BTreeSet<(String, String)> {
    let interfaces = profile(NEWEST).interfaces.iter();
    interfaces
        .flat_map(|(name, i)| i.methods.iter().map(move |m| (name.clone(), m.name.clone())))
        .collect()
}

fn left_out() -> BTreeSet<(String, String)> {
    LEFT_OUT.iter().map(|(i, m, _)| ((*i).to_owned(), (*m).to_owned())).collect()
}

#[test]
fn every_method_is_offered_once_or_left_out_on_purpose() {
    let (rpcs, left_out) = (rpcs(), left_out());
    for place in wire().into_iter().filter(|(interface, _)| !is_callback(interface)) {
        match rpcs.get(&place).map_or(0, Vec::len) {
            0 => assert!(left_out.contains(&place), "{place:?} is nowhere"),
            1 => assert!(!left_out.contains(&place), "{place:?} is said to be left out"),
            _ => panic!("{place:?} is offered as {:?}", rpcs[&place]),
        }
    }
}

#[test]
fn nothing_is_offered_besides() {
    let wire = wire();
    for (place, names) in rpcs() {
        assert!(wire.contains(&place), "{names:?} stands for no method");
    }
    for (interface, method, reason) in LEFT_OUT {
        assert!(!reason.is_empty());
        let place = (interface.to_owned(), method.to_owned());
        assert!(wire.contains(&place), "{interface}.{method} is left out of nothing");
    }
}

#[test]
fn a_name_is_that_of_the_wire_unless_the_schema_says_otherwise() {
    for service in &GENERATED.contract.services {
        for rpc in &service.methods {
            let plain = |name: &str| name.replace('_', "").to_ascii_lowercase();
            let schema = GENERATED.schema.interface(&rpc.interface).expect("an interface");
            let method = schema.methods.iter().find(|m| m.name == rpc.wire_name).expect("a method");
            let wanted = method.rename.as_ref().unwrap_or(&method.name);
            assert_eq!(plain(&rpc.name), plain(wanted), "in {}", service.name);
        }
    }
}

#[test]
fn every_callback_is_a_message_of_a_stream() {
    let mirrored: BTreeSet<_> = GENERATED
        .contract
        .messages
        .values()
        .filter_map(|message| match &message.origin {
            Origin::Params(interface, method) => Some((interface.clone(), method.clone())),
            _ => None,
        })
        .collect();
    for place in wire().into_iter().filter(|(interface, _)| is_callback(interface)) {
        let ends = place.1 == "destroy";
        assert_eq!(mirrored.contains(&place), !ends, "{place:?}");
    }
}
