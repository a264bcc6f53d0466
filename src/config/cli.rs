//! The command line. clap knows the options from the table; what their values mean is not its
//! business, so that one run can report every fault.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches};

use super::command::{Command, METHOD};
use super::fault::Fault;
use super::file;
use super::options::Opt;
use super::typed::{Source, Typed};

const FILE: &str = "config";
const HELP: &str = "help";
const FILE_ENV: &str = "BITCOIN_GRPC_CONFIG";

const ABOUT: &str = "A gRPC face for a Bitcoin Core node";

const LONG_ABOUT: &str = "\
A gRPC face for a Bitcoin Core node.

bitcoin-grpc connects to the IPC socket of a node that runs on this machine and offers what it finds \
there as typed gRPC services. The node must listen on that socket: start it as `bitcoin -m node \
-ipcbind=unix` (or `bitcoin-node -ipcbind=unix`). Or let bitcoin-grpc start the node, and end it with itself: \
--node \"spawn:bitcoin-node -regtest\".";

const EXAMPLES: &str = "\
First steps:
  bitcoin-grpc demo                     try it without a node
  bitcoin-grpc check --chain regtest    is a node there, and what can it do?
  bitcoin-grpc serve --chain regtest    serve it on 127.0.0.1:50051

Then, from another terminal:
  bitcoin-grpc call                     what can be called
  bitcoin-grpc call chain.getheight
  grpcurl -plaintext 127.0.0.1:50051 bitcoin.ipc.v1.Chain/GetHeight

