//! Decoded requests, at the top of the stack.

use std::cell::RefCell;

use arbitrary::Unstructured;
use bitcoin_grpc::call::Outcome;
use bitcoin_grpc::error::CallError;
use bitcoin_grpc_contract::{Method, Request};
use bitcoin_grpc_testkit::any;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::time::timeout;

use crate::maker::Maker;
use crate::world::{PATIENCE, World, beside};
use crate::{Target, tally};

/// Most requests that are under way together.
const AT_ONCE: usize = 24;

/// How a call ended.
type Ended = (Method, Result<Outcome, CallError>);

pub(crate) fn run(world: &mut World, data: &[u8]) {
    world.begin(Target::Requests, data);
    let mut bytes = Unstructured::new(data);
    let linger = bytes.arbitrary::<u8>().unwrap_or_default() % 16 == 1;
    let (mut prompt, mut waiting) = (Vec::new(), Vec::new());
    while !bytes.is_empty() && prompt.len() + waiting.len() < AT_ONCE {
        let mut maker = Maker::new(&world.facts, &mut bytes);
        let rpc = maker.rpc_of();
        let request = any::request(rpc.method, &maker.made(&rpc.opening));
        if rpc.waits { waiting.push(request) } else { prompt.push(request) }
    }
    world.count(Target::Requests, prompt.len() + waiting.len());
    let took = RefCell::new(Vec::new());
    let left = world.block_on(send(world, prompt, waiting, linger, &took));
    tally::left(left);
    world.check();
    for ended in took.into_inner() {
        judge(world, ended);
    }
}

async fn send(
    world: &World,
    prompt: Vec<Request>,
    waiting: Vec<Request>,
    linger: bool,
    took: &RefCell<Vec<Ended>>,
) -> usize {
    let ask = |request: Request| async move {
        let method = request.method();
        (method, world.ask(request).await)
    };
    let main = async {
        let mut prompt: FuturesUnordered<_> = prompt.into_iter().map(&ask).collect();
        let all = async {
            while let Some(ended) = prompt.next().await {
                took.borrow_mut().push(ended);
            }
        };
        if timeout(PATIENCE, all).await.is_err() {
            world.check();
            world.fail("calls that do not wait hang");
        }
        world.healthy().await;
    };
    beside(main, waiting.into_iter().map(&ask).collect(), linger, took).await
}

/// Some errors are never right here: the proxy's own, and those of a node that went away.
fn judge(world: &mut World, (method, outcome): Ended) {
    match outcome {
        Ok(Outcome::Reply(reply)) => {
            tally::code(0);
            world.facts.learn(&reply);
        }
        Ok(Outcome::Stream(mut events)) => {
            tally::code(0);
            // Whatever has come by now; dropping it ends the stream.
            let _ = events.next().now_or_never();
        }
        Err(
            error @ (CallError::Internal(_)
            | CallError::NodeLost
            | CallError::NoNode(_)
            | CallError::NodeStuck
            | CallError::BadReply(_)
            | CallError::Denied { .. }),
        ) if !denied(method, &error) => {
            world.fail(&format!("{}: {error}", method.info().full_name));
        }
        Err(error) => tally::code(error.code() as usize),
    }
}

/// What ends a node by right is not granted.
fn denied(method: Method, error: &CallError) -> bool {
    method == Method::NodeStartShutdown && matches!(error, CallError::Denied { .. })
}
