//! Block templates: made when it is time, leased to who asked, and the waits for better ones.

use std::rc::Rc;
use std::time::Duration;

use bitcoin_grpc_contract::transfer::{ObjectPlace, object_places};
use bitcoin_grpc_contract::{Method, Profile, Reply, Request, Slot, transfer, v1};
use bytes::Bytes;
use capnp::capability::Client;
use tokio::time::{Instant, sleep};

use super::super::held::{Destroy, Held, Holdings};
use super::super::leases::Seat;
use super::super::link::Caller;
use super::super::ready;
use super::super::waits::{Goal, Member, WaitId};
use super::Waiter;
use crate::error::CallError;

/// How often a node in initial block download is asked whether it is over, by a caller who wants to
/// wait for that. The node would wait by itself, but for ever, and could not be told to stop.
const DOWNLOAD_POLL: Duration = Duration::from_secs(1);

/// Lowest tip on which a coinbase with only a height in it is long enough: below, the height is one
/// byte, and two are needed.
const FIRST_PARENT: i32 = 16;

const TOO_LOW: &str = "the coinbase of a block up to height 16 is too short in this generation, and the \
                       node would abort; generate 16 blocks first";

/// Makes a template and a lease on it.
pub(super) async fn create(
    caller: Caller<'_>,
    request: v1::MiningCreateNewBlockRequest,
    waiter: Waiter<'_>,
) -> Result<Reply, CallError> {
    if request.cooldown.unwrap_or(true) && cools_down(caller.link.profile) {
        wait_for_download(caller, waiter).await?;
    }
    if too_low(caller).await? {
        return Err(CallError::Refused { method: Method::MiningCreateNewBlock, why: TOO_LOW });
    }
    let (mut reply, objects) = caller.ask_objects(&Request::MiningCreateNewBlock(request)).await?;
    if let Some(object) = objects.into_iter().flatten().next() {
        let held = hold(caller, object)?;
        let seat = waiter.seat.take();
        lease(&mut reply, seat, &held, waiter.holdings)?;
    }
    Ok(reply)
}

/// Whether the node would end at the next block's coinbase, which has only the height in it where
/// miners add their own extra nonce. That is so since coinbases are told field by field.
async fn too_low(caller: Caller<'_>) -> Result<bool, CallError> {
    let profile = caller.link.profile;
    let bare = matches!(profile.slot(Method::BlockTemplateGetCoinbaseTx), Slot::Callable(_));
    if !profile.exceptions_kill || !bare {
        return Ok(false);
    }
    Ok(ready::tip(caller).await?.is_none_or(|(height, _)| height < FIRST_PARENT))
}

/// Whether a generation waits in createNewBlock until it has caught up: it has a word for not to.
fn cools_down(profile: &Profile) -> bool {
    let Slot::Callable(at) = profile.slot(Method::MiningCreateNewBlock) else { return false };
    let asked = Request::MiningCreateNewBlock(v1::MiningCreateNewBlockRequest {
        cooldown: Some(true),
        ..Default::default()
    });
    let mut message = capnp::message::Builder::new_default();
    let params = message.init_root::<capnp::any_pointer::Builder<'_>>();
    transfer::write_params(&asked, at, profile, params, &mut |_| ()).is_ok()
}

async fn wait_for_download(caller: Caller<'_>, waiter: Waiter<'_>) -> Result<(), CallError> {
    let question = v1::MiningIsInitialBlockDownloadRequest::default;
    while caller.ask_as(question()).await?.initial_block_download {
        sleep(DOWNLOAD_POLL).await;
        if waiter.is_gone() {
            return Err(CallError::DeadlineExceeded);
        }
    }
    Ok(())
}

fn hold(caller: Caller<'_>, object: Client) -> Result<Rc<Held>, CallError> {
    let method = Method::BlockTemplateDestroy;
    let Slot::Callable(at) = caller.link.profile.slot(method) else {
        return Err(CallError::Internal("templates that cannot be destroyed".to_owned()));
    };
    let interface_id = method.info().interface_id;
    Ok(Held::new(object, Destroy { interface_id, ordinal: at.ordinal }, &caller.link.bin))
}

