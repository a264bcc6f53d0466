//! What the node says to objects of its client's, and what they answer: arbitrary values arrive
//! unchanged, in both directions, for every method of every callback interface of every generation.

use bitcoin_grpc_codegen::schema::Type;
use bitcoin_grpc_contract::{At, CallbackAnswer, Event, GlueError, Inner, Profile, callback, v1};
use bitcoin_grpc_testkit::any::normal;
use bitcoin_grpc_testkit::arbitrary::{requests, responses};
use bitcoin_grpc_testkit::cross::cross;
use bitcoin_grpc_testkit::world::{Callback, Peer};
use bitcoin_grpc_testkit::{Tree, World, decode, encode};
use proptest::strategy::BoxedStrategy;
use proptest::test_runner::{TestCaseError, TestError};
use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage, Value};

use crate::harness::{read, written};
use crate::properties::{Case, alike, glue, hold, runner, same};

/// Methods of callback interfaces, and how many of them are answered.
const EVENTS: [(&str, usize, usize); 7] = [
    ("core-30", 0, 0),
    ("core-31", 0, 0),
    ("core-32", 0, 0),
    // Six of ChainNotifications, eleven of Node, seven of wallets, a command, and since 2026 a setting.
    ("pr10102-2024-07", 25, 3),
    ("pr10102-2026-02", 26, 4),
    ("pr10102-2026-07", 26, 4),
    ("pr29409-2025-05", 8, 2),
];

/// A method of a callback interface, seen from both sides.
struct Heard {
    peer: &'static Peer,
    profile: &'static Profile,
    callback: &'static Callback,
    inner: Inner,
    at: At,
}

impl Heard {
    fn all(profile: &str) -> Vec<Self> {
        let peer = World::get().peer(profile);
        let profile = Profile::by_name(profile).expect("a profile");
        let heard = |callback: &'static Callback| {
            let found = profile.inner_at(callback.interface_id, callback.ordinal);
            let (inner, at) = found.unwrap_or_else(|| panic!("{} has no place", callback.name));
            assert_eq!(profile.inner(inner), Some(at));
            Self { peer, profile, callback, inner, at }
        };
        peer.callbacks.iter().map(heard).collect()
    }

    fn name(&self) -> String {
        format!("{} of {}", self.callback.name, self.profile.name)
    }

    fn read_event(&self, params: &Tree) -> Result<(Event, bool), GlueError> {
        let segment = encode::encode(&self.peer.generation, &self.callback.params, params);
        read(&segment, |root| {
            let (event, context) = callback::read_event(self.inner, self.at, self.profile, root)?;
            Ok((event, context.is_some()))
        })
    }

    fn write_event(&self, event: &Event) -> Result<(Tree, usize), GlueError> {
        let mut contexts = 0;
        let segment = written(|params| {
            contexts = 0;
            callback::write_event(event, self.at, self.profile, params, &mut |_| contexts += 1)
        })?;
        let tree = decode::decode(&self.peer.generation, &self.callback.params, &segment);
        Ok((tree.expect("a message"), contexts))
    }

    fn write_answer(&self, answer: &CallbackAnswer) -> Result<Tree, GlueError> {
        let segment =
            written(|results| callback::write_answer(answer, self.at, self.profile, results))?;
        let tree = decode::decode(&self.peer.generation, &self.callback.results, &segment);
        Ok(tree.expect("a message"))
    }

    fn read_answer(&self, results: &Tree) -> Result<CallbackAnswer, GlueError> {
        let segment = encode::encode(&self.peer.generation, &self.callback.results, results);
        read(&segment, |root| callback::read_answer(self.inner, self.at, self.profile, root))
    }
}

macro_rules! generations {
    ($($test:ident = $profile:literal),* $(,)?) => {
        $(mod $test {
            #[test]
            fn events_arrive_unchanged() {
                super::events_arrive($profile);
            }

            #[test]
            fn answers_arrive_unchanged() {
                super::answers_arrive($profile);
            }
        })*
    };
}

generations! {
    pr10102_2024_07 = "pr10102-2024-07",
    pr10102_2026_02 = "pr10102-2026-02",
    pr10102_2026_07 = "pr10102-2026-07",
    pr29409_2025_05 = "pr29409-2025-05",
}

