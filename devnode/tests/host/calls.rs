//! Calls that come late, never, or with an exception.

use std::time::{Duration, Instant};

use capnp::ErrorKind;

use crate::client::{BLOCKS, HASH, HEIGHT, PROFILE, get_hash, get_height, soon, with_faults};

#[test]
fn a_late_answer_is_the_right_one_and_others_are_in_time() {
    with_faults(PROFILE, &["late=300ms@Chain.getBlockHash/nth:2"], async |world| {
        let (client, chain) = world.chain().await;
        let time = async |height| {
            let begin = Instant::now();
            (client.hash(&chain, height).await.unwrap(), begin.elapsed())
        };
        let (first, quick) = time(1).await;
        let (second, slow) = time(1).await;
        let (third, quick_again) = time(2).await;
        assert_eq!(first, second);
        assert_ne!(first, third);
        assert!(slow >= Duration::from_millis(300), "{slow:?}");
        assert!(quick < slow && quick_again < slow, "{quick:?} {quick_again:?}");
        assert_eq!(world.host.faults().calls(HASH), 3);
    });
}

#[test]
fn a_silent_call_keeps_its_thread_and_no_other() {
    with_faults(PROFILE, &["silent@Chain.getBlockHash"], async |world| {
        let (client, chain) = world.chain().await;
        let other = client.another_thread().await;
        let (hash, height) = (get_hash(1), get_height());
        let silent = client.ask(&chain, &hash);
        let behind = client.ask(&chain, &height);
        let beside = async {
            soon(client.ask_on(&chain, &height, &other)).await.expect("another thread");
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        tokio::select! {
            biased;
            answer = silent => panic!("it was not silent: {answer:?}"),
            answer = behind => panic!("the thread was free: {answer:?}"),
            () = beside => {}
        }
        let faults = world.host.faults();
        assert_eq!((faults.calls(HASH), faults.calls(HEIGHT), faults.threads()), (1, 2, 2));
    });
}

#[test]
fn every_kind_of_exception_has_its_text() {
    for (name, kind) in [
        ("failed", ErrorKind::Failed),
        ("overloaded", ErrorKind::Overloaded),
        ("disconnected", ErrorKind::Disconnected),
        ("unimplemented", ErrorKind::Unimplemented),
    ] {
        let fault = format!("error={name}:out of {name} tape@Chain.getHeight/first:1");
        with_faults(PROFILE, &[&fault], async |world| {
            let (client, chain) = world.chain().await;
            let error = client.height(&chain).await.unwrap_err();
            assert_eq!(error.kind, kind);
            assert!(error.extra.contains(&format!("out of {name} tape")), "{error}");
            let height = client.height(&chain).await.expect("the connection lives on");
            assert_eq!(height, BLOCKS as i32);
        });
    }
}

#[test]
fn making_an_interface_can_fail_too() {
    with_faults(PROFILE, &["error=failed:no chain today@Init.makeChain/first:1"], async |world| {
        let client = world.connect(PROFILE).await.unwrap();
        let error = client.make(bitcoin_grpc_contract::Service::Chain).await.err().unwrap();
        assert!(error.extra.contains("no chain today"), "{error}");
        client.make(bitcoin_grpc_contract::Service::Chain).await.expect("the second time");
    });
}

#[test]
fn a_death_on_demand_is_counted() {
    with_faults(PROFILE, &["die@Chain.getHeight/first:1"], async |world| {
        let (client, chain) = world.chain().await;
        let error = client.height(&chain).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Disconnected);
        let deaths = world.host.faults().deaths();
        assert_eq!(deaths.count(), 1);
        assert!(deaths.causes()[0].contains("Chain.GetHeight"), "{:?}", deaths.causes());
        let (client, chain) = world.chain().await;
        client.height(&chain).await.expect("the node lives on");
    });
}

#[test]
fn a_frozen_node_keeps_everybody_waiting() {
    with_faults(PROFILE, &["freeze=400ms@Chain.getBlockHash"], async |world| {
        let (client, chain) = world.chain().await;
        let (other, other_chain) = world.chain().await;
        let hash = get_hash(1);
        let begin = Instant::now();
        let frozen = soon(client.ask(&chain, &hash));
        let beside = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            other.height(&other_chain).await.unwrap();
            begin.elapsed()
        };
        let (answer, beside) = tokio::join!(frozen, beside);
        answer.unwrap();
        assert!(beside >= Duration::from_millis(400), "{beside:?}");
    });
}

#[test]
fn chance_is_the_same_under_the_same_seed() {
    let run = || {
        let mut failed = Vec::new();
        with_faults(PROFILE, &["error=failed:x@Chain.getHeight/chance:0.5"], async |world| {
            let (client, chain) = world.chain().await;
            for _ in 0..40 {
                failed.push(client.height(&chain).await.is_err());
            }
        });
        failed
    };
    let first = run();
    assert_eq!(first, run());
    assert!(first.contains(&true) && first.contains(&false));
}
