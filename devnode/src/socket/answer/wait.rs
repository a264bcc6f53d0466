//! Calls that wait: for a tip, for a template, for a better template.

use std::time::Duration;

use bitcoin_grpc_contract::{Reply, v1};

use super::mining::{options, tip};
use super::{Answered, Fault, block_hash};
use crate::clock::Clock;
use crate::consensus::MAX_MONEY;
use crate::miner::TemplateOptions;
use crate::node::Node;
use crate::socket::interrupt::Interrupt;
use crate::socket::object::Object;
use crate::socket::shared::Shared;
use crate::socket::template::Template;

/// How often a waiting template looks at the fees, in milliseconds of the node's clock.
const TICK_MS: f64 = 1000.0;

/// Age of a tip, in seconds, from which test networks offer a new template without other reason.
const STALE_TIP: i64 = 20 * 60;

/// Seconds that a template waits at least and at most for blocks whose headers are known.
const CATCHING_UP: (u64, u64) = (3, 20);

/// Lowest tip on which a script with nothing but the height is long enough for a coinbase, which needs two bytes
/// (`consensus/tx_check.cpp`): heights up to 16 are one byte.
const LOWEST_BARE_PARENT: u32 = 16;

/// Why a wait ended early.
enum Woken<T> {
    /// By an interrupting call, or by the end of the node.
    Stopped,
    /// By what it waited for.
    By(T),
}

/// Looks whether a wait was ended. The interrupt holds for one wait only.
fn stopped(node: &Node, interrupt: &Interrupt) -> bool {
    node.shutdown_requested() || interrupt.take()
}

