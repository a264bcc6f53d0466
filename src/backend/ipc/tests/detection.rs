//! The search for the generation, simulated on the tables of all of them.

use bitcoin_grpc_contract::PROFILES;
use serde_json::Value;

use super::super::detect::{START, Step};
use super::{Bench, local};
use crate::backend::NodeState;

/// One generation, as its table of facts has it.
#[derive(Debug, Clone)]
struct Generation {
    name: String,
    facts: Value,
}

impl Generation {
    fn all() -> Vec<Self> {
        let read = |name: &str| {
            let path = format!("{}/schema/profiles/{name}.json", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).expect("the profile's table");
            Self { name: name.to_owned(), facts: serde_json::from_str(&text).expect("JSON") }
        };
        PROFILES.iter().map(|profile| read(profile.name)).collect()
    }

    fn named(name: &str) -> Self {
        Self::all().into_iter().find(|generation| generation.name == name).expect("that generation")
    }

    fn interface_name(&self, id: u64) -> Option<&str> {
        let interfaces = self.facts["interfaces"].as_object().expect("interfaces");
        let is = |facts: &Value| facts["id"].as_str() == Some(&format!("{id:#x}"));
        interfaces.iter().find(|(_, facts)| is(facts)).map(|(name, _)| name.as_str())
    }

    fn methods(&mut self, interface: &str) -> &mut Vec<Value> {
        self.facts["interfaces"][interface]["methods"].as_array_mut().expect("methods")
    }

    fn method(&self, interface: &str, ordinal: u16) -> Option<&Value> {
        let methods = self.facts["interfaces"][interface]["methods"].as_array()?;
        methods.iter().find(|method| method["ordinal"] == ordinal)
    }

    /// A generation with one more method at the end of an interface.
    fn with_method(mut self, interface: &str, name: &str) -> Self {
        let methods = self.methods(interface);
        let mut method = methods[1].clone();
        method["ordinal"] = methods.len().into();
        method["name"] = name.into();
        methods.push(method);
        self
    }
}

fn takes_context(method: &Value) -> bool {
    method["params"][0]["type"] == "Context"
}

/// A generation that may still be the right one, and the object that the last step made on it.
#[derive(Clone)]
struct Candidate<'a> {
    generation: &'a Generation,
    object: Option<String>,
}

/// What a step of `Make` does to a candidate; panics if that is anything but making an object.
fn make(candidate: &mut Candidate<'_>, ordinal: u16) -> Option<bool> {
    let method = candidate.generation.method("Init", ordinal)?;
    let (of, name) = (&candidate.generation.name, method["name"].as_str().expect("a name"));
    if name == "makeMiningOld2" {
        return Some(false);
    }
    let object = name.strip_prefix("make").unwrap_or_else(|| panic!("{of}: {name} would run"));
    assert_ne!(object, "WalletLoader", "{of}: the wallet loader would be made");
    assert_eq!(
        method["params"].as_array().map(Vec::len),
        Some(1),
        "{of}: {name} takes more than a context"
    );
    candidate.object = Some(object.to_owned());
    Some(true)
}

/// What a step of `Has` learns of a candidate; panics if the method would run.
fn has(candidate: &Candidate<'_>, interface: u64, ordinal: u16) -> bool {
    let Some(interface) = candidate.generation.interface_name(interface) else { return false };
    if interface != "Init" && candidate.object.as_deref() != Some(interface) {
        return false;
    }
    let Some(method) = candidate.generation.method(interface, ordinal) else { return false };
    let of = &candidate.generation.name;
    assert!(takes_context(method), "{of}: {interface} @{ordinal} runs without a thread");
    true
}

/// Walks a branch with all candidates that take it, and collects where they end.
fn walk<'a>(
    step: &'static Step,
    candidates: Vec<Candidate<'a>>,
    ends: &mut Vec<(&'a str, Result<&'static str, &'static str>)>,
) {
    if candidates.is_empty() {
        return;
    }
    match step {
        Step::Make { ordinal, made, error, absent } => {
            let mut parts = [vec![], vec![], vec![]];
            for mut candidate in candidates {
                let part = make(&mut candidate, *ordinal).map_or(2, |made| usize::from(!made));
                parts[part].push(candidate);
            }
            for (step, part) in [made, error, absent].into_iter().zip(parts) {
                walk(step, part, ends);
            }
        }
        Step::Has { interface, ordinal, yes, no } => {
            let (have, have_not) =
                candidates.into_iter().partition(|c| has(c, *interface, *ordinal));
            walk(yes, have, ends);
            walk(no, have_not, ends);
        }
        Step::Found(name) => {
            ends.extend(candidates.iter().map(|c| (c.generation.name.as_str(), Ok(*name))))
        }
        Step::Unknown(why) => {
            ends.extend(candidates.iter().map(|c| (c.generation.name.as_str(), Err(*why))))
        }
    }
}

fn search(generations: &[Generation]) -> Vec<(&str, Result<&'static str, &'static str>)> {
    let candidates =
        generations.iter().map(|generation| Candidate { generation, object: None }).collect();
    let mut ends = Vec::new();
    walk(&START, candidates, &mut ends);
    ends
}

#[test]
fn every_generation_is_found_by_harmless_steps() {
    // All walk together, so that a step is held against every generation that is still possible.
    let generations = Generation::all();
    let ends = search(&generations);
    assert_eq!(ends.len(), generations.len());
    for (name, end) in ends {
        assert_eq!(end, Ok(name));
    }
}

#[test]
fn an_unknown_generation_is_refused_by_harmless_steps() {
    let unknown = [
        Generation::named("core-32").with_method("Init", "makeWalletLoader"),
        Generation::named("core-31").with_method("Init", "makeChain"),
        Generation::named("pr10102-2026-07").with_method("Chain", "somethingNew"),
        Generation::named("pr10102-2026-07").with_method("Node", "somethingNew"),
        Generation::named("pr10102-2026-07").with_method("Init", "makeSomethingNew"),
        Generation::named("pr10102-2026-02").with_method("Chain", "somethingNew"),
        Generation::named("pr10102-2024-07").with_method("Node", "somethingNew"),
        Generation::named("pr29409-2025-05").with_method("Chain", "somethingNew"),
        Generation::named("pr29409-2025-05").with_method("Init", "makeNode"),
    ];
    // One by one: together they would only be told apart from each other.
    for generation in unknown {
        let generation = [generation];
        let ends = search(&generation);
        assert!(ends.iter().all(|(_, end)| end.is_err()), "{ends:?}");
    }
}

#[test]
fn a_fake_of_every_generation_is_recognised() {
    for profile in &PROFILES {
        local(async || {
            let bench = Bench::start(profile.name, |_| None, |_| {}).await;
            let NodeState::Ready(info) = bench.states.borrow().clone() else { panic!("not ready") };
            assert_eq!(info.profile.name, profile.name);
            assert_eq!(info.tip, Some((7, [7; 32])));
            bench.handle.shutdown().await;
        });
    }
}
