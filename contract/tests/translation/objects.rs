//! Objects: each pointer of the wire is the object that the message says, and no other.

use bitcoin_grpc_contract::{Form, Inner, Method, PROFILES, Profile, callback, transfer};
use bitcoin_grpc_testkit::any;
use bitcoin_grpc_testkit::arbitrary::{requests, responses};
use bitcoin_grpc_testkit::cross::cross;
use bitcoin_grpc_testkit::server::caps;
use bitcoin_grpc_testkit::{Tree, World};
use capnp::any_pointer;
use capnp::capability::{Client, FromClientHook};
use capnp::message::Builder;
use capnp::private::capability::ClientHook;
use capnp::private::layout::CapTable;
use capnp::traits::{Imbue, ImbueMut};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::harness::Subject;

/// Objects in a table. The one that counts is neither the first nor the last.
const OBJECTS: u32 = 5;

/// An object that is known by its place in memory.
fn thing() -> Box<dyn ClientHook> {
    capnp_rpc::new_client::<bitcoin_grpc_contract::wire::handler_capnp::handler::Client, _>(Thing)
        .into_client_hook()
}

struct Thing;

impl bitcoin_grpc_contract::wire::handler_capnp::handler::Server for Thing {}

fn table() -> (CapTable, Vec<usize>) {
    let mut table = CapTable::new();
    let mut places = Vec::new();
    for _ in 0..OBJECTS {
        let hook = thing();
        places.push(hook.get_ptr());
        table.push(Some(hook));
    }
    (table, places)
}

fn place(client: &Client) -> usize {
    client.hook.get_ptr()
}

