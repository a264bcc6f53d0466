//! What the pool costs beside a bare client on the same node. Not a test: run it in release, with
//! the socket of a node in `BITCOIN_GRPC_TEST_SOCKET`.
#![allow(clippy::print_stderr, reason = "the figures are what it is run for")]

use std::time::{Duration, Instant};

use bitcoin_grpc_contract::wire::proxy_capnp::thread;
use bitcoin_grpc_contract::{Request, Slot, transfer, v1};
use futures_util::future::join_all;

use super::super::config::Place;
use super::super::connection::Connection;
use super::super::connector::Connector;
use super::super::detect;
use super::super::fault::Fault;
use super::super::objects::Objects;
use super::super::wire;
use super::local;
use super::real::{ask, config, with_node};

const LENGTH: Duration = Duration::from_secs(3);

fn request() -> Request {
    Request::MiningGetTip(v1::MiningGetTipRequest {})
}

fn report(who: &str, at_once: usize, calls: usize, since: Instant) {
    let rate = calls as f64 / since.elapsed().as_secs_f64();
    eprintln!("{who:8} {at_once:4} at once: {rate:9.0} calls/s");
}

#[tokio::test]
#[ignore = "a measurement"]
async fn by_the_pool() {
    with_node(async |pool, _| {
        for at_once in [1, 8, 64] {
            let since = Instant::now();
            let run = async || {
                let mut calls = 0;
                while since.elapsed() < LENGTH {
                    ask(pool, request()).await.expect("an answer");
                    calls += 1;
                }
                calls
            };
            let calls = join_all((0..at_once).map(|_| run())).await.iter().sum();
            report("pool", at_once, calls, since);
        }
    })
    .await;
}

#[test]
#[ignore = "a measurement"]
fn by_a_bare_client() {
    local(async || {
        let Place::Unix(socket) = config().place else { panic!("no socket") };
        let connector = Connector::Unix(socket);
        let connection =
            Connection::open(&connector, &std::rc::Rc::default()).await.expect("a connection");
        let on = connection.make_thread("bench").await.expect("a thread");
        let profile = detect::choose(&connection.init, &on, None).await.expect("a generation");
        let objects = Objects::default();
        let service = request().method().info().service;
        objects.make(service, profile, &connection.init, &on).await.expect("an object");
        let object = objects.get(service).expect("an object");
        let threads = [on, connection.make_thread("bench").await.expect("a thread")];
        let Slot::Callable(at) = profile.slot(request().method()) else { panic!("no such method") };
        let call = async |thread: &thread::Client| {
            let request = request();
            let answer =
                wire::call(&object, request.method().info().interface_id, at.ordinal, |params| {
                    transfer::write_params(&request, at, profile, params, &mut |mut context| {
                        context.set_thread(thread.clone())
                    })?;
                    Ok::<_, Fault>(())
                })
                .await
                .expect("an answer");
            transfer::read_results(request.method(), at, profile, answer.get().expect("results"))
                .expect("a reply")
        };
        for at_once in [1, 2] {
            let since = Instant::now();
            let run = async |thread| {
                let mut calls = 0;
                while since.elapsed() < LENGTH {
                    call(thread).await;
                    calls += 1;
                }
                calls
            };
            let calls = join_all(threads[..at_once].iter().map(run)).await.iter().sum();
            report("direct", at_once, calls, since);
        }
    });
}
