//! Settings: what was given on the command line, in the configuration file, and at run time.
//!
//! Values are JSON. Those of the command line and the configuration file are strings (or `false` and `true` for
//! negated options), those set at run time keep their type.

mod json;

use std::collections::BTreeMap;

pub use json::Json;

/// What to do with the settings file after a change; the numbers are those of the interfaces. The devnode has no such
/// file and only remembers that it would have been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsAction {
    /// Write it.
    Write,
    /// Keep the change in memory.
    SkipWrite,
    /// A number that means nothing: not written.
    Other(i32),
}

impl SettingsAction {
    /// The action with this number.
    pub fn from_number(number: i32) -> Self {
        match number {
            0 => Self::Write,
            1 => Self::SkipWrite,
            other => Self::Other(other),
        }
    }
}

type Layer = BTreeMap<String, Vec<Json>>;

/// All settings, by layer. Earlier layers win.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    forced: BTreeMap<String, Json>,
    command_line: Layer,
    rw: BTreeMap<String, Json>,
    network_config: Layer,
    config: Layer,
    written: u64,
}

/// Where a value comes from, as far as it matters how it is merged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Forced,
    Given,
    ConfigFile,
}

impl Settings {
    /// Settings from a command line such as `-regtest -debug=ipc -nolisten`. Words that are not options are ignored.
    pub fn from_command_line<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let mut settings = Self::default();
        for word in words {
            let Some(option) = word.strip_prefix('-') else { continue };
            let (name, value) = interpret(option.strip_prefix('-').unwrap_or(option));
            settings.command_line.entry(name).or_default().push(value);
        }
        settings
    }

    /// Adds a line of the configuration file: `name=value`, in the section of the network or in the general part.
    pub fn add_config(&mut self, line: &str, in_network_section: bool) {
        let (name, value) = interpret(line);
        let layer = if in_network_section { &mut self.network_config } else { &mut self.config };
        layer.entry(name).or_default().push(value);
    }

    /// Sets a value that nothing overrides; null takes it away.
    pub fn force(&mut self, name: &str, value: Json) {
        if value.is_null() {
            self.forced.remove(name);
        } else {
            self.forced.insert(name.to_owned(), value);
        }
    }

    /// The value that counts, or JSON null. A leading dash in the name is allowed.
    pub fn get(&self, name: &str) -> Json {
        for (source, values) in self.sources(setting_name(name)) {
            let (live, negated_last) = live_values(&values);
            let value = if source == Source::ConfigFile { live.first() } else { live.last() };
            if let Some(value) = value {
                return (*value).clone();
            }
            if negated_last {
                return Json::boolean(false);
            }
        }
        Json::null()
    }

    /// A number in force, as a command line writes it; nothing if it is not set, or not one.
    pub fn number(&self, name: &str) -> Option<i32> {
        self.get(name).as_str().trim_matches('"').parse().ok()
    }

    /// All values that were given, arrays taken apart. A negation hides what comes later in rank, except that values
    /// of the configuration file come back if the negation was followed by a value.
    pub fn list(&self, name: &str) -> Vec<Json> {
        let mut found = Vec::new();
        let mut done = false;
        let mut negated_empty = false;
        for (source, values) in self.sources(setting_name(name)) {
            let (live, negated_last) = live_values(&values);
            if !done || (source == Source::ConfigFile && !negated_empty) {
                for value in live {
                    found.extend(value.elements().unwrap_or_else(|| vec![value.clone()]));
                }
            }
            done |= source == Source::Forced || values.iter().any(|value| value.is_false());
            negated_empty |= negated_last && found.is_empty();
        }
        found
    }

    /// The value set at run time, or JSON null. The name is taken as it is.
    pub fn rw(&self, name: &str) -> Json {
        self.rw.get(name).cloned().unwrap_or_else(Json::null)
    }

    /// The value that outlives the process: set at run time, else in the section of the network or the general part of
    /// the configuration file. The name is taken as it is.
    pub fn persistent(&self, name: &str) -> Json {
        let layers = [&self.network_config, &self.config];
        let configured = layers.into_iter().find_map(|layer| layer.get(name)?.first()).cloned();
        self.rw.get(name).cloned().or(configured).unwrap_or_else(Json::null)
    }

    /// All values set at run time.
    pub fn rw_settings(&self) -> &BTreeMap<String, Json> {
        &self.rw
    }

    /// Sets a value at run time; null erases it. No action keeps the change but counts as failed.
    pub fn update_rw(&mut self, name: &str, value: Json, action: Option<SettingsAction>) -> bool {
        if value.is_null() {
            self.rw.remove(name);
        } else {
            self.rw.insert(name.to_owned(), value);
        }
        self.written += u64::from(action == Some(SettingsAction::Write));
        action.is_some()
    }

    /// Forgets everything set at run time.
    pub fn reset_rw(&mut self) {
        self.rw.clear();
        self.written += 1;
    }

    /// Whether an option was given on the command line, which makes changes at run time useless. A leading dash in the
    /// name is allowed.
    pub fn is_on_command_line(&self, name: &str) -> bool {
        self.command_line.contains_key(setting_name(name))
    }

    /// How often the settings file would have been written.
    pub fn times_written(&self) -> u64 {
        self.written
    }

    fn sources(&self, name: &str) -> Vec<(Source, Vec<Json>)> {
        let one = |value: Option<&Json>| value.map(|value| vec![value.clone()]);
        [
            (Source::Forced, one(self.forced.get(name))),
            (Source::Given, self.command_line.get(name).cloned()),
            (Source::Given, one(self.rw.get(name))),
            (Source::ConfigFile, self.network_config.get(name).cloned()),
            (Source::ConfigFile, self.config.get(name).cloned()),
        ]
        .into_iter()
        .filter_map(|(source, values)| Some((source, values?)))
        .collect()
    }
}

