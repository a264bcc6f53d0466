use std::convert::Infallible;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::*;

fn message(length: u32) -> Vec<u8> {
    [&[0][..], &length.to_be_bytes(), &vec![7; length as usize]].concat()
}

/// What a body of these messages leaves unfinished, found by cutting whole messages off.
fn unfinished(mut body: &[u8]) -> usize {
    loop {
        let Some(length) = body.get(1..5) else { return body.len() };
        let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
        let Some(rest) = body.get(5 + length..) else { return body.len() };
        body = rest;
    }
}

#[test]
fn unfinished_messages_are_known_however_the_data_is_cut() {
    let body: Vec<u8> = [3, 0, 0, 300, 1, 70_000].into_iter().flat_map(message).collect();
    for step in [1, 2, 3, 5, 7, 64, 1000, body.len()] {
        let mut messages = Messages::default();
        let mut there = 0;
        for data in body.chunks(step) {
            there += data.len();
            assert_eq!(messages.advance(data), unfinished(&body[..there]), "{step} {there}");
        }
    }
}

/// A body that a test sends piece by piece.
fn body() -> (mpsc::UnboundedSender<Vec<u8>>, impl Body<Data = Bytes, Error = Infallible> + Unpin) {
    let (pieces, received) = mpsc::unbounded_channel();
    let frames =
        UnboundedReceiverStream::new(received).map(|data: Vec<u8>| Ok(Frame::data(data.into())));
    (pieces, StreamBody::new(frames))
}

fn free(room: &Room) -> usize {
    room.0.load(Ordering::Relaxed)
}

#[tokio::test]
async fn a_request_is_held_until_it_is_answered() {
    let room = Room::new(100);
    let answer = Held::new(&room);
    let (pieces, sent) = body();
    let mut received = Received::new(sent, &answer);
    for _ in 0..2 {
        pieces.send(message(25)).unwrap();
        received.frame().await.unwrap().unwrap();
    }
    assert_eq!(free(&room), 40);
    drop(received);
    assert_eq!(free(&room), 40);
    drop(answer);
    assert_eq!(free(&room), 100);
}

#[tokio::test]
async fn without_room_the_request_ends_and_gives_back_what_it_held() {
    let room = Room::new(100);
    let answer = Held::new(&room);
    let (pieces, sent) = body();
    let mut received = Received::new(sent, &answer);
    pieces.send(vec![0; 100]).unwrap();
    received.frame().await.unwrap().unwrap();
    pieces.send(vec![0]).unwrap();
    let error = received.frame().await.unwrap().unwrap_err();
    let status = error.downcast::<Status>().unwrap();
    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    drop((received, answer));
    assert_eq!(free(&room), 100);
}

#[tokio::test]
async fn of_a_conversation_only_the_unfinished_message_is_held() {
    let room = Room::new(100);
    let answer = Held::new(&room);
    let (pieces, sent) = body();
    let mut received = Received::new(sent, &answer);
    pieces.send(message(60)).unwrap();
    received.frame().await.unwrap().unwrap();
    drop(answer);
    for _ in 0..10 {
        pieces.send([message(60), message(20)[..7].to_vec()].concat()).unwrap();
        received.frame().await.unwrap().unwrap();
        assert_eq!(free(&room), 93);
        pieces.send(vec![7; 18]).unwrap();
        received.frame().await.unwrap().unwrap();
        assert_eq!(free(&room), 100);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_drips_in_is_cut_off() {
    let answer = Held::new(&Room::new(1_000_000));
    let (pieces, sent) = body();
    let mut received = Received::new(sent, &answer);
    let begin = Instant::now();
    let status = loop {
        assert!(begin.elapsed() < 2 * RECEIVE, "it is still received");
        tokio::select! {
            biased;
            frame = received.frame() => if let Err(error) = frame.unwrap() {
                break error.downcast::<Status>().unwrap();
            },
            () = sleep(Duration::from_secs(1)) => pieces.send(vec![0]).unwrap(),
        }
    };
    assert_eq!(status.code(), tonic::Code::DeadlineExceeded);
    assert!(begin.elapsed() >= RECEIVE);
}

#[tokio::test(start_paused = true)]
async fn a_conversation_may_be_silent() {
    let answer = Held::new(&Room::new(100));
    let (_pieces, sent) = body();
    let mut received = Received::new(sent, &answer);
    drop(answer);
    sleep(2 * RECEIVE).await;
    assert!(received.frame().now_or_never().is_none());
}
