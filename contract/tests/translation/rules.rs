//! Rules of the translation that arbitrary values seldom meet.

use bitcoin_grpc_codegen::schema::Type;
use bitcoin_grpc_contract::{GlueError, Method, PROFILES, Slot};
use bitcoin_grpc_testkit::any::{self, normal};
use bitcoin_grpc_testkit::arbitrary::{requests, responses};
use bitcoin_grpc_testkit::cross::cross;
use bitcoin_grpc_testkit::generation::{id, width};
use bitcoin_grpc_testkit::plan::{FieldPlan, Kind, Place, Plan};
use bitcoin_grpc_testkit::world::schema_method;
use bitcoin_grpc_testkit::{Tree, World, encode};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use prost_reflect::{DynamicMessage, Kind as ProtoKind, Value};

use crate::harness::Subject;

const NEWEST: &str = "pr10102-2026-07";

/// Bounded lists among the requests' fields in the newest generation.
const LISTS: usize = 10;
/// The same in the oldest branch.
const LISTS_OF_2024: usize = 7;

/// Deepest nesting that the check lets pass.
const DEEP: usize = 16;

fn subject(profile: &str, method: Method) -> Subject {
    Subject::all(profile).into_iter().find(|s| s.method == method).expect("a method that it has")
}

fn some(strategy: &impl Strategy<Value = DynamicMessage>) -> DynamicMessage {
    let mut runner = TestRunner::deterministic();
    strategy.new_tree(&mut runner).expect("a message").current()
}

fn places(plan: &Plan) -> impl Iterator<Item = (&FieldPlan, &Place)> {
    plan.fields.iter().filter_map(|field| field.place.as_ref().map(|place| (field, place)))
}

/// What a request with these contents looks like from both sides.
fn crosses(subject: &Subject, message: &DynamicMessage) {
    let passage = subject.passage;
    let crossing = cross(subject.peer, &passage.request, &passage.params, message);
    let (params, _) = subject.write_params(message).expect("written");
    let mut expected = crossing.tree;
    if let Tree::Struct(fields) = &mut expected {
        fields.insert("context".to_owned(), Tree::of([]));
    }
    expected.expect(&params).unwrap_or_else(|e| panic!("{}: {e}", subject.name()));
    let (read, _) = subject.read_params(&expected).expect("read");
    assert!(read == normal(&crossing.seen), "{} comes back changed", subject.name());
}

#[test]
fn every_method_stands_where_the_facts_say() {
    let world = World::get();
    for profile in &PROFILES {
        let facts = &world.peer(profile.name).generation.facts;
        for method in Method::ALL {
            let (interface, newest) = schema_method(&world.schema, method);
            let served = facts.interfaces.contains_key(method.info().service.name());
            let fact = facts.method(&interface.name, &newest.name).filter(|_| served);
            match (profile.slot(method), fact) {
                (Slot::Callable(at), Some(fact)) => {
                    assert_eq!(at.ordinal, fact.ordinal, "{method:?} of {}", profile.name);
                    let wire_id = id(&facts.interfaces[&interface.name].id);
                    assert_eq!(method.info().interface_id, wire_id);
                    assert_eq!(profile.method_at(wire_id, at.ordinal), Some((method, at)));
                }
                (Slot::Differs(why), Some(_)) => assert!(!why.is_empty()),
                (Slot::Absent, None) => {}
                (slot, fact) => panic!("{method:?} of {}: {slot:?}, {fact:?}", profile.name),
            }
        }
    }
}

/// How many methods each generation can be asked. A table with too few would still agree with itself.
const CALLABLE: [(&str, usize); 7] = [
    ("core-30", 15),
    ("core-31", 18),
    ("core-32", 22),
    ("pr10102-2024-07", 180),
    ("pr10102-2026-02", 203),
    ("pr10102-2026-07", 209),
    ("pr29409-2025-05", 64),
];

/// Methods that a generation has by name only.
const DIFFERENT: [(&str, &str); 6] = [
    ("core-30", "BlockTemplate.GetCoinbaseTx"),
    ("pr10102-2024-07", "Chain.UpdateRwSetting"),
    ("pr10102-2024-07", "Mining.CreateNewBlock"),
    ("pr10102-2024-07", "Wallet.CreateTransaction"),
    ("pr10102-2024-07", "WalletLoader.ListWalletDir"),
    ("pr29409-2025-05", "BlockTemplate.GetCoinbaseTx"),
];

#[test]
fn every_method_that_can_be_asked_is_in_the_tests() {
    for (profile, methods) in CALLABLE {
        assert_eq!(Subject::all(profile).len(), methods, "{profile}");
    }
    let mut different = Vec::new();
    for profile in &PROFILES {
        let differs = |method: &Method| matches!(profile.slot(*method), Slot::Differs(_));
        let names = Method::ALL.into_iter().filter(differs).map(|method| method.info().full_name);
        different.extend(names.map(|name| (profile.name, name)));
    }
    assert_eq!(different, DIFFERENT);
}

#[test]
fn blocks_nest() {
    for profile in ["pr29409-2025-05", "pr10102-2024-07", NEWEST] {
        let subject = subject(profile, Method::ChainFindBlock);
        let request = |depth| any::request(subject.method, &nested(&subject, depth));
        assert_eq!(request(DEEP).check(), Ok(()));
        assert!(request(DEEP + 1).check().is_err());
        crosses(&subject, &nested(&subject, DEEP));
    }
}

