//! What was typed: text by option, with the place it came from. A flag beats the environment, and
//! the environment beats the file.

use std::collections::BTreeMap;

use super::options::Opt;

/// Where a value was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// In the file.
    File,
    /// In one of the file's `[[listener]]` tables, counted from 1.
    Listener(usize),
    /// In the environment.
    Environment,
    /// On the command line.
    Flag,
}

impl Source {
    /// The option's name as it is written there.
    #[must_use]
    pub fn name_of(self, option: &Opt) -> String {
        match self {
            Self::Listener(number) => format!("{} (in the file's listener {number})", option.name),
            Self::File => format!("{} (in the file)", option.name),
            Self::Environment => option.env.to_owned(),
            Self::Flag => format!("--{}", option.name),
        }
    }
}

/// The values of one option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Where they were given.
    pub source: Source,
    /// The values; one, unless the option may be repeated. A switch that is on has `true`.
    pub values: Vec<String>,
}

/// Everything that was typed, by the options' names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Typed {
    given: BTreeMap<&'static str, Given>,
    /// The file's `[[listener]]` tables.
    pub listeners: Vec<Typed>,
}

impl Typed {
    /// Takes values over, unless a stronger source has given the option already.
    pub fn give(&mut self, option: &'static Opt, source: Source, values: Vec<String>) {
        let weaker = self.given.get(option.name).is_none_or(|given| given.source <= source);
        if weaker {
            self.given.insert(option.name, Given { source, values });
        }
    }

    /// What was given for an option.
    #[must_use]
    pub fn get(&self, option: &str) -> Option<&Given> {
        self.given.get(option)
    }

    /// A listener's table, completed by what was given for all listeners.
    #[must_use]
    pub fn completed(&self, listener: &Self) -> Self {
        let mut given = self.given.clone();
        // Where it listens and that this is dangerous, each says for itself.
        given.retain(|name, _| !matches!(*name, "listen" | "insecure-listen"));
        given.extend(listener.given.clone());
        Self { given, listeners: Vec::new() }
    }
}
