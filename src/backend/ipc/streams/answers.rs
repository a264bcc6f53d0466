//! What the node is answered when its client says nothing, or nothing that may reach a node.

use std::time::Duration;

use bitcoin_grpc_contract::{CallbackAnswer, Event, Violation, v1};

use crate::backend::ipc::translate;

/// How long an operator may think about a message or a question. The node stands still meanwhile.
const OPERATOR: Duration = Duration::from_secs(60);

/// How long an RPC command may run. It is the time after which Bitcoin Core's own client gives up,
/// with something to spare.
const COMMAND: Duration = Duration::from_secs(600);

/// How long a new value may be thought about. All settings of the node are locked meanwhile.
pub(super) const SETTING: Duration = Duration::from_secs(5);

/// Why an RPC command fails whose client is not there.
const NO_CLIENT: &str = "the program that serves this command did not answer";

/// How long the answer to an event is waited for.
pub(super) fn within(event: &Event) -> Duration {
    match event {
        Event::ActorCallbackCall(_) => COMMAND,
        Event::SettingsUpdateCallbackCall(_) => SETTING,
        _ => OPERATOR,
    }
}

/// The answer that commits to nothing; `None` for events that want no answer.
pub(super) fn default(event: &Event) -> Option<CallbackAnswer> {
    Some(match event {
        Event::ActorCallbackCall(_) => CallbackAnswer::ActorCallbackCall(v1::ActorAnswer {
            error: Some(NO_CLIENT.to_owned()),
            response: "null".to_owned(),
            handled: true,
            ..Default::default()
        }),
        Event::MessageBoxCallbackCall(_) => {
            CallbackAnswer::MessageBoxCallbackCall(v1::MessageBoxAnswer::default())
        }
        Event::QuestionCallbackCall(_) => {
            CallbackAnswer::QuestionCallbackCall(v1::QuestionAnswer::default())
        }
        // The value as it is, and nothing written.
        Event::SettingsUpdateCallbackCall(asked) => {
            CallbackAnswer::SettingsUpdateCallbackCall(v1::SettingsUpdateAnswer {
                value: asked.value.clone(),
                ..Default::default()
            })
        }
        _ => return None,
    })
}

/// Brings a client's answer into a form that a node can take, or says what is wrong with it. An answer about
/// a setting is about the one of this name.
pub(super) fn checked(
    mut answer: CallbackAnswer,
    setting: &str,
) -> Result<CallbackAnswer, Vec<Violation>> {
    match &mut answer {
        CallbackAnswer::ActorCallbackCall(answer) => command(answer)?,
        CallbackAnswer::SettingsUpdateCallbackCall(answer) => {
            // An empty text is no JSON, but means the same to the node.
            if answer.value.is_empty() {
                answer.value = "null".to_owned();
            }
            translate::setting_value(setting, &answer.value)?;
        }
        _ => {}
    }
    answer.check()?;
    Ok(answer)
}

fn command(answer: &mut v1::ActorAnswer) -> Result<(), Vec<Violation>> {
    let faults = [
        answer.error.is_some(),
        answer.rpc_error.is_some(),
        answer.type_error.is_some(),
        answer.help_result.is_some(),
    ];
    let faults = faults.into_iter().filter(|fault| *fault).count();
    if faults > 1 {
        return Err(violation("error", "and the other faults exclude each other"));
    }
    if answer.response.is_empty() && (faults == 1 || !answer.handled) {
        answer.response = "null".to_owned();
    }
    let object = |json: &String| serde_json::from_str::<serde_json::Map<_, _>>(json).is_ok();
    if answer.rpc_error.as_ref().is_some_and(|json| !object(json)) {
        return Err(violation("rpc_error", "must be a JSON object with code and message"));
    }
    Ok(())
}

fn violation(field: &str, description: &str) -> Vec<Violation> {
    vec![Violation { field: field.to_owned(), description: description.to_owned() }]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(change: impl FnOnce(&mut v1::ActorAnswer)) -> CallbackAnswer {
        let mut answer =
            v1::ActorAnswer { handled: true, response: "7".to_owned(), ..Default::default() };
        change(&mut answer);
        CallbackAnswer::ActorCallbackCall(answer)
    }

    fn setting(value: &str) -> CallbackAnswer {
        let value = value.to_owned();
        CallbackAnswer::SettingsUpdateCallbackCall(v1::SettingsUpdateAnswer {
            value,
            ..Default::default()
        })
    }

    #[test]
    fn what_a_node_cannot_take_does_not_reach_it() {
        let bad = [
            actor(|a| a.response.clear()),
            actor(|a| a.response = "{".to_owned()),
            actor(|a| a.rpc_error = Some("7".to_owned())),
            actor(|a| (a.error, a.type_error) = (Some(String::new()), Some(String::new()))),
            setting("{"),
            setting("1"),
            setting("{\"a\":1}"),
            setting("[\"a\"]"),
        ];
        for answer in bad {
            assert!(checked(answer.clone(), "a").is_err(), "{answer:?}");
        }
    }

    #[test]
    fn what_it_can_take_does() {
        let good = [
            actor(|_| {}),
            actor(|a| (a.response, a.error) = (String::new(), Some("no".to_owned()))),
            actor(|a| (a.response, a.handled) = (String::new(), false)),
            actor(|a| a.rpc_error = Some("{\"code\":-8,\"message\":\"x\"}".to_owned())),
            setting("\"1\""),
            setting(""),
        ];
        for answer in good {
            assert!(checked(answer.clone(), "a").is_ok(), "{answer:?}");
        }
        assert!(checked(setting("[\"a\"]"), "wallet").is_ok());
    }

    #[test]
    fn every_default_is_one_that_a_node_can_take() {
        let asked =
            v1::SettingsUpdateInvocation { value: "\"a\"".to_owned(), ..Default::default() };
        for event in [
            Event::ActorCallbackCall(Default::default()),
            Event::MessageBoxCallbackCall(Default::default()),
            Event::QuestionCallbackCall(Default::default()),
            Event::SettingsUpdateCallbackCall(asked),
        ] {
            let answer = default(&event).unwrap();
            assert_eq!(answer.inner(), event.inner());
            assert_eq!(checked(answer.clone(), "a"), Ok(answer));
        }
        assert_eq!(default(&Event::BannedListChangedCallbackCall(Default::default())), None);
    }
}
