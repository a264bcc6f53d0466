//! Messages of known methods, whole or broken, as a gRPC client sends them.

use std::cell::RefCell;

use arbitrary::Unstructured;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use prost_reflect::prost::Message as _;
use tokio::time::timeout;

use crate::facts::Facts;
use crate::line::{Line, Message, Status};
use crate::maker::Maker;
use crate::world::{PATIENCE, World, beside};
use crate::{Target, tally};

/// Most messages that are under way together: fewer than resets that a listener bears.
const AT_ONCE: usize = 16;

/// Services beside the contract's: their methods, and whether they go on.
const BESIDE: [(&str, bool); 4] = [
    ("/grpc.health.v1.Health/Check", false),
    ("/grpc.health.v1.Health/Watch", true),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", true),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", true),
];

/// What clients say about time.
const TIMEOUTS: [&str; 8] = ["1m", "5S", "0n", "99999999H", "123456789S", "x", "", "200u"];

/// A question that every generation answers.
const QUESTION: &str = "/bitcoin.ipc.v1.Mining/IsInitialBlockDownload";

pub(crate) fn run(world: &mut World, data: &[u8]) {
    world.begin(Target::Messages, data);
    let mut bytes = Unstructured::new(data);
    let linger = bytes.arbitrary::<u8>().unwrap_or_default() % 16 == 1;
    let (mut prompt, mut waiting) = (Vec::new(), Vec::new());
    while !bytes.is_empty() && prompt.len() + waiting.len() < AT_ONCE {
        let (message, waits) = message(&world.facts, &mut bytes);
        if waits { waiting.push(message) } else { prompt.push(message) }
    }
    world.count(Target::Messages, prompt.len() + waiting.len());
    let line = world.connected();
    let took = RefCell::new(Vec::new());
    let left = world.block_on(send(world, &line, prompt, waiting, linger, &took));
    tally::left(left);
    world.keep(line);
    world.check();
    for status in took.into_inner().into_iter().flatten() {
        tally::code(status.code);
        if status.internal {
            world.fail("a status says that the proxy is at fault");
        }
    }
}

async fn send(
    world: &World,
    line: &Line,
    prompt: Vec<Message>,
    waiting: Vec<Message>,
    linger: bool,
    took: &RefCell<Vec<Option<Status>>>,
) -> usize {
    let main = async {
        let mut prompt: FuturesUnordered<_> =
            prompt.into_iter().map(|message| line.send(message)).collect();
        let all = async {
            while let Some(status) = prompt.next().await {
                took.borrow_mut().push(status);
            }
        };
        if timeout(PATIENCE, all).await.is_err() {
            world.check();
            world.fail("calls that do not wait hang");
        }
        healthy(world, line).await;
    };
    let waiting = waiting.into_iter().map(|message| line.send(message)).collect();
    beside(main, waiting, linger, took).await
}

/// Asks something that must be answered, as a client.
pub(crate) async fn healthy(world: &World, line: &Line) {
    let empty = || Bytes::from_static(&[0; 5]);
    let ask = || line.send(Message { path: QUESTION, timeout: None, body: empty() });
    match timeout(PATIENCE, ask()).await {
        Ok(Some(Status { code: 0, .. })) => {}
        // A full queue, or a connection that was told to end: the next one is better off.
        Ok(None | Some(Status { code: 8, .. })) => world.healthy().await,
        other => {
            world.check();
            world.fail(&format!("a healthy call is not answered: {other:?}"));
        }
    }
}

/// A message, and whether its method waits.
fn message(facts: &Facts, bytes: &mut Unstructured<'_>) -> (Message, bool) {
    let mut maker = Maker::new(facts, bytes);
    let timeout = match maker.byte() {
        0..=15 => Some(*maker.pick(&TIMEOUTS)),
        _ => None,
    };
    if maker.byte() == 255 {
        let (path, waits) = *maker.pick(&BESIDE);
        let length = usize::from(maker.byte());
        let body = framed(&mut maker, |maker| maker.take(length));
        return (Message { path, timeout, body: body.into() }, waits);
    }
    let rpc = maker.rpc_of();
    let mut body = Vec::new();
    let frames = if rpc.input == rpc.opening { 1 } else { 1 + maker.byte() % 3 };
    for _ in 0..frames {
        body.extend(framed(&mut maker, |maker| match maker.byte() {
            0..=99 => {
                let whole = maker.made(&rpc.input).encode_to_vec();
                maker.broken(whole)
            }
            100..=179 => maker.made(&rpc.input).encode_to_vec(),
            length => maker.take(usize::from(length) - 179),
        }));
    }
    (Message { path: rpc.method.info().path, timeout, body: body.into() }, rpc.waits)
}

/// A message with its prefix, which is wrong now and then.
fn framed(maker: &mut Maker<'_, '_>, made: impl FnOnce(&mut Maker<'_, '_>) -> Vec<u8>) -> Vec<u8> {
    let message = made(maker);
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let (flag, length) = match maker.byte() {
        251 => (1, length),
        252 => (0, length.wrapping_add(1)),
        253 => (0, length.wrapping_sub(1)),
        254 => (0, u32::MAX),
        255 => (maker.byte(), length),
        _ => (0, length),
    };
    [&[flag][..], &length.to_be_bytes(), &message].concat()
}
