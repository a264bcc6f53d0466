//! The table of leases, with paused time.

use std::sync::Arc;

use super::*;

fn leases(per_caller: usize, total: usize) -> Leases {
    let time_to_live = Duration::from_secs(60);
    let instance = Some("east".to_owned());
    Leases::new(LeaseConfig { time_to_live, per_caller, total, instance })
}

fn home() -> (Arc<Home>, mpsc::UnboundedReceiver<Ended>) {
    Home::new(Arc::new(Queue::new(1, 1, Arc::default())))
}

fn remote() -> Caller {
    Caller::Remote(Arc::from("192.0.2.7"))
}

fn lease(leases: &Leases, caller: &Caller, home: &Arc<Home>) -> (LeaseId, String) {
    let seat = leases.reserve(caller).unwrap();
    let (id, lease) = leases.grant(seat, home).unwrap();
    (id, lease.handle)
}

/// Why a handle cannot be used.
fn refusal(leases: &Leases, handle: &str, caller: &Caller) -> LeaseEnd {
    match leases.enter(handle, caller) {
        Err(CallError::LeaseGone(why)) => why,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("{handle} is there"),
    }
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[test]
fn a_lease_says_who_holds_it_and_for_how_long() {
    let (leases, (home, _ended)) = (leases(2, 4), home());
    let seat = leases.reserve(&Caller::Local).unwrap();
    let (_, lease) = leases.grant(seat, &home).unwrap();
    assert_eq!(lease.instance, "east");
    assert_eq!(lease.time_to_live.unwrap().seconds, 60);
    let (instance, secret) = lease.handle.split_once('.').unwrap();
    assert_eq!((instance, secret.len()), ("east", 32));
}

#[test]
fn no_two_handles_are_alike() {
    let (leases, (home, _ended)) = (leases(1000, 1000), home());
    let handles: std::collections::BTreeSet<_> =
        (0..1000).map(|_| self::lease(&leases, &Caller::Local, &home).1).collect();
    assert_eq!(handles.len(), 1000);
}

#[test]
fn a_lease_is_its_callers_alone() {
    let (leases, (home, mut ended)) = (leases(2, 4), home());
    let (_, handle) = lease(&leases, &Caller::Local, &home);
    assert_eq!(refusal(&leases, &handle, &remote()), LeaseEnd::Unknown);
    assert!(leases.end(&handle, &remote()).is_err());
    assert!(ended.try_recv().is_err());
    assert!(leases.enter(&handle, &Caller::Local).is_ok());
    // That it is gone is the business of its caller as well.
    leases.end(&handle, &Caller::Local).unwrap();
    assert_eq!(refusal(&leases, &handle, &remote()), LeaseEnd::Unknown);
    assert_eq!(refusal(&leases, &handle, &Caller::Local), LeaseEnd::Destroyed);
}

#[test]
fn handles_of_other_instances_are_told_apart() {
    let leases = leases(2, 4);
    let elsewhere = LeaseEnd::Elsewhere("west".to_owned());
    assert_eq!(refusal(&leases, "west.00", &Caller::Local), elsewhere);
    assert_eq!(refusal(&leases, "east.00", &Caller::Local), LeaseEnd::Unknown);
    assert_eq!(refusal(&leases, "", &Caller::Local), LeaseEnd::Unknown);
}

#[test]
fn each_caller_and_all_together_have_so_many() {
    let (leases, (home, _ended)) = (leases(2, 3), home());
    let first = lease(&leases, &Caller::Local, &home).1;
    let second = leases.reserve(&Caller::Local).unwrap();
    let limit = |caller: &Caller| match leases.reserve(caller) {
        Err(CallError::TooManyLeases { limit }) => limit,
        _ => 0,
    };
    // A call that may end in a lease counts like one.
    assert_eq!(limit(&Caller::Local), 2);
    let third = leases.reserve(&remote()).unwrap();
    assert_eq!(limit(&remote()), 3);
    drop((second, third));
    leases.end(&first, &Caller::Local).unwrap();
    assert_eq!(leases.taken(), 0);
    assert_eq!(limit(&Caller::Local), 0);
}

#[tokio::test(start_paused = true)]
async fn use_keeps_a_lease() {
    let (leases, (home, mut ended)) = (leases(2, 4), home());
    let (id, handle) = lease(&leases, &Caller::Local, &home);
    let keeping = {
        let (leases, home) = (leases.clone(), Arc::clone(&home));
        tokio::spawn(async move { leases.keep_time(&home).await })
    };
    pass(59).await;
    drop(leases.enter(&handle, &Caller::Local).unwrap());
    pass(59).await;
    // For as long as a call is under way, however long that is.
    let long = leases.enter(&handle, &Caller::Local).unwrap();
    pass(600).await;
    drop(long);
    pass(59).await;
    assert!(ended.try_recv().is_err());
    pass(2).await;
    assert_eq!(ended.try_recv().unwrap().id, id);
    assert_eq!(refusal(&leases, &handle, &Caller::Local), LeaseEnd::Expired);
    assert_eq!(leases.taken(), 0);
    keeping.abort();
}

#[tokio::test(start_paused = true)]
async fn leases_end_in_the_order_of_their_last_use() {
    let (leases, (home, mut ended)) = (leases(2, 4), home());
    let first = lease(&leases, &Caller::Local, &home);
    pass(10).await;
    let second = lease(&leases, &Caller::Local, &home);
    drop(leases.enter(&first.1, &Caller::Local).unwrap());
    drop(leases.enter(&first.1, &Caller::Local).unwrap());
    pass(5).await;
    drop(leases.enter(&first.1, &Caller::Local).unwrap());
    let next = leases.expire(&home, Instant::now()).unwrap();
    assert_eq!(next, Instant::now() + Duration::from_secs(55));
    assert_eq!(leases.expire(&home, next), Some(next + Duration::from_secs(5)));
    assert_eq!(ended.try_recv().unwrap().id, second.0);
    assert!(ended.try_recv().is_err());
}

#[test]
fn the_end_of_a_home_ends_its_leases_only() {
    let leases = leases(4, 4);
    let ((one, mut of_one), (other, mut of_other)) = (home(), home());
    let here = lease(&leases, &Caller::Local, &one);
    let there = lease(&leases, &Caller::Local, &other);
    leases.close(&one, &LeaseEnd::NodeGone);
    assert_eq!(of_one.try_recv().unwrap().id, here.0);
    assert!(of_other.try_recv().is_err());
    assert_eq!(refusal(&leases, &here.1, &Caller::Local), LeaseEnd::NodeGone);
    assert!(leases.enter(&there.1, &Caller::Local).is_ok());
}

#[test]
fn only_so_many_ends_are_remembered() {
    let (leases, (home, _ended)) = (leases(1, 1), home());
    let mut handles = Vec::new();
    for _ in 0..=REMEMBERED {
        let handle = lease(&leases, &Caller::Local, &home).1;
        leases.end(&handle, &Caller::Local).unwrap();
        handles.push(handle);
    }
    assert_eq!(refusal(&leases, &handles[0], &Caller::Local), LeaseEnd::Unknown);
    assert_eq!(refusal(&leases, &handles[1], &Caller::Local), LeaseEnd::Destroyed);
    assert_eq!(leases.table().ends.len(), REMEMBERED);
}

#[test]
fn an_interrupt_is_for_one_wait() {
    let (leases, (home, _ended)) = (leases(1, 1), home());
    let handle = lease(&leases, &Caller::Local, &home).1;
    let used = leases.enter(&handle, &Caller::Local).unwrap();
    leases.interrupt_next(&used);
    assert!(used.take_interrupt());
    assert!(!used.take_interrupt());
}
