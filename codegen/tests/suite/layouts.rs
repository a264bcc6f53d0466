//! What generations have, and how they lay it out: facts that were looked up by hand.

use bitcoin_grpc_codegen::layout::{Adapter, Availability, WireStruct};
use bitcoin_grpc_codegen::schema::Type;

use crate::GENERATED;

fn availability(profile: &str, interface: &str, method: &str) -> &'static Availability {
    let place = (profile.to_owned(), interface.to_owned(), method.to_owned());
    GENERATED.layouts.methods.get(&place).expect("a method of the schema")
}

/// Ordinal, and the names of the layouts of parameters and results.
fn callable(profile: &str, interface: &str, method: &str) -> (u16, &'static str, &'static str) {
    match availability(profile, interface, method) {
        Availability::Callable { ordinal, params, results } => (*ordinal, params, results),
        other => panic!("{interface}.{method} of {profile} is {other:?}"),
    }
}

fn differs(profile: &str, interface: &str, method: &str) -> &'static str {
    match availability(profile, interface, method) {
        Availability::Differs(why) => why,
        other => panic!("{interface}.{method} of {profile} is {other:?}"),
    }
}

fn layout(name: &str) -> &'static WireStruct {
    GENERATED.layouts.structs.get(name).unwrap_or_else(|| panic!("no layout {name}"))
}

#[test]
fn ordinals_are_those_of_the_generation() {
    for (profile, ordinal) in [
        ("pr10102-2024-07", 9),
        ("pr29409-2025-05", 9),
        ("pr10102-2026-02", 7),
        ("pr10102-2026-07", 7),
    ] {
        let facts = GENERATED.profiles.iter().find(|p| p.profile == profile).expect("a profile");
        let fact = facts.method("Chain", "findBlock").expect("a method").ordinal;
        assert_eq!(callable(profile, "Chain", "findBlock").0, fact);
        assert_eq!(fact, ordinal, "{profile}");
    }
}

#[test]
fn what_a_generation_does_not_have_is_absent() {
    for (profile, interface, method) in [
        ("core-32", "Chain", "getHeight"),
        ("core-31", "Rpc", "executeRpc"),
        ("core-31", "Mining", "submitBlock"),
        ("core-30", "Mining", "interrupt"),
        ("pr29409-2025-05", "Node", "getNumBlocks"),
        ("pr10102-2026-02", "Chain", "waitForNotifications"),
        ("pr10102-2024-07", "BlockTemplate", "getBlock"),
    ] {
        let found = availability(profile, interface, method);
        assert_eq!(*found, Availability::Absent, "{interface}.{method} of {profile}");
    }
}

#[test]
fn what_carries_something_else_cannot_be_called() {
    assert!(differs("core-30", "BlockTemplate", "getCoinbaseTx").contains("Data"));
    assert!(differs("pr29409-2025-05", "BlockTemplate", "getCoinbaseTx").contains("Data"));
    // There it takes the new value; here it asks a callback for it.
    assert!(!differs("pr10102-2024-07", "Chain", "updateRwSetting").is_empty());
    assert!(differs("pr10102-2024-07", "Wallet", "createTransaction").contains("Result(Data)"));
}

#[test]
fn blocks_of_2025_are_laid_out_otherwise() {
    for method in ["findBlock", "findAncestorByHeight", "findCommonAncestor"] {
        let (_, params, results) = callable("pr29409-2025-05", "Chain", method);
        assert_eq!(params, format!("Chain.{method}.params"), "asked for as today");
        assert!(results.ends_with("Pr29409At202505"), "{results}");
        let (_, _, newest) = callable("pr10102-2026-02", "Chain", method);
        assert_eq!(newest, format!("Chain.{method}.results"));
    }
    let block = layout("FoundBlockResultPr29409At202505");
    assert_eq!(block.map["inActiveChain"].ty, Type::Int(64));
    let next = Type::Struct { name: "FoundBlockResultPr29409At202505".to_owned(), args: vec![] };
    assert_eq!(block.map["nextBlock"].ty, next, "a block in a block is laid out as itself");
    assert!(!layout("FoundBlockResultPr10102At202407").map.contains_key("locator"));
}

#[test]
fn core_30_makes_templates_without_a_context() {
    let (_, params, _) = callable("core-30", "Mining", "createNewBlock");
    let params = layout(params);
    let fields: Vec<_> = params.fields.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(fields, ["options"]);
    let options = layout("BlockCreateOptionsCoreAt30");
    assert!(options.fields.iter().all(|f| f.default.is_none()), "no defaults before Core 31");
}

#[test]
fn values_that_are_written_otherwise_are_adapted() {
    let (_, params, _) = callable("pr10102-2024-07", "Chain", "broadcastTransaction");
    let relay = &layout(params).map["broadcastMethod"];
    assert_eq!((relay.name.as_str(), relay.adapter), ("relay", Adapter::RelayFlag));
    let (_, params, _) = callable("pr29409-2025-05", "ChainNotifications", "blockConnected");
    let role = &layout(params).map["role"];
    assert_eq!((&role.ty, role.adapter), (&Type::UInt(32), Adapter::RoleNumber));
    let (_, params, _) = callable("pr10102-2024-07", "Wallet", "getDebit");
    assert_eq!(layout(params).constants, [("filter".to_owned(), 2)]);
}

#[test]
fn generations_share_a_layout_that_is_the_same() {
    let (_, old, _) = callable("pr10102-2024-07", "ChainNotifications", "blockConnected");
    let (_, later, _) = callable("pr29409-2025-05", "ChainNotifications", "blockConnected");
    assert_eq!(old, later);
}