Every option can also be set in the environment (--listen is BITCOIN_GRPC_LISTEN) and in a TOML file \
(listen = \"127.0.0.1:50051\"). A flag beats the environment, which beats the file.";

/// What was asked for.
#[derive(Debug)]
pub struct Invocation {
    /// What to do.
    pub command: Command,
    /// How, as it was typed on the command line, in the environment and in the file.
    pub typed: Typed,
    /// Words that are no options: a method and its arguments, a shell, a command.
    pub words: Vec<String>,
    /// Whether `--help` follows a method that the server is to tell of.
    pub help: bool,
    /// What is wrong with the file, if there is one.
    pub faults: Vec<Fault>,
}

impl Invocation {
    /// Reads arguments (the program's name first), the environment, and the file if one is named.
    ///
    /// # Errors
    /// With clap's error for arguments that it does not know, and for requests for help.
    pub fn read<T>(arguments: impl IntoIterator<Item = T>) -> Result<Self, clap::Error>
    where
        T: Into<OsString> + Clone,
    {
        let matches = command().try_get_matches_from(arguments)?;
        let chosen = matches.subcommand();
        let found = chosen.and_then(|(name, matches)| {
            Command::ALL.into_iter().find(|command| command.name() == name).map(|c| (c, matches))
        });
        let (command, matches) =
            found.ok_or_else(|| clap::Error::new(ErrorKind::MissingSubcommand))?;
        let (mut typed, mut faults) = (Typed::default(), Vec::new());
        if command.has_file()
            && let Some(path) = matches.get_one::<PathBuf>(FILE)
        {
            file::read(path, &mut typed, &mut faults);
        }
        take(command, matches, &mut typed);
        let words = words(command, matches);
        let help = command == Command::Call && matches.get_flag(HELP);
        if help && words.is_empty() {
            return Err(help_of(command));
        }
        Ok(Self { command, typed, words, help, faults })
    }
}

/// What stands on the command line besides options.
fn words(command: Command, matches: &ArgMatches) -> Vec<String> {
    let names = command.words();
    let ids = names.iter().map(|word| word.get_id().as_str());
    ids.flat_map(|id| matches.get_many::<String>(id).into_iter().flatten()).cloned().collect()
}

/// The help of a command that has its own way with `--help`.
fn help_of(command: Command) -> clap::Error {
    let mut usual = with_options(command).bin_name(format!("bitcoin-grpc {}", command.name()));
    let asked = usual.try_get_matches_from_mut([command.name(), "--help"]);
    asked.err().unwrap_or_else(|| clap::Error::new(ErrorKind::DisplayHelp))
}

/// Takes over what clap found in the arguments and in the environment.
fn take(command: Command, matches: &ArgMatches, typed: &mut Typed) {
    for option in command.options() {
        let source = match matches.value_source(option.name) {
            Some(ValueSource::CommandLine) => Source::Flag,
            Some(ValueSource::EnvVariable) => Source::Environment,
            _ => continue,
        };
        let values = matches.get_many::<String>(option.name).into_iter().flatten();
        typed.give(option, source, values.cloned().collect());
    }
}

/// The command line as clap knows it.
#[must_use]
pub fn command() -> clap::Command {
    clap::Command::new("bitcoin-grpc")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .long_about(LONG_ABOUT)
        .after_help(EXAMPLES)
        .arg_required_else_help(true)
        .subcommand_required(true)
        .subcommands(Command::ALL.map(subcommand))
}

/// The command line with every method's name in it, for shells to complete. The program itself takes names
/// in any case, and methods that it does not know.
#[must_use]
pub fn completed(methods: Vec<&'static str>) -> clap::Command {
    let values = PossibleValuesParser::new(methods);
    command().mut_subcommand(Command::Call.name(), |call| {
        call.mut_arg(METHOD, |method| method.value_parser(values))
    })
}

fn subcommand(command: Command) -> clap::Command {
    if command != Command::Call {
        return with_options(command);
    }
    // The server tells of its methods, clap of the command.
    let help = Arg::new(HELP).short('h').long(HELP).action(ArgAction::SetTrue);
    let help = help.help("Print help; after a method, what it does, takes and gives");
    with_options(command).disable_help_flag(true).arg(help)
}

fn with_options(command: Command) -> clap::Command {
    clap::Command::new(command.name())
        .about(command.about())
        .after_help(command.more())
        .args(command.words())
        .args(command.has_file().then(file_argument))
        .args(command.options().map(argument))
}

fn file_argument() -> Arg {
    Arg::new(FILE)
        .long(FILE)
        .env(FILE_ENV)
        .hide_env_values(true)
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .help("TOML file with options; its keys are the flags' names")
}

fn argument(option: &'static Opt) -> Arg {
    let argument = Arg::new(option.name)
        .long(option.name)
        .env(option.env)
        .hide_env_values(true)
        .help(option.help)
        .help_heading(option.group.heading());
    match (option.value, option.many) {
        ("", _) => argument
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_name("BOOL"),
        (value, true) => argument.value_name(value).action(ArgAction::Append).value_delimiter(','),
        (value, false) => argument.value_name(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn flags_are_taken_as_they_are_typed() {
        let typed = [
            "bitcoin-grpc",
            "serve",
            "--threads",
            "many",
            "--allow",
            "control,wallet",
            "--insecure-listen",
        ];
        let typed = Invocation::read(typed).unwrap().typed;
        assert_eq!(typed.get("threads").unwrap().values, ["many"]);
        assert_eq!(typed.get("allow").unwrap().values, ["control", "wallet"]);
        assert_eq!(typed.get("insecure-listen").unwrap().values, ["true"]);
        assert_eq!(typed.get("listen"), None);
    }

    #[test]
    fn what_it_does_not_know_is_refused() {
        assert!(Invocation::read(["bitcoin-grpc", "serve", "--nonsense"]).is_err());
        assert!(Invocation::read(["bitcoin-grpc", "demo", "--node", "unix:/x"]).is_err());
        assert!(Invocation::read(["bitcoin-grpc"]).is_err());
    }

    #[test]
    fn words_of_a_call_are_kept_apart_from_its_options() {
        let typed = ["bitcoin-grpc", "call", "a.b", "--json", "x=-1", "y={\"z\": 1}", "-"];
        let invocation = Invocation::read(typed).unwrap();
        assert_eq!(invocation.words, ["a.b", "x=-1", "y={\"z\": 1}", "-"]);
        assert_eq!(invocation.typed.get("json").unwrap().values, ["true"]);
        assert!(!invocation.help);
        assert!(Invocation::read(["bitcoin-grpc", "call", "a.b", "--help"]).unwrap().help);
        let help = Invocation::read(["bitcoin-grpc", "call", "-h"]).unwrap_err();
        assert_eq!(help.kind(), ErrorKind::DisplayHelp);
        assert!(help.to_string().contains("--token-file"), "{help}");
    }

    #[test]
    fn the_help_explains_every_option() {
        for (command, options) in Command::ALL.map(|c| (subcommand(c), c.options())) {
            let help = command.clone().render_long_help().to_string();
            for option in options {
                assert!(help.contains(&format!("--{}", option.name)) && help.contains(option.env));
            }
        }
    }
}
