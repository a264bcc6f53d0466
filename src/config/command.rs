//! The commands: what they are called, what they have, and what is told of them.

use clap::Arg;

use super::options::{Group, OPTIONS, Opt};

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

const HEALTH: &str = "\
It asks where --listen says that the server listens, the first place that takes unencrypted calls, and ends with status 0 \
only if the answer is SERVING: it is the health check of containers. Give it the server's own environment or --config.

For example:
  bitcoin-grpc health
  bitcoin-grpc health --listen unix:/run/bitcoin-grpc/health.sock";

const CALL: &str = "\
Bytes are typed and shown in hexadecimal, hashes as bitcoin-cli and explorers show them. Names may be typed in small \
letters. With --help after a method, its fields are told. docs/call.md tells more.

For example:
  bitcoin-grpc call                                        what services there are
  bitcoin-grpc call Chain                                  what methods it has
  bitcoin-grpc call chain.getblockhash --help              what that does and takes
  bitcoin-grpc call chain.getblockhash height=1
  bitcoin-grpc call chain.findblock hash=HASH block.want_height=true
  bitcoin-grpc call chain.getblockhash --json '{\"height\": 1}'
  bitcoin-grpc call chain.handlenotifications              one line for each event, until Ctrl-C

Exit codes: 0 answered, or the stream was ended; 1 the server answered with an error; 2 what was typed makes no \
call; 3 no server can be reached, or it does not tell what it has; 130 interrupted before the answer.";

const COMPLETIONS: &str = "\
Commands, options and names of methods are completed. For example:
  bitcoin-grpc completions bash > ~/.local/share/bash-completion/completions/bitcoin-grpc
  bitcoin-grpc completions zsh > ~/.zfunc/_bitcoin-grpc        (with ~/.zfunc in fpath)
  bitcoin-grpc completions fish > ~/.config/fish/completions/bitcoin-grpc.fish";

const MAN: &str = "\
For example:
  bitcoin-grpc man > bitcoin-grpc.1
  bitcoin-grpc man call > bitcoin-grpc-call.1";

/// Shells that completions are made for.
const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

/// The first word of a command that takes words.
pub(super) const METHOD: &str = "word";
/// The other words of `call`.
pub(super) const ARGUMENTS: &str = "words";

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Serve a node.
    Serve,
    /// Look at a node and say what it can do.
    Check,
    /// Ask a server that runs on this machine whether it can answer calls.
    Health,
    /// Serve an embedded node, to try things out.
    Demo,
    /// Run the embedded node alone.
    Devnode,
    /// Make a bearer token.
    Token,
    /// Call a method of a server.
    Call,
    /// Print completions for a shell.
    Completions,
    /// Print a manual page.
    Man,
}

impl Command {
    pub(super) const ALL: [Self; 9] = [
        Self::Serve,
        Self::Check,
        Self::Health,
        Self::Demo,
        Self::Devnode,
        Self::Token,
        Self::Call,
        Self::Completions,
        Self::Man,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Check => "check",
            Self::Health => "health",
            Self::Demo => "demo",
            Self::Devnode => "devnode",
            Self::Token => "token",
            Self::Call => "call",
            Self::Completions => "completions",
            Self::Man => "man",
        }
    }

    pub(super) const fn about(self) -> &'static str {
        match self {
            Self::Serve => "Serve a node to gRPC clients",
            Self::Check => "Connect to a node, and say what was found and what can be called",
            Self::Health => {
                "Ask a running bitcoin-grpc on this machine whether it can answer calls"
            }
            Self::Demo => "Serve a small regtest node that is built in, to try things out",
            Self::Devnode => {
                "Run the built-in regtest node alone, for any program that speaks Bitcoin Core's IPC"
            }
            Self::Token => {
                "Make a bearer token for an identity, and its line for the --tokens file"
            }
            Self::Call => "Call a method of a running server, such as Chain.GetHeight",
            Self::Completions => "Print completions for a shell",
            Self::Man => "Print a manual page",
        }
    }

    /// More about it, for its own help.
    pub(super) const fn more(self) -> &'static str {
        match self {
            Self::Devnode => DEVNODE,
            Self::Token => TOKEN,
            Self::Call => CALL,
            Self::Health => HEALTH,
            Self::Completions => COMPLETIONS,
            Self::Man => MAN,
            _ => "",
        }
    }

    fn has(self, option: &Opt) -> bool {
        match self {
            Self::Serve => !matches!(option.group, Group::Embedded | Group::Token | Group::Server),
            // Whom it lets in does not matter, but what it would let them do does.
            Self::Check => {
                matches!(option.group, Group::Node | Group::Log) || option.name == "allow"
            }
            // As the server has it, so that the same environment and file do for both.
            Self::Health => matches!(option.group, Group::Clients | Group::Log),
            Self::Demo => {
                let own = ["socket", "inetd", "led"];
                (!matches!(option.group, Group::Node | Group::Token | Group::Server)
                    && !own.contains(&option.name))
                    || option.name == "profile"
            }
            Self::Devnode => {
                matches!(option.group, Group::Embedded | Group::Log) || option.name == "profile"
            }
            Self::Token => option.group == Group::Token,
            Self::Call => option.group == Group::Server,
            Self::Completions | Self::Man => false,
        }
    }

    pub(super) fn options(self) -> impl Iterator<Item = &'static Opt> {
        OPTIONS.iter().filter(move |option| self.has(option))
    }

    /// Whether it reads the file that --config names.
    pub(super) const fn has_file(self) -> bool {
        !matches!(self, Self::Completions | Self::Man)
    }

    /// What stands on its command line besides options.
    pub(super) fn words(self) -> Vec<Arg> {
        match self {
            Self::Call => vec![
                Arg::new(METHOD).index(1).value_name("SERVICE.METHOD").help(
                    "What to call; a service alone lists its methods, nothing lists the services",
                ),
                Arg::new(ARGUMENTS).index(2).num_args(0..).value_name("FIELD=VALUE").help(
                    "Fields of the request, or one JSON object, or - to read that from standard input",
                ),
            ],
            Self::Completions => vec![
                Arg::new(METHOD).value_name("SHELL").required(true).value_parser(SHELLS),
            ],
            Self::Man => {
                let names = Self::ALL.map(Self::name);
                vec![Arg::new(METHOD).value_name("COMMAND").value_parser(names)]
            }
            _ => Vec::new(),
        }
    }
}