fn nested(subject: &Subject, depth: usize) -> DynamicMessage {
    let param = &subject.peer.structs["FoundBlockParam"].descriptor;
    let mut block = DynamicMessage::new(param.clone());
    for level in 1..depth {
        let mut outer = DynamicMessage::new(param.clone());
        outer.set_field_by_name("next_block", Value::Message(block));
        outer.set_field_by_name("want_height", Value::Bool(level % 2 == 0));
        block = outer;
    }
    let mut message = DynamicMessage::new(subject.passage.request.descriptor.clone());
    message.set_field_by_name("hash", Value::Bytes(vec![7; 32].into()));
    message.set_field_by_name("block", Value::Message(block));
    message
}

#[test]
fn lists_may_be_as_long_as_their_schema_says() {
    for (profile, lists) in [(NEWEST, LISTS), ("pr10102-2024-07", LISTS_OF_2024)] {
        let mut met = 0;
        for subject in Subject::all(profile) {
            for (field, _) in places(&subject.passage.request) {
                let Some(most) = field.field.notes.max_items else { continue };
                full_list(&subject, field, most as usize);
                met += 1;
            }
        }
        assert_eq!(met, lists, "{profile}");
    }
}

/// A request with as many items as are allowed crosses; with one more it is refused.
fn full_list(subject: &Subject, field: &FieldPlan, most: usize) {
    let strategy = requests(subject.peer, &subject.passage.request);
    let mut message = std::iter::repeat_with({
        let mut runner = TestRunner::deterministic();
        move || strategy.new_tree(&mut runner).expect("a message").current()
    })
    .take(100)
    .find(|message| message.has_field(&field.proto))
    .expect("a request with items");
    let items = message.get_field(&field.proto).as_list().expect("a list").to_vec();
    let full: Vec<_> = items.iter().cycle().take(most).cloned().collect();
    message.set_field(&field.proto, Value::List(full));
    // Other fields may be lacking in an older generation.
    let passage = subject.passage;
    let message = cross(subject.peer, &passage.request, &passage.params, &message).seen;
    assert_eq!(any::request(subject.method, &message).check(), Ok(()), "{}", subject.name());
    crosses(subject, &message);

    let mut more = message;
    more.get_field_mut(&field.proto).as_list_mut().expect("a list").push(items[0].clone());
    assert!(any::request(subject.method, &more).check().is_err(), "{}", subject.name());
}

#[test]
fn what_a_flag_says_is_not_set_is_not_seen() {
    let mut met = 0;
    for subject in PROFILES.iter().flat_map(|profile| Subject::all(profile.name)) {
        let Some(response) = &subject.passage.response else { continue };
        for (field, place) in places(response) {
            let Some((flag, _)) = &place.flag else { continue };
            let mut message = some(&responses(subject.peer, response));
            message.set_field(&field.proto, Value::default_value(&field.proto.kind()));
            let mut tree = cross(subject.peer, response, &subject.passage.results, &message).tree;
            let Tree::Struct(fields) = &mut tree else { panic!("no struct") };
            fields.remove(flag);
            let read = subject.read_results(&tree).expect("read");
            assert!(!read.has_field(&field.proto), "{}: {flag}", subject.name());
            met += 1;
        }
    }
    assert!(met > 10, "only {met} flags");
}

#[test]
fn an_exception_in_place_of_a_result_is_no_reply() {
    let mut met = 0;
    for subject in PROFILES.iter().flat_map(|profile| Subject::all(profile.name)) {
        let Some(exception) = subject.passage.response.as_ref().and_then(|r| r.exception.clone())
        else {
            continue;
        };
        let tree = Tree::of([(exception.as_str(), Tree::Text("it broke".to_owned()))]);
        match subject.read_results(&tree) {
            Err(GlueError::Exception(text)) => assert_eq!(text, "it broke"),
            other => panic!("{}: {other:?}", subject.name()),
        }
        met += 1;
    }
    assert!(met >= 3, "only {met} methods carry exceptions");
}

#[test]
fn a_number_that_does_not_fit_never_leaves() {
    let mut met = 0;
    for subject in PROFILES.iter().flat_map(|profile| Subject::all(profile.name)) {
        for (field, place) in places(&subject.passage.request) {
            let narrow = matches!(place.ty, Type::Int(_) | Type::UInt(_)) && width(&place.ty) < 32;
            if field.kind != Kind::Int || !narrow {
                continue;
            }
            let mut message = some(&requests(subject.peer, &subject.passage.request));
            let large = match field.proto.kind() {
                ProtoKind::Uint32 => Value::U32(1 << width(&place.ty)),
                other => panic!("no rule for {other:?}"),
            };
            message.set_field(&field.proto, large);
            assert!(matches!(subject.write_params(&message), Err(GlueError::Number)));
            met += 1;
        }
    }
    assert!(met > 0, "no narrow numbers");
}

/// Whatever bytes a node sends, they are an answer or an error, never the end of the proxy.
#[test]
fn damaged_results_are_errors_at_worst() {
    for subject in Subject::all(NEWEST) {
        let Some(response) = &subject.passage.response else { continue };
        let message = some(&responses(subject.peer, response));
        let tree = cross(subject.peer, response, &subject.passage.results, &message).tree;
        let whole = encode::encode(&subject.peer.generation, &subject.passage.results, &tree);
        for bit in (0..whole.len() * 8).step_by(7).take(500) {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let _ = subject.read_segment(&damaged);
        }
    }
}
