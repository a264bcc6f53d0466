//! The command line. clap knows the options from the table; what their values mean is not its
//! business, so that one run can report every fault.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches};

use super::fault::Fault;
use super::file;
use super::options::{Group, OPTIONS, Opt};
use super::typed::{Source, Typed};

const FILE: &str = "config";
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
  grpcurl -plaintext 127.0.0.1:50051 list
  grpcurl -plaintext 127.0.0.1:50051 bitcoin.ipc.v1.Chain/GetHeight

Every option can also be set in the environment (--listen is BITCOIN_GRPC_LISTEN) and in a TOML file \
(listen = \"127.0.0.1:50051\"). A flag beats the environment, which beats the file.";

const DEVNODE: &str = "\
The embedded node is a small regtest node: real blocks with real proof of work, a mempool, and Bitcoin Core's IPC \
interface over a unix socket, in any of seven generations. It is for trying and testing; nothing on it has value, and \
signatures are not checked. docs/devnode.md tells more.

First steps:
  bitcoin-grpc devnode --socket /tmp/node.sock
  bitcoin-grpc devnode --socket /tmp/node.sock --interval 1s --tx-rate 20

Then, from another terminal:
  bitcoin-grpc check --node unix:/tmp/node.sock
  bitcoin-grpc serve --node unix:/tmp/node.sock";

const TOKEN: &str = "\
The token is shown once; bitcoin-grpc keeps only its SHA-256, in the line for the file that --tokens names. Clients send \
it with every call as `authorization: Bearer TOKEN`, over TLS or on this machine. docs/rights.md tells more.

For example:
  bitcoin-grpc token --name monitor --lasts 90d";

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Serve a node.
    Serve,
    /// Look at a node and say what it can do.
    Check,
    /// Serve an embedded node, to try things out.
    Demo,
    /// Run the embedded node alone.
    Devnode,
    /// Make a bearer token.
    Token,
}

impl Command {
    const ALL: [Self; 5] = [Self::Serve, Self::Check, Self::Demo, Self::Devnode, Self::Token];

    const fn name(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Check => "check",
            Self::Demo => "demo",
            Self::Devnode => "devnode",
            Self::Token => "token",
        }
    }

    const fn about(self) -> &'static str {
        match self {
            Self::Serve => "Serve a node to gRPC clients",
            Self::Check => "Connect to a node, and say what was found and what can be called",
            Self::Demo => "Serve a small regtest node that is built in, to try things out",
            Self::Devnode => {
                "Run the built-in regtest node alone, for any program that speaks Bitcoin Core's IPC"
            }
            Self::Token => {
                "Make a bearer token for an identity, and its line for the --tokens file"
            }
        }
    }

    /// More about it, for its own help.
    const fn more(self) -> &'static str {
        match self {
            Self::Devnode => DEVNODE,
            Self::Token => TOKEN,
            _ => "",
        }
    }

    fn has(self, option: &Opt) -> bool {
        match self {
            Self::Serve => !matches!(option.group, Group::Embedded | Group::Token),
            // Whom it lets in does not matter, but what it would let them do does.
            Self::Check => {
                matches!(option.group, Group::Node | Group::Log) || option.name == "allow"
            }
            Self::Demo => {
                let own = ["socket", "inetd", "led"];
                (!matches!(option.group, Group::Node | Group::Token) && !own.contains(&option.name))
                    || option.name == "profile"
            }
            Self::Devnode => {
                matches!(option.group, Group::Embedded | Group::Log) || option.name == "profile"
            }
            Self::Token => option.group == Group::Token,
        }
    }

    fn options(self) -> impl Iterator<Item = &'static Opt> {
        OPTIONS.iter().filter(move |option| self.has(option))
    }
}

/// What was asked for.
#[derive(Debug)]
pub struct Invocation {
    /// What to do.
    pub command: Command,
    /// How, as it was typed on the command line, in the environment and in the file.
    pub typed: Typed,
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
            found.ok_or_else(|| clap::Error::new(clap::error::ErrorKind::MissingSubcommand))?;
        let (mut typed, mut faults) = (Typed::default(), Vec::new());
        if let Some(path) = matches.get_one::<PathBuf>(FILE) {
            file::read(path, &mut typed, &mut faults);
        }
        take(command, matches, &mut typed);
        Ok(Self { command, typed, faults })
    }
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

fn subcommand(command: Command) -> clap::Command {
    clap::Command::new(command.name())
        .about(command.about())
        .after_help(command.more())
        .arg(file_argument())
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
    fn the_help_explains_every_option() {
        for (command, options) in Command::ALL.map(|c| (subcommand(c), c.options())) {
            let help = command.clone().render_long_help().to_string();
            for option in options {
                assert!(help.contains(&format!("--{}", option.name)) && help.contains(option.env));
            }
        }
    }
}
