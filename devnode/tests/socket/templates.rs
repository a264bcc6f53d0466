//! Block templates: bounds, waits and solutions, by generation.

use bitcoin::consensus::encode::{deserialize, serialize};
use bitcoin_grpc_contract::{Reply, Request, Service, v1};
use bitcoin_grpc_devnode::clock::Clock;
use bitcoin_grpc_devnode::miner::solve;

use crate::client::{Client, Object, new_call, node_of, with_devnode, with_node};

/// Height of the lowest tip on which every generation makes a template.
const LOWEST: u32 = 16;

fn create(weight: u64, sigops: u64) -> Request {
    let options = v1::BlockCreateOptions {
        use_mempool: Some(true),
        block_reserved_weight: Some(weight),
        coinbase_output_max_additional_sigops: Some(sigops),
    };
    Request::MiningCreateNewBlock(v1::MiningCreateNewBlockRequest {
        options: Some(options),
        cooldown: None,
    })
}

fn create_plain(cooldown: Option<bool>) -> Request {
    Request::MiningCreateNewBlock(v1::MiningCreateNewBlockRequest { options: None, cooldown })
}

/// What became of options out of bounds: a template, an exception, or the end of the node.
fn outcome(profile: &str, blocks: u32, request: &Request) -> &'static str {
    let mut seen = "";
    let deaths = with_devnode(profile, blocks, async |client: Client| {
        let mining = client.make(Service::Mining).await.expect("made");
        seen = match client.template(&mining, request).await {
            Ok(template) => template.map_or("none", |_| "template"),
            Err(error) if error.kind == capnp::ErrorKind::Failed => "exception",
            Err(_) => "gone",
        };
    });
    if deaths.count() > 0 { "death" } else { seen }
}

#[test]
fn bounds_of_options_differ() {
    let (low, heavy, busy) = (create(1999, 400), create(4_000_001, 400), create(8000, 80_001));
    for (profile, expected) in [
        ("core-30", ["death", "death", "death"]),
        ("pr29409-2025-05", ["death", "death", "death"]),
        ("pr10102-2026-02", ["death", "template", "template"]),
        ("core-32", ["exception", "exception", "exception"]),
    ] {
        let seen = [&low, &heavy, &busy].map(|request| outcome(profile, LOWEST, request));
        assert_eq!(seen, expected, "{profile}");
        assert_eq!(outcome(profile, LOWEST, &create(2000, 0)), "template", "{profile}");
    }
}

/// The height of a block up to 16 is one byte of script, and a coinbase's has to have two.
#[test]
fn templates_on_low_chains_end_generations_with_bare_coinbases() {
    for (profile, below) in [
        ("core-30", "template"),
        ("pr29409-2025-05", "template"),
        ("pr10102-2026-02", "death"),
        ("core-31", "death"),
        ("core-32", "template"),
    ] {
        assert_eq!(outcome(profile, LOWEST - 1, &create(8000, 400)), below, "{profile}");
        assert_eq!(outcome(profile, LOWEST, &create(8000, 400)), "template", "{profile}");
    }
}

/// What becomes of a call without options. The contract would fill them in where the schema has no defaults, so the
/// call is made bare. In the release 30 it has no context.
fn without_options(profile: &str) -> bool {
    let deaths = with_devnode(profile, LOWEST, async |client: Client| {
        let mining = client.make(Service::Mining).await.expect("made");
        let method = bitcoin_grpc_contract::Method::MiningCreateNewBlock;
        let slot = client.world.profile.slot(method);
        let bitcoin_grpc_contract::Slot::Callable(at) = slot else { panic!("not there") };
        let interface = Service::Mining.interface_id();
        let answer = match at.context {
            true => client.bare(&mining, interface, at.ordinal).await,
            false => new_call(&mining, interface, at.ordinal).send().promise.await.map(drop),
        };
        // Whether it died is told below.
        drop(answer);
    });
    deaths.count() == 0
}

#[test]
fn options_left_out_have_defaults_only_where_the_schema_has_some() {
    assert!(!without_options("core-30"));
    assert!(without_options("pr10102-2026-02"));
    assert!(without_options("core-32"));
}

