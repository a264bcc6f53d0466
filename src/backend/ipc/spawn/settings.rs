//! What a parent process tells the node that it started: its settings, by source.
//!
//! A node that serves a descriptor has no arguments. Whoever started it reads the arguments, the
//! configuration file and `settings.json` in its place, makes its directories, and passes what was read in
//! `Node.baseInitialize`. Which options there are only the node knows, so none is refused here for being
//! unknown, and the node passes over those that it does not know.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use bitcoin_grpc_contract::v1;
use serde_json::Value;

use super::conf::{self, Line};

/// The key of settings.json that only holds a warning for people.
const WARNING: &str = "_warning_";

/// Most characters of a path; the contract allows no longer one.
const LONGEST_PATH: usize = 4096;

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub(in crate::backend::ipc) enum SettingsError {
    /// An argument.
    #[error("the argument {0:?} of --node spawn: {1}")]
    Argument(String, &'static str),
    /// A file.
    #[error("{path}: {problem}", path = .0.display(), problem = .1)]
    File(PathBuf, String),
    /// Nothing says where the data is.
    #[error("the node's data directory is unknown, as is the home directory; pass -datadir")]
    NoDataDirectory,
    /// The chain.
    #[error("the node's chain: {0}")]
    Chain(String),
}

impl SettingsError {
    pub(super) fn file(path: &Path, problem: impl Display) -> Self {
        Self::File(path.to_owned(), problem.to_string())
    }
}

/// Values by name.
type Values = BTreeMap<String, Vec<Value>>;

/// Reads everything that the node would read by itself, and makes its directories. `usual` is the data
/// directory of a node that is not told another.
pub(in crate::backend::ipc) fn global_args(
    arguments: &[String],
    usual: Option<&Path>,
) -> Result<v1::GlobalArgs, SettingsError> {
    let options = command_line(arguments)?;
    let mut data = data_directory(&options, None, usual)?;
    let conf_path = config_path(&options, &data);
    let (config, set_data) = match &conf_path {
        Some(path) => read_config(path, &options, &data)?,
        None => Default::default(),
    };
    if let Some(set_data) = set_data {
        data = data_directory(&options, Some(&set_data), usual)?;
    }
    let chain = chain(&options, &config)?;
    let directory = network_directory(&data, chain)?;
    let settings = read_settings(&options, &directory)?;
    let config_path = conf_path.unwrap_or_default().display().to_string();
    if config_path.len() > LONGEST_PATH {
        return Err(SettingsError::file(Path::new(&config_path), "is too long a path"));
    }
    Ok(v1::GlobalArgs {
        settings: Some(v1::Settings {
            forced_settings: server(&options, &settings, &config),
            command_line_options: listed(options),
            rw_settings: settings,
            ro_config: config
                .into_iter()
                .map(|(section, values)| v1::ConfigSection { section, settings: listed(values) })
                .collect(),
        }),
        config_path,
    })
}

/// A node that has no window serves RPC unless it is told not to, but only its program says so, not its
/// options' defaults. Bitcoin Core's own programs without windows do the same.
fn server(options: &Values, settings: &[v1::Setting], config: &Config) -> Vec<v1::Setting> {
    const SERVER: &str = "server";
    let said = options.contains_key(SERVER)
        || settings.iter().any(|setting| setting.name == SERVER)
        || config.values().any(|values| values.contains_key(SERVER));
    let on = v1::Setting { name: SERVER.to_owned(), value: r#""1""#.to_owned() };
    if said { Vec::new() } else { vec![on] }
}

fn listed(values: Values) -> Vec<v1::SettingValues> {
    let text = |values: Vec<Value>| values.iter().map(Value::to_string).collect();
    values
        .into_iter()
        .map(|(name, values)| v1::SettingValues { name, values: text(values) })
        .collect()
}

/// A name and a value, with the `no` before the name understood.
fn understood(name: &str, value: Option<&str>) -> (String, Value) {
    match name.strip_prefix("no") {
        // `-nox=0` is a double negation.
        Some(name) => (name.to_owned(), Value::Bool(!value.is_none_or(is_true))),
        None => (name.to_owned(), Value::String(value.unwrap_or_default().to_owned())),
    }
}

/// Whether a text means yes: an empty one does, and so does every number but 0.
fn is_true(text: &str) -> bool {
    let digits = text.trim_start().trim_start_matches(['-', '+']);
    let digits = &digits[..digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len())];
    text.is_empty() || digits.contains(|c| c != '0')
}

fn command_line(arguments: &[String]) -> Result<Values, SettingsError> {
    let mut options = Values::new();
    for argument in arguments {
        let fault = |problem| SettingsError::Argument(argument.clone(), problem);
        let name = argument.strip_prefix('-').ok_or_else(|| fault("is no option"))?;
        let name = name.strip_prefix('-').unwrap_or(name);
        let (name, value) = name.split_once('=').map_or((name, None), |(n, v)| (n, Some(v)));
        if name.is_empty() || name.contains('.') {
            return Err(fault("is no option"));
        }
        let (name, value) = understood(name, value);
        if name == "includeconf" && value != Value::Bool(false) {
            return Err(fault("only a configuration file can include another"));
        }
        options.entry(name).or_default().push(value);
    }
    Ok(options)
}

/// The last value of an option, as text; `None` if it was not given or taken back.
fn last(options: &Values, name: &str) -> Option<String> {
    match options.get(name)?.last()? {
        Value::String(text) => Some(text.clone()),
        Value::Bool(true) => Some("1".to_owned()),
        _ => None,
    }
}

fn is_negated(options: &Values, name: &str) -> bool {
    options.get(name).and_then(|values| values.last()) == Some(&Value::Bool(false))
}

fn data_directory(
    options: &Values,
    set: Option<&str>,
    usual: Option<&Path>,
) -> Result<PathBuf, SettingsError> {
    let named = last(options, "datadir").filter(|path| !path.is_empty());
    let Some(named) = named.or_else(|| set.map(str::to_owned)) else {
        return usual.map(Path::to_owned).ok_or(SettingsError::NoDataDirectory);
    };
    match std::fs::canonicalize(&named) {
        Ok(path) if path.is_dir() => Ok(path),
        Ok(path) => Err(SettingsError::file(&path, "is no directory")),
        Err(error) => Err(SettingsError::file(Path::new(&named), error)),
    }
}

/// Where the configuration file is, unless there is to be none.
fn config_path(options: &Values, data: &Path) -> Option<PathBuf> {
    if is_negated(options, "conf") {
        return None;
    }
    let named = last(options, "conf").filter(|path| !path.is_empty());
    Some(data.join(named.as_deref().unwrap_or("bitcoin.conf")))
}

/// Values by section.
type Config = BTreeMap<String, Values>;

/// Reads the file and those that it includes. Also tells where it says the data is.
fn read_config(
    path: &Path,
    options: &Values,
    data: &Path,
) -> Result<(Config, Option<String>), SettingsError> {
    let mut config = Config::new();
    match conf::read(path)? {
        Some(lines) => add(&mut config, lines, path)?,
        None if options.contains_key("conf") => {
            return Err(SettingsError::file(path, "does not exist"));
        }
        None => return Ok(Default::default()),
    }
    // Those that are included cannot include others.
    if !is_negated(options, "includeconf") {
        let section = chain(options, &config)?.section;
        for name in included(&config, section).into_iter().chain(included(&config, "")) {
            let path = data.join(name);
            let missing = || SettingsError::file(&path, "is included, but does not exist");
            let lines = conf::read(&path)?.ok_or_else(missing)?;
            add(&mut config, lines, &path)?;
        }
    }
    let section = chain(options, &config)?.section;
    // In a file the first value counts, and what is said for the chain before what is said for all.
    let set = [section, ""].into_iter().find_map(|section| {
        config.get(section)?.get("datadir")?.first()?.as_str().map(str::to_owned)
    });
    Ok((config, set.filter(|path| !path.is_empty())))
}

fn included(config: &Config, section: &str) -> Vec<String> {
    let values = config.get(section).and_then(|values| values.get("includeconf"));
    let values = values.map_or(&[][..], Vec::as_slice);
    // Whatever stands before a `noincludeconf` is taken back by it.
    let from = values.iter().rposition(|v| *v == Value::Bool(false)).map_or(0, |at| at + 1);
    values[from..].iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

fn add(config: &mut Config, lines: Vec<Line>, path: &Path) -> Result<(), SettingsError> {
    for Line { section, name, value } in lines {
        let (name, value) = understood(&name, Some(&value));
        if name == "conf" {
            let problem = "sets conf, which only the command line can; includeconf adds files";
            return Err(SettingsError::file(path, problem));
        }
        config.entry(section).or_default().entry(name).or_default().push(value);
    }
    Ok(())
}

/// A chain that nodes know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Chain {
    /// Its section in a configuration file, which is also its name.
    section: &'static str,
    /// Its option.
    option: Option<&'static str>,
    /// Its directory within the data directory.
    directory: &'static str,
}

const CHAINS: [Chain; 5] = [
    Chain { section: "main", option: None, directory: "" },
    Chain { section: "test", option: Some("testnet"), directory: "testnet3" },
    Chain { section: "testnet4", option: Some("testnet4"), directory: "testnet4" },
    Chain { section: "signet", option: Some("signet"), directory: "signet" },
    Chain { section: "regtest", option: Some("regtest"), directory: "regtest" },
];

/// The chain that the node will be on. A node that is told of an unknown chain, or of two, dies of it.
fn chain(options: &Values, config: &Config) -> Result<Chain, SettingsError> {
    let for_all = config.get("");
    let setting = |name: &str| {
        let given = options.get(name).and_then(|values| values.last());
        // What takes a chain back on the command line is passed over.
        let given = given.filter(|value| **value != Value::Bool(false));
        given.or_else(|| for_all?.get(name)?.last())
    };
    let yes = |name: &str| match setting(name) {
        Some(Value::String(text)) => is_true(text),
        Some(value) => *value == Value::Bool(true),
        None => false,
    };
    let chosen: Vec<_> = CHAINS.into_iter().filter(|chain| chain.option.is_some_and(yes)).collect();
    match (setting("chain"), chosen.as_slice()) {
        (None | Some(Value::Bool(false)), []) => Ok(CHAINS[0]),
        (None | Some(Value::Bool(false)), [chain]) => Ok(*chain),
        (Some(Value::String(name)), []) => CHAINS
            .into_iter()
            .find(|chain| chain.section == name)
            .ok_or_else(|| SettingsError::Chain(format!("{name:?} is not known"))),
        _ => Err(SettingsError::Chain("more than one is named".to_owned())),
    }
}

/// Makes the directory of a chain, with one for wallets if it was not there before.
fn network_directory(data: &Path, chain: Chain) -> Result<PathBuf, SettingsError> {
    let directory = data.join(chain.directory);
    for directory in [data, directory.as_path()] {
        if !directory.exists() {
            let wallets = directory.join("wallets");
            std::fs::create_dir_all(&wallets)
                .map_err(|error| SettingsError::file(&wallets, error))?;
        }
    }
    Ok(directory)
}

fn read_settings(options: &Values, directory: &Path) -> Result<Vec<v1::Setting>, SettingsError> {
    if is_negated(options, "settings") {
        return Ok(Vec::new());
    }
    let named = last(options, "settings").filter(|path| !path.is_empty());
    let path = directory.join(named.as_deref().unwrap_or("settings.json"));
    let Some(text) = conf::text(&path)? else { return Ok(Vec::new()) };
    let values: BTreeMap<String, Value> = serde_json::from_str(&text)
        .map_err(|error| SettingsError::file(&path, format!("is no JSON object: {error}")))?;
    Ok(values
        .into_iter()
        .filter(|(name, _)| name != WARNING)
        .map(|(name, value)| v1::Setting { name, value: value.to_string() })
        .collect())
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
