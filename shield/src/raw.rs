//! Bytes, written to a connection of their own: frames of HTTP/2, whole or broken, or anything.

use arbitrary::Unstructured;
use futures_util::future::join;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::Target;
use crate::hints::Contract;
use crate::messages::healthy;
use crate::world::{PATIENCE, World};

/// What a client begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Most frames that are made for one connection.
const FRAMES: usize = 40;

/// Types of frames.
mod frame {
    pub(super) const DATA: u8 = 0;
    pub(super) const HEADERS: u8 = 1;
    pub(super) const SETTINGS: u8 = 4;
}

/// Flag of a frame that ends its stream.
const END_STREAM: u8 = 1;
/// Flag of a frame that ends its headers.
const END_HEADERS: u8 = 4;

pub(crate) fn run(world: &mut World, data: &[u8]) {
    world.begin(Target::Bytes, data);
    let written = written(data);
    world.count(Target::Bytes, 1);
    let line = world.connected();
    let socket = world.socket.clone();
    world.block_on(async {
        let stream = UnixStream::connect(socket).await.expect("the listener takes connections");
        let ended = timeout(PATIENCE, say(stream, &written)).await;
        healthy(world, &line).await;
        if ended.is_err() {
            world.fail("a connection whose client has left does not end");
        }
    });
    world.keep(line);
    world.check();
}

/// Writes everything, and reads until the other side has done so, too.
async fn say(stream: UnixStream, bytes: &[u8]) {
    let (mut reader, mut writer) = stream.into_split();
    let write = async {
        // Who is refused early cannot write to the end.
        let _ = writer.write_all(bytes).await;
        let _ = writer.shutdown().await;
    };
    let read = async {
        let mut answer = [0; 4096];
        while matches!(reader.read(&mut answer).await, Ok(1..)) {}
    };
    join(write, read).await;
}

/// What is written: the bytes themselves, or frames that they stand for, after a preface or without one.
fn written(data: &[u8]) -> Vec<u8> {
    let Some((kind, rest)) = data.split_first() else { return Vec::new() };
    let mut out = match kind % 4 {
        0 => return rest.to_vec(),
        _ => PREFACE.to_vec(),
    };
    match kind % 4 {
        1 => out.extend(rest),
        _ => {
            push(&mut out, frame::SETTINGS, 0, 0, &[]);
            frames(&mut out, &mut Unstructured::new(rest));
        }
    }
    out
}

fn frames(out: &mut Vec<u8>, bytes: &mut Unstructured<'_>) {
    let mut next = 1;
    for _ in 0..FRAMES {
        if bytes.is_empty() {
            return;
        }
        let kind = byte(bytes);
        let stream = match byte(bytes) {
            0..=9 => bytes.arbitrary().unwrap_or_default(),
            _ => next,
        };
        match kind {
            0..=119 => {
                headers(out, stream, bytes);
                body(out, stream, bytes);
                next += 2;
            }
            120..=139 => headers(out, stream, bytes),
            140..=159 => body(out, stream, bytes),
            // Anything: resets, pings, windows, priorities, continuations, promises, types that do not exist.
            _ => {
                let (ty, flags) = (byte(bytes) % 12, byte(bytes));
                let payload = some(bytes);
                push(out, ty, flags, stream, &payload);
            }
        }
    }
}

fn headers(out: &mut Vec<u8>, stream: u32, bytes: &mut Unstructured<'_>) {
    let rpcs = &Contract::get().rpcs;
    let number = usize::from(byte(bytes)) << 8 | usize::from(byte(bytes));
    let path = rpcs[number % rpcs.len()].method.info().path;
    // POST, http; a path, an authority and a content type, each as a literal under a name of the static table.
    let mut block = vec![0x83, 0x86, 0x04];
    literal(&mut block, path.as_bytes());
    block.push(0x01);
    literal(&mut block, b"shield");
    block.extend([0x0f, 0x10]);
    literal(&mut block, b"application/grpc");
    if byte(bytes) < 40 {
        block.extend(some(bytes));
    }
    let flags = if byte(bytes) < 8 { byte(bytes) } else { END_HEADERS };
    push(out, frame::HEADERS, flags, stream, &block);
}

fn body(out: &mut Vec<u8>, stream: u32, bytes: &mut Unstructured<'_>) {
    let message = some(bytes);
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let prefix = if byte(bytes) < 16 { bytes.arbitrary().unwrap_or_default() } else { length };
    let message = [&[0][..], &prefix.to_be_bytes(), &message].concat();
    let flags = if byte(bytes) < 16 { byte(bytes) } else { END_STREAM };
    push(out, frame::DATA, flags, stream, &message);
}

/// A text of less than 127 bytes, as headers hold it.
fn literal(block: &mut Vec<u8>, text: &[u8]) {
    block.push(text.len() as u8 & 0x7f);
    block.extend(text);
}

fn push(out: &mut Vec<u8>, ty: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = (payload.len() as u32).to_be_bytes();
    out.extend(&length[1..]);
    out.extend([ty, flags]);
    out.extend(stream.to_be_bytes());
    out.extend(payload);
}

fn byte(bytes: &mut Unstructured<'_>) -> u8 {
    bytes.arbitrary().unwrap_or_default()
}

/// Up to 63 bytes.
fn some(bytes: &mut Unstructured<'_>) -> Vec<u8> {
    let length = usize::from(byte(bytes) % 64).min(bytes.len());
    bytes.bytes(length).map(<[u8]>::to_vec).unwrap_or_default()
}