/// A node whose tip is old believes that it is still downloading.
#[test]
fn templates_wait_for_the_end_of_the_download_unless_told_otherwise() {
    let mut node = node_of("core-32", 0);
    node.set_clock(Clock::Mock(1_900_000_000));
    with_node("core-32", node, async |client: Client| {
        let mining = client.make(Service::Mining).await.expect("made");
        let now = client.template(&mining, &create_plain(Some(false))).await;
        assert!(now.expect("answered").is_some());
        let request = create_plain(Some(true));
        let waiting = client.template(&mining, &request);
        tokio::pin!(waiting);
        let soon = std::time::Duration::from_millis(50);
        assert!(tokio::time::timeout(soon, &mut waiting).await.is_err(), "it waits");
        let interrupt = Request::MiningInterrupt(v1::MiningInterruptRequest {});
        client.ask(&mining, &interrupt, None).await.expect("interrupted");
        assert!(waiting.await.expect("answered").is_none());
    });
}

/// Networks for tests offer another template once the tip is older than 20 minutes: the next block may be an easy one.
#[test]
fn a_tip_grows_stale_in_twenty_minutes() {
    for (age, offered) in [(1_200, false), (1_201, true)] {
        let mut node = node_of("core-32", LOWEST);
        node.set_clock(Clock::Mock(i64::from(node.tip().time()) + age));
        with_node("core-32", node, async |client: Client| {
            let mining = client.make(Service::Mining).await.expect("made");
            let template = client.template(&mining, &create_plain(Some(false))).await;
            let template = template.expect("answered").expect("a template");
            let options = v1::BlockWaitOptions { timeout_ms: Some(0.0), fee_threshold_sat: None };
            let wait = Request::BlockTemplateWaitNext(v1::BlockTemplateWaitNextRequest {
                options: Some(options),
                ..Default::default()
            });
            let next = client.template(&template, &wait).await.expect("answered");
            assert_eq!(next.is_some(), offered, "{age} s");
        });
    }
}

async fn block_of(client: &Client, template: &Object) -> bitcoin::Block {
    let request = Request::BlockTemplateGetBlock(v1::BlockTemplateGetBlockRequest::default());
    match client.ask(template, &request, Some(&client.thread)).await.expect("a block") {
        Reply::BlockTemplateGetBlock(reply) => deserialize(&reply.block).expect("a block"),
        other => panic!("another reply: {other:?}"),
    }
}

/// Mines a template, moves the chain, and gets the next template of the old one. On every generation alike.
#[test]
fn a_solution_becomes_the_tip() {
    for profile in ["pr29409-2025-05", "core-30", "pr10102-2026-02", "core-31", "pr10102-2026-07"] {
        with_devnode(profile, LOWEST, async |client: Client| {
            let mining = client.make(Service::Mining).await.expect("made");
            let template = client.template(&mining, &create(8000, 400)).await.expect("answered");
            let template = template.expect("a template");
            let mut block = block_of(&client, &template).await;
            block.header.merkle_root = block.compute_merkle_root().expect("a root");
            assert!(solve(&mut block.header));
            let solution = v1::BlockTemplateSubmitSolutionRequest {
                version: block.header.version.to_consensus().cast_unsigned(),
                timestamp: block.header.time,
                nonce: block.header.nonce,
                coinbase: serialize(&block.txdata[0]).into(),
                ..Default::default()
            };
            let submit = Request::BlockTemplateSubmitSolution(solution);
            let reply = client.ask(&template, &submit, Some(&client.thread)).await;
            let Ok(Reply::BlockTemplateSubmitSolution(reply)) = reply else { panic!("{reply:?}") };
            assert!(reply.accepted, "{profile}");
            assert_eq!(client.world.shared.node().tip().hash(), block.block_hash());
            assert_eq!(block_of(&client, &template).await, block);
            let wait = Request::BlockTemplateWaitNext(v1::BlockTemplateWaitNextRequest::default());
            let next = client.template(&template, &wait).await.expect("answered").expect("a next");
            let prev = block_of(&client, &next).await.header.prev_blockhash;
            assert_eq!(prev, block.block_hash(), "{profile}");
        });
    }
}