#[test]
fn no_callback_is_left_out() {
    let found = World::get().peers.values().map(|peer| {
        let answered = peer.callbacks.iter().filter(|callback| callback.answer.is_some()).count();
        (&peer.generation.facts.profile[..], peer.callbacks.len(), answered)
    });
    assert_eq!(found.collect::<Vec<_>>(), EVENTS);
}

fn events_arrive(profile: &str) {
    hold(
        Heard::all(profile)
            .iter()
            .map(|heard| run(heard, &responses(heard.peer, &heard.callback.event), event_arrives)),
    );
}

fn answers_arrive(profile: &str) {
    hold(Heard::all(profile).iter().filter_map(|heard| {
        let answers = requests(heard.peer, heard.callback.answer.as_ref()?);
        Some(run(heard, &answers, answer_arrives))
    }));
}

fn run(
    heard: &Heard,
    messages: &BoxedStrategy<DynamicMessage>,
    case: fn(&Heard, &DynamicMessage) -> Case,
) -> Result<(), String> {
    runner().run(messages, |message| case(heard, &message)).map_err(|error| match error {
        TestError::Fail(reason, message) => {
            format!("{}: {reason}\nfor: {}", heard.name(), message.to_text_format())
        }
        error @ TestError::Abort(_) => format!("{}: {error}", heard.name()),
    })
}

/// What stands for "unknown" in a block that a node tells of.
const UNKNOWN: [&str; 2] = ["height", "file_number"];

/// The roles of chain states as older nodes number them: validated or not, historical or not.
const ROLES: [(bool, bool); 3] = [(true, false), (false, false), (true, true)];

/// What only those know who know what a node means: an expected event, and its form on the wire.
fn meant(heard: &Heard, from: &DynamicMessage, tree: &mut Tree, seen: &mut DynamicMessage) {
    if seen.has_field_by_name("block")
        && let Some(Value::Message(block)) = seen.get_field_by_name_mut("block")
    {
        for name in UNKNOWN {
            if block.get_field_by_name(name).is_some_and(|value| *value == Value::I32(-1)) {
                block.clear_field_by_name(name);
            }
        }
    }
    let is_number = |ty: &Type| matches!(ty, Type::UInt(_) | Type::Int(_));
    let numbered = heard.callback.params.slot("role").is_some_and(|slot| is_number(&slot.ty));
    if let (true, Tree::Struct(fields)) = (numbered, tree) {
        let said = from.get_field_by_name("role").expect("a role").into_owned();
        let bit = |name| said.as_message().and_then(|role| role.get_field_by_name(name)?.as_bool());
        let said = (bit("validated") == Some(true), bit("historical") == Some(true));
        let number = ROLES.iter().position(|role| *role == said).unwrap_or(0);
        fields.insert("role".to_owned(), Tree::Int(number as i128));
        let Value::Message(mut role) = from.get_field_by_name("role").expect("a role").into_owned()
        else {
            panic!("a role is a message")
        };
        role.set_field_by_name("validated", Value::Bool(ROLES[number].0));
        role.set_field_by_name("historical", Value::Bool(ROLES[number].1));
        seen.set_field_by_name("role", Value::Message(role));
    }
}

fn event_arrives(heard: &Heard, message: &DynamicMessage) -> Case {
    let callback = heard.callback;
    let mut crossing = cross(heard.peer, &callback.event, &callback.params, message);
    meant(heard, message, &mut crossing.tree, &mut crossing.seen);
    let mut tree = crossing.tree;
    if let (true, Tree::Struct(fields)) = (callback.has_context, &mut tree) {
        fields.insert("context".to_owned(), Tree::of([]));
    }
    let (mut event, context) = heard.read_event(&tree).map_err(glue("read_event"))?;
    same(&context, &callback.has_context)?;
    same(&event.inner(), &heard.inner)?;
    alike(&event_message(&event, message.descriptor()), &normal(&crossing.seen))?;
    same(&callback::event_places(&mut event).len(), &tree.objects())?;
    let (params, contexts) = heard.write_event(&event).map_err(glue("write_event"))?;
    same(&contexts, &usize::from(callback.has_context))?;
    tree.without_objects().expect(&params).map_err(TestCaseError::fail)
}

