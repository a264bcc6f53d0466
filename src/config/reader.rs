//! Gives typed text its meaning and collects what has none.

use std::fmt::Display;

use super::fault::Fault;
use super::options::option;
use super::typed::{Given, Typed};

/// Reads options one after the other. What is faulty reads as absent, and is remembered.
pub(super) struct Reader<'a> {
    pub(super) typed: &'a Typed,
    pub(super) faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(typed: &'a Typed, faults: Vec<Fault>) -> Self {
        Self { typed, faults }
    }

    /// The values of an option that may be repeated, each read by `parse`.
    pub(super) fn all<T>(
        &mut self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let Some(given) = self.typed.get(name) else {
            return Vec::new();
        };
        let mut values = Vec::with_capacity(given.values.len());
        for text in &given.values {
            match parse(text) {
                Ok(value) => values.push(value),
                Err(problem) => self.fault_of(name, given, format!("{text:?} {problem}")),
            }
        }
        values
    }

    /// The words of an option, as they were typed.
    pub(super) fn words(&self, name: &str) -> Vec<String> {
        self.typed.get(name).map(|given| given.values.clone()).unwrap_or_default()
    }

    /// The value of an option, read by `parse`. Of several the last counts.
    pub(super) fn one<T>(
        &mut self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.all(name, parse).pop()
    }

    /// Whether an option was given, faulty or not.
    pub(super) fn was_given(&self, name: &str) -> bool {
        self.typed.get(name).is_some()
    }

    /// Remembers what is wrong with an option that was given.
    pub(super) fn fault(&mut self, name: &str, problem: impl Display) {
        match self.typed.get(name) {
            Some(given) => self.fault_of(name, given, problem),
            None => self.faults.push(Fault::new(format!("--{name}"), problem.to_string())),
        }
    }

    fn fault_of(&mut self, name: &str, given: &Given, problem: impl Display) {
        let place =
            option(name).map_or_else(|| name.to_owned(), |option| given.source.name_of(option));
        let fault = Fault::new(place, problem.to_string());
        // What two parts of the configuration read is told once.
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }
}