/// Puts a lease on an object into a reply.
fn lease(
    reply: &mut Reply,
    seat: Option<Seat>,
    held: &Rc<Held>,
    holdings: Option<&Holdings>,
) -> Result<(), CallError> {
    let (Some(seat), Some(holdings)) = (seat, holdings) else {
        return Err(CallError::Internal("an object that nobody may hold".to_owned()));
    };
    let (id, granted) = holdings.leases.grant(seat, &holdings.home)?;
    holdings.insert(id, Rc::clone(held));
    for place in object_places(reply) {
        if let ObjectPlace::Lease(place) = place {
            *place = granted.clone();
        }
    }
    Ok(())
}

/// What a turn of a wait ended with.
enum Turn {
    /// Nothing; the answer to who waits no longer.
    Nothing(Reply),
    /// What was waited for.
    Something(Reply, Option<Rc<Held>>),
}

/// Waits in turns for as long as somebody waits, and answers all of them.
pub(in crate::backend::ipc) async fn wait(caller: Caller<'_>, id: &WaitId, holdings: &Holdings) {
    let queue = &holdings.home.queue;
    while let Some(length) = queue.turn(id) {
        let began = Instant::now();
        let turn = async {
            let turn = turn(caller, &id.goal, length).await;
            if let Ok(Turn::Nothing(_)) = turn {
                // A node that stops ends waits at once, and must not be asked again and again.
                sleep(length.saturating_sub(began.elapsed())).await;
            }
            turn
        };
        let turn = tokio::select! {
            biased;
            turn = turn => turn,
            () = queue.keep_time(id) => return,
        };
        match turn {
            Ok(Turn::Nothing(answer)) => queue.nothing_happened(id, answer),
            Ok(Turn::Something(reply, held)) => {
                return queue
                    .happened(id, &mut |member| share(&reply, held.as_ref(), member, holdings));
            }
            Err(error) => return queue.happened(id, &mut |_| Err(error.clone())),
        }
    }
}

async fn turn(caller: Caller<'_>, goal: &Goal, length: Duration) -> Result<Turn, CallError> {
    let profile = caller.link.profile;
    let able = matches!(profile.slot(Method::MiningWaitTipChanged), Slot::Callable(_));
    match goal {
        // A generation that does not survive a client who is gone when its template comes is asked for one without
        // waiting, and waits for the next tip in between, which it survives.
        Goal::Next { .. } if !profile.survives_lost_subscribers && able => {
            look_and_wait(caller, goal, length).await
        }
        _ => ask(caller, goal, length).await,
    }
}

async fn look_and_wait(
    caller: Caller<'_>,
    goal: &Goal,
    length: Duration,
) -> Result<Turn, CallError> {
    // A tip that comes after this one ends the wait.
    let tip = ready::tip(caller).await?;
    let looked = ask(caller, goal, Duration::ZERO).await?;
    let (Turn::Nothing(_), Some((_, tip))) = (&looked, tip) else { return Ok(looked) };
    let timeout_ms = Some(length.as_secs_f64() * 1000.0);
    let current_tip = Bytes::copy_from_slice(&tip);
    let wait = v1::MiningWaitTipChangedRequest { current_tip: current_tip.clone(), timeout_ms };
    match caller.ask_as(wait).await?.tip {
        Some(tip) if tip.hash != current_tip => ask(caller, goal, Duration::ZERO).await,
        _ => Ok(looked),
    }
}

async fn ask(caller: Caller<'_>, goal: &Goal, length: Duration) -> Result<Turn, CallError> {
    // A better template is a new one, and the chain may have been taken back since the last.
    if matches!(goal, Goal::Next { .. }) && too_low(caller).await? {
        return Err(CallError::Refused { method: Method::BlockTemplateWaitNext, why: TOO_LOW });
    }
    let (reply, objects) = caller.ask_objects(&goal.question(length)).await?;
    let nothing = match (&reply, goal) {
        (Reply::MiningWaitTipChanged(answer), Goal::Tip(known)) => {
            answer.tip.as_ref().is_some_and(|tip| tip.hash == *known)
        }
        _ => objects.is_empty(),
    };
    if nothing {
        return Ok(Turn::Nothing(reply));
    }
    let held = objects.into_iter().flatten().next().map(|object| hold(caller, object));
    Ok(Turn::Something(reply, held.transpose()?))
}

/// The answer for one of those who waited; of a template each gets a lease of its own.
fn share(
    reply: &Reply,
    held: Option<&Rc<Held>>,
    member: &mut Member,
    holdings: &Holdings,
) -> Result<Reply, CallError> {
    let mut reply = reply.clone();
    if let Some(held) = held {
        lease(&mut reply, member.seat.take(), held, Some(holdings))?;
    }
    Ok(reply)
}
