//! For arbitrary requests and responses of every method of every generation: the glue writes what
//! the kit expects to find, and reads what the kit has written.

use bitcoin_grpc_contract::GlueError;
use bitcoin_grpc_testkit::Tree;
use bitcoin_grpc_testkit::any::normal;
use bitcoin_grpc_testkit::arbitrary::{requests, responses};
use bitcoin_grpc_testkit::cross::cross;
use proptest::strategy::BoxedStrategy;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use prost_reflect::DynamicMessage;

use crate::harness::Subject;

/// Cases for each direction of each method, unless `PROPTEST_CASES` says otherwise. About 750
/// methods in 7 generations make up the whole.
const CASES: u32 = 48;

/// Attempts to make a failing case smaller.
const MAX_SHRINK: u32 = 2000;

macro_rules! generations {
    ($($test:ident = $profile:literal),* $(,)?) => {
        $(mod $test {
            #[test]
            fn requests_arrive_unchanged() {
                super::requests_arrive($profile);
            }

            #[test]
            fn replies_arrive_unchanged() {
                super::replies_arrive($profile);
            }
        })*

        #[test]
        fn no_generation_is_left_out() {
            let here = [$($profile),*];
            let all: Vec<_> = bitcoin_grpc_contract::PROFILES.iter().map(|p| p.name).collect();
            assert_eq!(all, here);
        }
    };
}

generations! {
    core_30 = "core-30",
    core_31 = "core-31",
    core_32 = "core-32",
    pr10102_2024_07 = "pr10102-2024-07",
    pr10102_2026_02 = "pr10102-2026-02",
    pr10102_2026_07 = "pr10102-2026-07",
    pr29409_2025_05 = "pr29409-2025-05",
}

fn requests_arrive(profile: &str) {
    hold(Subject::all(profile).iter().map(|subject| {
        let messages = requests(subject.peer, &subject.passage.request);
        run(subject, &messages, request_arrives)
    }));
}

fn replies_arrive(profile: &str) {
    hold(Subject::all(profile).iter().filter_map(|subject| {
        let messages = responses(subject.peer, subject.passage.response.as_ref()?);
        Some(run(subject, &messages, reply_arrives))
    }));
}

/// Looks at every method before it fails, as one cause often has many effects.
pub(crate) fn hold(outcomes: impl Iterator<Item = Result<(), String>>) {
    let failures: Vec<_> = outcomes.filter_map(Result::err).collect();
    assert!(failures.is_empty(), "{} methods fail\n\n{}", failures.len(), failures.join("\n\n"));
}

fn run(
    subject: &Subject,
    messages: &BoxedStrategy<DynamicMessage>,
    case: fn(&Subject, &DynamicMessage) -> Case,
) -> Result<(), String> {
    let outcome = runner().run(messages, |message| case(subject, &message));
    outcome.map_err(|error| match error {
        TestError::Fail(reason, message) => {
            format!("{}: {reason}\nfor: {}", subject.name(), message.to_text_format())
        }
        error @ TestError::Abort(_) => format!("{}: {error}", subject.name()),
    })
}

pub(crate) fn runner() -> TestRunner {
    let cases =
        if std::env::var_os("PROPTEST_CASES").is_some() { Config::default().cases } else { CASES };
    TestRunner::new(Config {
        cases,
        max_shrink_iters: MAX_SHRINK,
        failure_persistence: None,
        ..Config::default()
    })
}

pub(crate) type Case = Result<(), TestCaseError>;

fn request_arrives(subject: &Subject, message: &DynamicMessage) -> Case {
    allowed(subject, message)?;
    let passage = subject.passage;
    let mut message = message.clone();
    let mut crossing = cross(subject.peer, &passage.request, &passage.params, &message);
    if !crossing.lacking.is_empty() {
        refused(subject, &message, &crossing.lacking)?;
        // What the generation has of it must pass all the same.
        message = crossing.seen;
        allowed(subject, &message)?;
        crossing = cross(subject.peer, &passage.request, &passage.params, &message);
        same(&crossing.lacking, &Vec::new())?;
    }
    let (params, contexts) = subject.write_params(&message).map_err(glue("write_params"))?;
    same(&contexts, &usize::from(passage.has_context))?;
    let mut expected = crossing.tree;
    if let (true, Tree::Struct(fields)) = (passage.has_context, &mut expected) {
        fields.insert("context".to_owned(), Tree::of([]));
    }
    expected.expect(&params).map_err(TestCaseError::fail)?;
    let (read, context) = subject.read_params(&expected).map_err(glue("read_params"))?;
    same(&context, &passage.has_context)?;
    alike(&read, &normal(&crossing.seen))
}

fn reply_arrives(subject: &Subject, message: &DynamicMessage) -> Case {
    let passage = subject.passage;
    let response = passage.response.as_ref().expect("a response");
    let crossing = cross(subject.peer, response, &passage.results, message);
    let read = subject.read_results(&crossing.tree).map_err(glue("read_results"))?;
    alike(&read, &normal(&crossing.seen))?;
    let places = subject.object_places(&crossing.tree).map_err(glue("object_places"))?;
    same(&places, &crossing.tree.objects())?;
    let results = subject.write_results(message).map_err(glue("write_results"))?;
    crossing.tree.without_objects().expect(&results).map_err(TestCaseError::fail)
}

/// What the schema allows, the check must let pass.
fn allowed(subject: &Subject, message: &DynamicMessage) -> Case {
    let request = bitcoin_grpc_testkit::any::request(subject.method, message);
    request.check().map_err(|violations| TestCaseError::fail(format!("refused: {violations:?}")))
}

fn refused(subject: &Subject, message: &DynamicMessage, lacking: &[String]) -> Case {
    match subject.write_params(message) {
        Err(GlueError::FieldUnavailable(field)) if lacking.iter().any(|name| name == field) => {
            Ok(())
        }
        other => Err(TestCaseError::fail(format!(
            "{lacking:?} are lacking, and the answer is {other:?}"
        ))),
    }
}

pub(crate) fn same<T: PartialEq + std::fmt::Debug>(found: &T, expected: &T) -> Case {
    match found == expected {
        true => Ok(()),
        false => Err(TestCaseError::fail(format!("expected {expected:?}, found {found:?}"))),
    }
}

pub(crate) fn alike(found: &DynamicMessage, expected: &DynamicMessage) -> Case {
    let (found_text, expected_text) = (found.to_text_format(), expected.to_text_format());
    let difference = format!("expected {expected_text}\nfound    {found_text}");
    if found == expected { Ok(()) } else { Err(TestCaseError::fail(difference)) }
}

pub(crate) fn glue(place: &'static str) -> impl Fn(GlueError) -> TestCaseError {
    move |error| TestCaseError::fail(format!("{place}: {error}"))
}