fn duration(milliseconds: f64) -> Duration {
    // Neither a negative number nor one that is none lasts any time.
    let seconds = if milliseconds > 0.0 { milliseconds / 1000.0 } else { 0.0 };
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// Waits until the tip is not the one given, or the time is up; then answers with the tip. Without a tip if the wait
/// was ended.
pub(super) async fn tip_changed(object: &Object, q: &v1::MiningWaitTipChangedRequest) -> Reply {
    let shared = &object.connection.shared;
    let known = block_hash(&q.current_tip);
    let longest = q.timeout_ms.map_or(Duration::MAX, duration);
    let woken = shared.wait(longest, |node| match () {
        () if stopped(node, &object.interrupt) => Some(Woken::Stopped),
        () if node.tip().hash() != known => Some(Woken::By(())),
        () => None,
    });
    let tip = match woken.await {
        Some(Woken::Stopped) => None,
        Some(Woken::By(())) | None => Some(tip(&shared.node())),
    };
    Reply::MiningWaitTipChanged(v1::MiningWaitTipChangedResponse { tip })
}

/// Waits until listeners have heard of everything, unless the tip is still the one given.
pub(super) async fn notifications_if_tip_changed(
    object: &Object,
    q: &v1::ChainWaitForNotificationsIfTipChangedRequest,
) -> Reply {
    let shared = &object.connection.shared;
    let known = block_hash(&q.old_tip);
    if shared.node().tip().hash() != known {
        shared.notifications_told().await;
    }
    let done = v1::ChainWaitForNotificationsIfTipChangedResponse {};
    Reply::ChainWaitForNotificationsIfTipChanged(done)
}

/// Makes a template, if wanted not before the node has caught up.
pub(super) async fn create_new_block(
    object: &Object,
    q: &v1::MiningCreateNewBlockRequest,
) -> Result<Answered, Fault> {
    let options = options(object, q.options.as_ref())?;
    let shared = &object.connection.shared;
    let none = Reply::MiningCreateNewBlock(v1::MiningCreateNewBlockResponse { template: None });
    if stopped(&shared.node(), &object.interrupt) {
        return Ok(Answered::Reply(none));
    }
    // A generation without the parameter does not wait.
    if q.cooldown == Some(true) && !caught_up(shared, &object.interrupt).await {
        return Ok(Answered::Reply(none));
    }
    template(object, &shared.node(), options).map(Answered::Template)
}

/// Makes a template, if a block of its height can have the coinbase that the generation makes.
fn template(object: &Object, node: &Node, options: TemplateOptions) -> Result<Template, Fault> {
    if object.connection.rules.bare_coinbases && node.tip().height() < LOWEST_BARE_PARENT {
        let why = "TestBlockValidity failed: bad-cb-length";
        return Err(object.thrown(why, why.to_owned()));
    }
    let made = node.create_template(&options);
    Ok(Template::new(options, made))
}

/// Waits for the end of the initial download, and for blocks that should come at any moment. False if that was ended.
async fn caught_up(shared: &Shared, interrupt: &Interrupt) -> bool {
    let done = shared.wait(Duration::MAX, |node| match () {
        () if stopped(node, interrupt) => Some(Woken::Stopped),
        () if !node.is_initial_block_download() => Some(Woken::By(())),
        () => None,
    });
    if let Some(Woken::Stopped) = done.await {
        return false;
    }
    loop {
        let (ahead, seen) = {
            let node = shared.node();
            (node.blocks_ahead(), node.tip().hash())
        };
        let Some(ahead) = ahead else { return true };
        let patience = Duration::from_secs(u64::from(ahead).clamp(CATCHING_UP.0, CATCHING_UP.1));
        let woken = shared.wait(patience, |node| match () {
            () if stopped(node, interrupt) => Some(Woken::Stopped),
            () if node.tip().hash() != seen => Some(Woken::By(())),
            () => None,
        });
        match woken.await {
            Some(Woken::Stopped) => return false,
            Some(Woken::By(())) => {}
            None => return true,
        }
    }
}

/// What a wait for the next template is for.
struct Goal {
    timeout_ms: f64,
    fee_threshold: i64,
}

impl Goal {
    /// What is left out has the schema's default, or is zero on generations whose schema has none.
    fn of(options: Option<&v1::BlockWaitOptions>, defaults: bool) -> Self {
        let timeout_ms = options.and_then(|options| options.timeout_ms);
        let fee_threshold = options.and_then(|options| options.fee_threshold_sat);
        let default = if defaults { (f64::MAX, MAX_MONEY.cast_signed()) } else { (0.0, 0) };
        Self {
            timeout_ms: timeout_ms.unwrap_or(default.0),
            fee_threshold: fee_threshold.unwrap_or(default.1),
        }
    }
}

/// Waits for a new tip or enough more fees. The time runs on the node's clock, which may stand still.
pub(super) async fn next(
    object: &Object,
    template: &Template,
    q: &v1::BlockTemplateWaitNextRequest,
) -> Result<Answered, Fault> {
    let connection = &object.connection;
    let goal = Goal::of(q.options.as_ref(), connection.rules.option_defaults);
    Ok(match next_template(object, template, &goal).await? {
        Some(next) => Answered::Template(next),
        None => Answered::Reply(Reply::BlockTemplateWaitNext(v1::BlockTemplateWaitNextResponse {
            template: None,
        })),
    })
}

async fn next_template(
    object: &Object,
    template: &Template,
    goal: &Goal,
) -> Result<Option<Template>, Fault> {
    let (shared, interrupt) = (&object.connection.shared, &object.interrupt);
    let mut now = now_ms(&shared.node());
    let deadline = now + goal.timeout_ms;
    loop {
        let until = deadline.min(now + TICK_MS);
        wait_on_clock(shared, until, |node| {
            node.shutdown_requested() || interrupt.is_raised() || has_new_tip(node, template)
        })
        .await;
        if let Some(next) = look(object, template, goal, now)? {
            return Ok(next);
        }
        now = now_ms(&shared.node());
        if now.partial_cmp(&deadline) != Some(std::cmp::Ordering::Less) {
            return Ok(None);
        }
    }
}

/// What there is at the end of a tick that began at `now`: nothing yet, the end without a template, or the next one.
fn look(
    object: &Object,
    old: &Template,
    goal: &Goal,
    now: f64,
) -> Result<Option<Option<Template>>, Fault> {
    let node = &*object.connection.shared.node();
    if stopped(node, &object.interrupt) {
        return Ok(Some(None));
    }
    let stale = now > (i64::from(node.tip().time()) + STALE_TIP) as f64 * 1000.0;
    let due = has_new_tip(node, old) || stale;
    if !due && goal.fee_threshold >= MAX_MONEY.cast_signed() {
        return Ok(None);
    }
    let next = template(object, node, old.options.clone())?;
    let enough = next.fees() >= old.fees().saturating_add(goal.fee_threshold);
    Ok((due || enough).then_some(Some(next)))
}

fn has_new_tip(node: &Node, template: &Template) -> bool {
    node.tip().hash() != template.made.block.header.prev_blockhash
}

fn now_ms(node: &Node) -> f64 {
    node.clock().now_ms() as f64
}

/// Waits until something happened, or the node's clock shows a time in milliseconds.
async fn wait_on_clock(shared: &Shared, until: f64, happened: impl Fn(&Node) -> bool) {
    loop {
        let left = {
            let node = shared.node();
            let left = until - now_ms(&node);
            if happened(&node) || left <= 0.0 {
                return;
            }
            match node.clock() {
                // Only a change moves such a clock.
                Clock::Mock(_) => Duration::MAX,
                Clock::System => duration(left),
            }
        };
        let over =
            shared.wait(left, |node| (happened(node) || now_ms(node) >= until).then_some(()));
        if over.await.is_some() {
            return;
        }
    }
}