fn setting_name(name: &str) -> &str {
    name.strip_prefix('-').unwrap_or(name)
}

/// The values after the last negation, and whether the negation came last.
fn live_values(values: &[Json]) -> (&[Json], bool) {
    let start = values.iter().rposition(Json::is_false).map_or(0, |place| place + 1);
    (&values[start..], start > 0 && start == values.len())
}

/// Splits an option into name and value: `noname` means false, and `noname=0` true again.
fn interpret(option: &str) -> (String, Json) {
    let (name, value) = match option.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (option, None),
    };
    let name = name.rsplit_once('.').map_or(name, |(_, name)| name);
    match name.strip_prefix("no") {
        Some(name) => {
            (name.to_owned(), Json::boolean(value.is_some_and(|value| !means_true(value))))
        }
        None => (name.to_owned(), Json::string(value.unwrap_or_default())),
    }
}

/// Empty or a number other than zero.
fn means_true(value: &str) -> bool {
    let digits = value.trim_start_matches(['-', '+']);
    let number: String = digits.chars().take_while(char::is_ascii_digit).collect();
    value.is_empty() || number.chars().any(|digit| digit != '0')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(values: &[Json]) -> Vec<&str> {
        values.iter().map(Json::as_str).collect()
    }

    #[test]
    fn the_last_word_wins_but_the_first_line() {
        let mut settings =
            Settings::from_command_line(["-wallet=w1", "-wallet=w2", "--server", "node"]);
        settings.add_config("server=1", false);
        settings.add_config("uacomment=golden", false);
        settings.add_config("uacomment=two", false);
        settings.update_rw("wallet", Json::parse(r#"["a", "b"]"#), Some(SettingsAction::Write));
        assert_eq!(settings.get("wallet").as_str(), r#""w2""#);
        assert_eq!(texts(&settings.list("-wallet")), [r#""w1""#, r#""w2""#, r#""a""#, r#""b""#]);
        assert_eq!(settings.get("uacomment").as_str(), r#""golden""#);
        assert_eq!(texts(&settings.list("server")), [r#""""#, r#""1""#]);
        assert_eq!(settings.get("nosuch").as_str(), "null");
    }

    #[test]
    fn negation_hides() {
        let mut settings = Settings::from_command_line(["-debug=a", "-nodebug"]);
        settings.add_config("debug=b", false);
        assert_eq!(settings.get("debug").as_str(), "false");
        assert!(settings.list("debug").is_empty());
        let mut revived = Settings::from_command_line(["-debug=a", "-nodebug", "-debug=c"]);
        revived.add_config("debug=b", false);
        assert_eq!(texts(&revived.list("debug")), [r#""c""#, r#""b""#]);
        assert_eq!(Settings::from_command_line(["-nolisten=0"]).get("listen").as_str(), "true");
    }

    #[test]
    fn null_erases_and_no_action_fails() {
        let mut settings = Settings::default();
        assert!(!settings.update_rw("x", Json::parse("1"), None));
        assert_eq!(settings.rw("x").as_str(), "1");
        assert!(settings.update_rw("x", Json::null(), Some(SettingsAction::from_number(7))));
        assert_eq!(settings.rw("x").as_str(), "null");
        assert_eq!(settings.times_written(), 0);
    }
}