fn answer_arrives(heard: &Heard, message: &DynamicMessage) -> Case {
    let callback = heard.callback;
    let plan = callback.answer.as_ref().expect("an answer");
    let mut message = message.clone();
    let mut crossing = cross(heard.peer, plan, &callback.results, &message);
    if !crossing.lacking.is_empty() {
        // Older nodes have no place for a command's help; the rest of the answer must pass.
        same(&crossing.lacking, &vec!["help_result".to_owned()])?;
        message = crossing.seen;
        crossing = cross(heard.peer, plan, &callback.results, &message);
    }
    let answer = answer(heard.inner, &message);
    if let Err(violations) = answer.check() {
        return Err(TestCaseError::fail(format!("refused: {violations:?}")));
    }
    let results = heard.write_answer(&answer).map_err(glue("write_answer"))?;
    crossing.tree.expect(&results).map_err(TestCaseError::fail)?;
    let read = heard.read_answer(&crossing.tree).map_err(glue("read_answer"))?;
    same(&read.inner(), &heard.inner)?;
    alike(&answer_message(&read, message.descriptor()), &normal(&crossing.seen))
}

/// The message inside an event: the only field of the message that it is made a field of.
fn event_message(event: &Event, descriptor: MessageDescriptor) -> DynamicMessage {
    let mut bytes = Vec::new();
    event.encode_field(1, &mut bytes);
    let mut rest = &bytes[..];
    let (tag, kind) = prost::encoding::decode_key(&mut rest).expect("a field");
    assert_eq!((tag, kind), (1, prost::encoding::WireType::LengthDelimited));
    let length = prost::encoding::decode_varint(&mut rest).expect("a length");
    assert_eq!(length, rest.len() as u64);
    DynamicMessage::decode(descriptor, rest).expect("the event's message")
}

fn answer(inner: Inner, message: &DynamicMessage) -> CallbackAnswer {
    let bytes = &message.encode_to_vec()[..];
    match inner {
        Inner::ActorCallbackCall => {
            CallbackAnswer::ActorCallbackCall(v1::ActorAnswer::decode(bytes).expect("an answer"))
        }
        Inner::MessageBoxCallbackCall => CallbackAnswer::MessageBoxCallbackCall(
            v1::MessageBoxAnswer::decode(bytes).expect("an answer"),
        ),
        Inner::QuestionCallbackCall => CallbackAnswer::QuestionCallbackCall(
            v1::QuestionAnswer::decode(bytes).expect("an answer"),
        ),
        Inner::SettingsUpdateCallbackCall => CallbackAnswer::SettingsUpdateCallbackCall(
            v1::SettingsUpdateAnswer::decode(bytes).expect("an answer"),
        ),
        other => panic!("{other:?} is not answered"),
    }
}

fn answer_message(answer: &CallbackAnswer, descriptor: MessageDescriptor) -> DynamicMessage {
    let bytes = match answer {
        CallbackAnswer::ActorCallbackCall(m) => m.encode_to_vec(),
        CallbackAnswer::MessageBoxCallbackCall(m) => m.encode_to_vec(),
        CallbackAnswer::QuestionCallbackCall(m) => m.encode_to_vec(),
        CallbackAnswer::SettingsUpdateCallbackCall(m) => m.encode_to_vec(),
    };
    DynamicMessage::decode(descriptor, &bytes[..]).expect("the answer's message")
}

#[test]
fn an_invocation_is_numbered_and_bounded_and_an_event_is_not() {
    for heard in Heard::all("pr10102-2026-07") {
        let descriptor = &heard.callback.event.descriptor;
        let blank = cross(
            heard.peer,
            &heard.callback.event,
            &heard.callback.params,
            &DynamicMessage::new(descriptor.clone()),
        );
        let (mut event, _) = heard.read_event(&blank.tree).expect("a blank event");
        event.number(7, prost_types::Duration { seconds: 9, nanos: 0 });
        let message = event_message(&event, descriptor.clone());
        let id = message.get_field_by_name("invocation_id").map(|id| id.into_owned());
        let asks = heard.callback.answer.is_some();
        assert_eq!(id, asks.then_some(Value::U64(7)), "{}", heard.name());
        let within = message.get_field_by_name("answer_within").map(|within| within.into_owned());
        let seconds = within.map(|within| {
            within.as_message().expect("a duration").get_field_by_name("seconds").unwrap().as_i64()
        });
        assert_eq!(seconds, asks.then_some(Some(9)), "{}", heard.name());
    }
}
