//! Block templates on the embedded node, which counts what would have ended a real one.

use std::rc::Rc;
use std::time::Duration;

use bitcoin_grpc_contract::{Method, Profile, Unary, v1};
use bitcoin_grpc_devnode::clock::Clock;
use bitcoin_grpc_devnode::fault::Called;
use bitcoin_grpc_devnode::socket::{Server, Shared};
use bitcoin_grpc_devnode::{Node, NodeOptions};
use tokio::sync::watch;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, timeout};
use tower::Service;

use super::super::{IpcConfig, IpcHandle, IpcPool, LeaseConfig, Leases, Place, ReplyFuture};
use super::{LONG, local};
use crate::backend::NodeState;
use crate::call::{Call, Caller};
use crate::error::{CallError, LeaseEnd};

/// Blocks of its chain: enough for a template in every generation.
const BLOCKS: u32 = 16;

/// The embedded node, and a pool on it.
struct Dev {
    node: Rc<Shared>,
    pool: IpcPool,
    handle: IpcHandle,
    leases: Leases,
    _folder: tempfile::TempDir,
}

impl Dev {
    async fn start(profile: &str, change: impl FnOnce(&mut IpcConfig)) -> Self {
        Self::with(profile, LeaseConfig::default(), change).await
    }

    async fn with(profile: &str, bounds: LeaseConfig, change: impl FnOnce(&mut IpcConfig)) -> Self {
        Self::grown(profile, BLOCKS, bounds, change).await
    }

    async fn grown(
        profile: &str,
        blocks: u32,
        bounds: LeaseConfig,
        change: impl FnOnce(&mut IpcConfig),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let profile = Profile::by_name(profile).unwrap();
        let mut node = Node::new(NodeOptions { clock: Clock::System, ..NodeOptions::default() });
        node.generate(blocks).unwrap();
        let node = Rc::new(Shared::new(node, profile));
        let server = Server::bind(folder.path().join("node.sock"), Rc::clone(&node)).unwrap();
        spawn_local(async move { server.run().await });
        let leases = Leases::new(bounds);
        let mut config = IpcConfig {
            place: Place::Unix(folder.path().join("node.sock")),
            settle: Duration::ZERO,
            socket_age: Duration::ZERO,
            leases: leases.clone(),
            ..IpcConfig::default()
        };
        change(&mut config);
        let (pool, mut states, handle) = IpcPool::start(config);
        ready(&mut states).await;
        Self { node, pool, handle, leases, _folder: folder }
    }

    fn send<Q: Unary>(&self, request: Q) -> ReplyFuture {
        self.send_as(request, Caller::Local)
    }

    fn send_as<Q: Unary>(&self, request: Q, caller: Caller) -> ReplyFuture {
        let request = request.into_request();
        self.pool.clone().call(Call {
            request,
            caller,
            grants: Default::default(),
            deadline: None,
            listener: 0,
            line: 0,
            trace: Default::default(),
        })
    }

    async fn ask<Q: Unary>(&self, request: Q) -> Result<Q::Response, CallError> {
        heard::<Q>(self.send(request)).await
    }

    async fn template(&self) -> v1::Lease {
        self.ask(request()).await.unwrap().template.unwrap()
    }