/// What `read` finds in a struct that the kit wrote with these objects.
fn of_kit<T>(
    subject: &Subject,
    layout: &bitcoin_grpc_testkit::generation::Layout,
    tree: &Tree,
    table: &CapTable,
    read: impl FnOnce(any_pointer::Reader<'_>) -> T,
) -> T {
    let mut message = Builder::new_default();
    let mut within = CapTable::new();
    let mut root: any_pointer::Builder<'_> = message.init_root();
    root.imbue_mut(&mut within);
    caps::write(&subject.peer.generation, layout, tree, table, root).expect("written");
    let mut root: any_pointer::Reader<'_> = message.get_root_as_reader().expect("a root");
    root.imbue(&within);
    read(root)
}

fn streams() -> impl Iterator<Item = Subject> {
    let all = PROFILES.iter().flat_map(|profile| Subject::all(profile.name));
    all.filter(|subject| subject.method.callback().is_some())
}

/// Puts the object of that number in place of the tree's only one.
fn renumbered(tree: Tree, number: u32) -> Tree {
    match tree {
        Tree::Capability(_) => Tree::Capability(number),
        Tree::Exactly(inner) => renumbered(*inner, number).exactly(),
        Tree::Struct(fields) => Tree::Struct(
            fields.into_iter().map(|(name, tree)| (name, renumbered(tree, number))).collect(),
        ),
        Tree::List(list) => {
            Tree::List(list.into_iter().map(|tree| renumbered(tree, number)).collect())
        }
        other => other,
    }
}

/// Where the objects stand in a tree.
fn pointers(tree: &Tree, path: &str, found: &mut Vec<(String, u32)>) {
    match tree {
        Tree::Capability(number) => found.push((path.to_owned(), *number)),
        Tree::Exactly(inner) => pointers(inner, path, found),
        Tree::Struct(fields) => {
            for (name, tree) in fields {
                pointers(tree, &format!("{path}/{name}"), found);
            }
        }
        Tree::List(list) => list.iter().for_each(|tree| pointers(tree, path, found)),
        _ => {}
    }
}

#[test]
fn our_object_stands_where_the_method_takes_it_and_nowhere_else() {
    let mut met = 0;
    for subject in streams() {
        let request = requests(subject.peer, &subject.passage.request);
        let request = request.new_tree(&mut TestRunner::deterministic()).unwrap().current();
        let request =
            cross(subject.peer, &subject.passage.request, &subject.passage.params, &request).seen;
        let request = any::request(subject.method, &request);
        let mut message = Builder::new_default();
        let mut within = CapTable::new();
        let mut root: any_pointer::Builder<'_> = message.init_root();
        root.imbue_mut(&mut within);
        let (at, profile) = (subject.at, subject.profile);
        transfer::write_params(&request, at, profile, root.reborrow(), &mut |_| {}).unwrap();
        let object = thing();
        let ours = object.get_ptr();
        callback::attach(subject.method, at, root.reborrow(), object).unwrap();
        let mut reader: any_pointer::Reader<'_> = message.get_root_as_reader().unwrap();
        reader.imbue(&within);
        let tree = caps::read(&subject.peer.generation, &subject.passage.params, reader).unwrap();
        let mut found = Vec::new();
        pointers(&tree, "", &mut found);
        let expected = match subject.method {
            Method::ChainHandleNotifications | Method::ChainRequestMempoolTransactions => {
                "/notifications"
            }
            Method::ChainHandleRpc => "/command/actor",
            Method::ChainUpdateRwSetting => "/update",
            _ if subject.passage.params.slot("callback").is_some() => "/callback",
            _ => "/fn",
        };
        assert_eq!(found, [(expected.to_owned(), 0)], "{}", subject.name());
        // A node finds it there, too.
        let passed = callback::passed(subject.method, at, reader).unwrap().expect("an object");
        assert_eq!(place(&passed), ours, "{}", subject.name());
        met += 1;
    }
    // 22 in 2026, one fewer in 2024, and the four of Chain in 2025.
    assert_eq!(met, 2 * 22 + 21 + 4);
}

#[test]
fn the_handler_is_the_one_that_the_node_returned() {
    let mut met = 0;
    for subject in streams() {
        if subject.passage.results.slot("result").is_none()
            || subject.method == Method::ChainUpdateRwSetting
        {
            continue;
        }
        let (table, places) = table();
        for number in [1, 3] {
            let tree = Tree::of([("result", Tree::Capability(number))]);
            let handler = of_kit(&subject, &subject.passage.results, &tree, &table, |root| {
                callback::read_handler(subject.method, subject.at, root).unwrap()
            });
            let found: Client = handler.expect("a handler").cast_to();
            assert_eq!(place(&found), places[number as usize], "{}", subject.name());
        }
        let none = of_kit(&subject, &subject.passage.results, &Tree::of([]), &table, |root| {
            callback::read_handler(subject.method, subject.at, root).unwrap().is_none()
        });
        assert!(none, "{}", subject.name());
        met += 1;
    }
    assert!(met > 50, "only {met} handlers");
}

#[test]
fn the_objects_of_a_reply_are_those_that_the_node_returned_in_order() {
    let mut met = 0;
    for subject in PROFILES.iter().flat_map(|profile| Subject::all(profile.name)) {
        let Some(response) = &subject.passage.response else { continue };
        assert_eq!(subject.method.info().form, Form::Unary);
        let strategy = responses(subject.peer, response);
        let mut runner = TestRunner::deterministic();
        for _ in 0..20 {
            let message = strategy.new_tree(&mut runner).unwrap().current();
            let tree = cross(subject.peer, response, &subject.passage.results, &message).tree;
            let number = tree.objects();
            if number == 0 {
                continue;
            }
            let (table, places) = table();
            let found = of_kit(&subject, &subject.passage.results, &tree, &table, |root| {
                transfer::result_objects(subject.method, subject.at, root).unwrap()
            });
            let found: Vec<_> = found.iter().flatten().map(place).collect();
            assert_eq!(found, places[..number], "{}", subject.name());
            met += 1;
        }
    }
    assert!(met > 100, "only {met} replies with objects");
}

#[test]
fn the_wallet_of_an_event_is_the_one_that_the_node_passed() {
    let inner = Inner::LoadWalletCallbackCall;
    let mut met = 0;
    for profile in &PROFILES {
        let profile: &'static Profile = profile;
        let Some(at) = profile.inner(inner) else { continue };
        let peer = World::get().peer(profile.name);
        let heard = peer.callbacks.iter().find(|c| c.name == "LoadWalletCallback.call").unwrap();
        let subject = Subject::all(profile.name).remove(0);
        let (table, places) = table();
        for number in [1, 3] {
            let tree = Tree::of([("wallet", Tree::Capability(0))]);
            let tree = renumbered(tree, number);
            let found = of_kit(&subject, &heard.params, &tree, &table, |root| {
                callback::event_objects(inner, at, root).unwrap()
            });
            let found: Vec<_> = found.iter().flatten().map(place).collect();
            assert_eq!(found, [places[number as usize]], "{}", profile.name);
        }
        let none = of_kit(&subject, &heard.params, &Tree::of([]), &table, |root| {
            callback::event_objects(inner, at, root).unwrap()
        });
        assert!(matches!(none[..], [None]), "{}", profile.name);
        met += 1;
    }
    assert_eq!(met, 3);
}