    /// Waits until the node has no template any more, and the table no lease.
    async fn nothing_left(&self) {
        let gone = async {
            while self.node.templates() > 0 || self.leases.taken() > 0 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let left = || format!("{} on the node, {}", self.node.templates(), self.leases.taken());
        timeout(LONG, gone).await.unwrap_or_else(|_| panic!("left: {}", left()));
        self.lives();
    }

    fn lives(&self) {
        assert_eq!(self.node.deaths.count(), 0, "{:?}", self.node.deaths.causes());
    }
}

async fn ready(states: &mut watch::Receiver<NodeState>) {
    let ready = states.wait_for(|state| matches!(state, NodeState::Ready(_)));
    timeout(LONG, ready).await.unwrap().unwrap();
}

async fn heard<Q: Unary>(reply: ReplyFuture) -> Result<Q::Response, CallError> {
    let reply = timeout(LONG, reply).await.expect("an answer in time")?;
    Ok(Q::response(reply.into_reply()?).expect("a reply of the same method"))
}

fn request() -> v1::MiningCreateNewBlockRequest {
    v1::MiningCreateNewBlockRequest { options: None, cooldown: None }
}

fn header(lease: &v1::Lease) -> v1::BlockTemplateGetBlockHeaderRequest {
    v1::BlockTemplateGetBlockHeaderRequest { handle: lease.handle.clone() }
}

fn next(lease: &v1::Lease, timeout_ms: Option<f64>) -> v1::BlockTemplateWaitNextRequest {
    let options = v1::BlockWaitOptions { timeout_ms, fee_threshold_sat: None };
    v1::BlockTemplateWaitNextRequest { handle: lease.handle.clone(), options: Some(options) }
}

fn destroy(lease: &v1::Lease) -> v1::BlockTemplateDestroyRequest {
    v1::BlockTemplateDestroyRequest { handle: lease.handle.clone() }
}

fn gone<T>(answer: Result<T, CallError>) -> LeaseEnd {
    match answer {
        Err(CallError::LeaseGone(why)) => why,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it is there"),
    }
}

/// Generations whose embedded node has templates.
const GENERATIONS: [&str; 4] = ["core-31", "core-32", "pr29409-2025-05", "pr10102-2026-02"];

#[test]
fn a_chain_too_low_for_a_bare_coinbase_gets_no_template() {
    local(async || {
        for (profile, made) in [
            ("core-30", true),
            ("core-31", false),
            ("core-32", true),
            ("pr29409-2025-05", true),
            ("pr10102-2026-02", false),
        ] {
            let dev = Dev::grown(profile, BLOCKS - 1, LeaseConfig::default(), |_| {}).await;
            let answer = dev.ask(request()).await.map(|_| ()).map_err(|error| error.reason());
            assert_eq!(answer, if made { Ok(()) } else { Err("REFUSED_FOR_SAFETY") }, "{profile}");
            assert_eq!(dev.node.templates(), usize::from(made), "{profile}");
            assert_eq!(dev.leases.taken(), usize::from(made), "{profile}");
            dev.handle.shutdown().await;
        }
    });
}

#[test]
fn a_chain_taken_back_too_low_ends_waits_for_the_next_template() {
    local(async || {
        for (profile, answered) in
            [("core-31", false), ("core-32", true), ("pr10102-2026-02", false)]
        {
            let dev = Dev::start(profile, |_| {}).await;
            let lease = dev.template().await;
            let tip = dev.node.node().tip().hash();
            dev.node.change(|node| node.invalidate(&tip)).unwrap();
            let answer = dev.ask(next(&lease, Some(2000.0))).await;
            let answer = answer.map(|answer| answer.template.is_some()).map_err(|e| e.reason());
            let expected = if answered { Ok(true) } else { Err("REFUSED_FOR_SAFETY") };
            assert_eq!(answer, expected, "{profile}");
            dev.lives();
            dev.handle.shutdown().await;
        }
    });
}

#[test]
fn a_template_is_made_used_and_destroyed() {
    local(async || {
        for profile in GENERATIONS {
            let dev = Dev::start(profile, |_| {}).await;
            let lease = dev.template().await;
            assert_eq!(dev.node.templates(), 1, "{profile}");
            assert_eq!(dev.ask(header(&lease)).await.unwrap().header.len(), 80);
            dev.ask(destroy(&lease)).await.unwrap();
            // The word comes after the node's.
            assert_eq!(dev.node.templates(), 0, "{profile}");
            assert_eq!(gone(dev.ask(header(&lease)).await), LeaseEnd::Destroyed);
            assert_eq!(gone(dev.ask(destroy(&lease)).await), LeaseEnd::Destroyed);
            dev.nothing_left().await;
            dev.handle.shutdown().await;
        }
    });
}

#[test]
fn a_template_is_its_callers() {
    local(async || {
        let dev = Dev::start("core-32", |_| {}).await;
        let lease = dev.template().await;
        let stranger = || Caller::Remote("192.0.2.7".into());
        let looked = heard::<v1::BlockTemplateGetBlockHeaderRequest>(
            dev.send_as(header(&lease), stranger()),
        );
        assert_eq!(gone(looked.await), LeaseEnd::Unknown);
        let ended =
            heard::<v1::BlockTemplateDestroyRequest>(dev.send_as(destroy(&lease), stranger()));
        assert_eq!(gone(ended.await), LeaseEnd::Unknown);
        assert_eq!(dev.ask(header(&lease)).await.unwrap().header.len(), 80);
        dev.handle.shutdown().await;
    });
}

#[test]
fn a_forgotten_template_is_destroyed() {
    local(async || {
        let bounds =
            LeaseConfig { time_to_live: Duration::from_millis(200), ..LeaseConfig::default() };
        let dev = Dev::with("core-32", bounds, |_| {}).await;
        let lease = dev.template().await;
        dev.nothing_left().await;
        assert_eq!(gone(dev.ask(header(&lease)).await), LeaseEnd::Expired);
        dev.handle.shutdown().await;
    });
}

#[test]
fn a_drain_destroys_what_is_left() {
    local(async || {
        let dev = Dev::start("pr29409-2025-05", |_| {}).await;
        let lease = dev.template().await;
        dev.template().await;
        let waiting = dev.send(next(&lease, None));
        sleep(Duration::from_millis(50)).await;
        dev.handle.shutdown().await;
        assert_eq!(waiting.await, Err(CallError::Draining));
        assert_eq!((dev.node.templates(), dev.leases.taken()), (0, 0));
        assert_eq!(dev.node.deaths.count(), 0, "{:?}", dev.node.deaths.causes());
    });
}

#[test]
fn nobody_holds_more_than_may_be_held() {
    local(async || {
        let bounds = LeaseConfig { per_caller: 2, ..LeaseConfig::default() };
        let dev = Dev::with("core-32", bounds, |_| {}).await;
        let first = dev.template().await;
        dev.template().await;
        let refused = CallError::TooManyLeases { limit: 2 };
        assert_eq!(dev.ask(request()).await, Err(refused.clone()));
        // A wait that may end in a template needs a place, too.
        assert_eq!(dev.ask(next(&first, Some(0.0))).await, Err(refused));
        dev.ask(destroy(&first)).await.unwrap();
        assert!(dev.ask(request()).await.is_ok());
        dev.handle.shutdown().await;
    });
}

#[test]
fn whoever_leaves_leaves_no_template() {
    local(async || {
        let bounds = LeaseConfig { per_caller: 4000, total: 4000, ..LeaseConfig::default() };
        let dev = Dev::with("pr29409-2025-05", bounds, |_| {}).await;
        for round in 0..300 {
            let call = dev.send(request());
            // Given up before it is sent, while it is under way, and after its answer has come.
            let patience = Duration::from_micros(round * 20);
            let _ = timeout(patience, std::future::pending::<()>()).await;
            drop(call);
        }
        dev.nothing_left().await;
        dev.handle.shutdown().await;
    });
}

#[test]
fn a_wait_ends_with_a_template_on_the_new_tip() {
    local(async || {
        for profile in GENERATIONS {
            let dev = Dev::start(profile, |_| {}).await;
            let lease = dev.template().await;
            let waiting = dev.send(next(&lease, None));
            sleep(Duration::from_millis(50)).await;
            let mined = dev.node.change(|node| node.generate(1)).unwrap();
            let answer = heard::<v1::BlockTemplateWaitNextRequest>(waiting).await.unwrap();
            let new = answer.template.expect("a template");
            let header = dev.ask(self::header(&new)).await.unwrap().header;
            assert_eq!(header[4..36], *bitcoin::hashes::Hash::as_byte_array(&mined[0]));
            dev.ask(destroy(&lease)).await.unwrap();
            dev.ask(destroy(&new)).await.unwrap();
            dev.nothing_left().await;
            dev.handle.shutdown().await;
        }
    });
}

#[test]
fn a_wait_whose_time_is_up_ends_without_a_template() {
    local(async || {
        let dev = Dev::start("core-32", |_| {}).await;
        let lease = dev.template().await;
        let began = Instant::now();
        let answer = dev.ask(next(&lease, Some(1_300.0))).await.unwrap();
        let length = began.elapsed();
        assert_eq!(answer.template, None);
        assert!(length >= Duration::from_millis(1_300), "{length:?}");
        assert_eq!(dev.ask(next(&lease, Some(0.0))).await.unwrap().template, None);
        dev.handle.shutdown().await;
    });
}

#[test]
fn those_who_wait_for_the_same_share_one_wait() {
    local(async || {
        let dev = Dev::start("core-32", |config| config.blocking_threads = 1).await;
        let lease = dev.template().await;
        // With one thread, waits that were not shared would queue behind the first.
        let waiting: Vec<_> = (0..20).map(|_| dev.send(next(&lease, None))).collect();
        let impatient = dev.send(next(&lease, Some(100.0)));
        let nothing = heard::<v1::BlockTemplateWaitNextRequest>(impatient).await.unwrap();
        assert_eq!(nothing.template, None);
        dev.node.change(|node| node.generate(1)).unwrap();
        let mut handles = std::collections::BTreeSet::new();
        for waiting in waiting {
            let answer = heard::<v1::BlockTemplateWaitNextRequest>(waiting).await.unwrap();
            handles.insert(answer.template.expect("a template").handle);
        }
        assert_eq!(handles.len(), 20);
        // One object, and twenty leases on it: it goes with the last.
        assert_eq!(dev.node.templates(), 2);
        for (index, handle) in handles.into_iter().enumerate() {
            assert_eq!(dev.node.templates(), 2, "after {index}");
            dev.ask(v1::BlockTemplateDestroyRequest { handle }).await.unwrap();
        }
        assert_eq!(dev.node.templates(), 1);
        dev.handle.shutdown().await;
    });
}

#[test]
fn an_interrupt_ends_the_wait_of_its_template_only() {
    local(async || {
        let dev = Dev::start("core-32", |_| {}).await;
        let (one, other) = (dev.template().await, dev.template().await);
        let interrupt = |lease: &v1::Lease| v1::BlockTemplateInterruptWaitRequest {
            handle: lease.handle.clone(),
        };
        let (waiting, going_on) = (dev.send(next(&one, None)), dev.send(next(&other, None)));
        sleep(Duration::from_millis(50)).await;
        dev.ask(interrupt(&one)).await.unwrap();
        let answer = heard::<v1::BlockTemplateWaitNextRequest>(waiting).await.unwrap();
        assert_eq!(answer.template, None);
        // With nobody waiting, it is for the next wait.
        dev.ask(interrupt(&one)).await.unwrap();
        assert_eq!(dev.ask(next(&one, None)).await.unwrap().template, None);
        dev.node.change(|node| node.generate(1)).unwrap();
        let answer = heard::<v1::BlockTemplateWaitNextRequest>(going_on).await.unwrap();
        assert!(answer.template.is_some());
        dev.handle.shutdown().await;
    });
}

/// A node that is about to give a template to a client who is gone ends, in some generations. They are asked for one
/// without waiting, and wait for the next tip in between.
#[test]
fn a_node_that_would_die_of_it_does_not_wait_with_a_template_in_hand() {
    local(async || {
        for (profile, waits) in [("core-31", 1), ("core-32", 0), ("pr10102-2026-02", 1)] {
            let dev = Dev::start(profile, |_| {}).await;
            let lease = dev.template().await;
            let calls = |method| dev.node.faults.calls(Called::Method(method));
            let before = calls(Method::MiningWaitTipChanged);
            let waiting = dev.send(next(&lease, None));
            sleep(Duration::from_millis(200)).await;
            // One after the other, on the same thread.
            assert_eq!(calls(Method::BlockTemplateWaitNext), 1, "{profile}");
            assert_eq!(calls(Method::MiningWaitTipChanged) - before, waits, "{profile}");
            dev.node.change(|node| node.generate(1)).unwrap();
            let answer = heard::<v1::BlockTemplateWaitNextRequest>(waiting).await.unwrap();
            assert!(answer.template.is_some(), "{profile}");
            dev.lives();
            dev.handle.shutdown().await;
        }
    });
}

#[test]
fn a_wait_that_everybody_left_frees_its_thread() {
    local(async || {
        let dev = Dev::start("core-32", |config| config.blocking_threads = 1).await;
        let (one, other) = (dev.template().await, dev.template().await);
        drop(dev.send(next(&one, None)));
        let given_up = dev.send(next(&one, None));
        sleep(Duration::from_millis(50)).await;
        drop(given_up);
        // The only thread is there for the next within two turns.
        let began = Instant::now();
        assert_eq!(dev.ask(next(&other, Some(0.0))).await.unwrap().template, None);
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
        dev.handle.shutdown().await;
    });
}

#[test]
fn a_template_that_is_destroyed_ends_its_waits() {
    local(async || {
        let dev = Dev::start("pr10102-2026-02", |_| {}).await;
        let lease = dev.template().await;
        let waiting = dev.send(next(&lease, None));
        sleep(Duration::from_millis(50)).await;
        dev.ask(destroy(&lease)).await.unwrap();
        let ended = heard::<v1::BlockTemplateWaitNextRequest>(waiting).await;
        assert_eq!(gone(ended), LeaseEnd::Destroyed);
        dev.nothing_left().await;
        dev.handle.shutdown().await;
    });
}

#[test]
fn objects_live_on_one_connection_of_several() {
    local(async || {
        let several = |config: &mut IpcConfig| {
            config.connections = 3;
            config.read_threads = 3;
            config.blocking_threads = 3;
        };
        let dev = Dev::start("core-32", several).await;
        let leases: Vec<_> = futures_util::future::join_all((0..9).map(|_| dev.template())).await;
        for lease in &leases {
            assert_eq!(dev.ask(header(lease)).await.unwrap().header.len(), 80);
            dev.ask(destroy(lease)).await.unwrap();
        }
        dev.nothing_left().await;
        dev.handle.shutdown().await;
    });
}
