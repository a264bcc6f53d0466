//! What is to be started, and how its life goes on.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// How long a spawned node may take to stop before it is killed. Writing the chain's state from a big
/// cache to a slow disk takes minutes; Bitcoin Core's own service file allows as much.
pub const STOP_LIMIT: Duration = Duration::from_secs(600);

/// What stands in an argument for the number of the descriptor that the node is to serve.
const DESCRIPTOR: &str = "{fd}";

/// What stands in an argument for the path of the socket that the node is to listen on.
const SOCKET: &str = "{socket}";

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program, looked for as a shell would.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
}

impl Command {
    /// A command of these words; `None` if there is not even a program.
    #[must_use]
    pub fn new(words: impl IntoIterator<Item = String>) -> Option<Self> {
        let mut words = words.into_iter();
        let program = words.next().filter(|program| !program.is_empty())?;
        Some(Self { program, arguments: words.collect() })
    }

    /// Whether an argument says where the descriptor's number belongs.
    pub(super) fn names_descriptor(&self) -> bool {
        self.arguments.iter().any(|argument| argument.contains(DESCRIPTOR))
    }

    /// Whether an argument says where the socket's path belongs.
    pub(super) fn names_socket(&self) -> bool {
        self.arguments.iter().any(|argument| argument.contains(SOCKET))
    }

    /// Whether all arguments are options of a node, which can be passed to it by calls.
    pub(super) fn is_plain(&self) -> bool {
        self.arguments.iter().all(|argument| argument.starts_with('-') && argument.len() > 1)
            && !self.arguments.iter().any(|argument| argument == "-m" || argument == "-M")
    }

    /// The arguments with the descriptor's number in its places.
    pub(super) fn with_descriptor(&self, number: i32) -> Vec<String> {
        self.filled(DESCRIPTOR, &number.to_string())
    }

    /// The arguments with the socket's path in its places.
    pub(super) fn with_socket(&self, path: &str) -> Vec<String> {
        self.filled(SOCKET, path)
    }

    fn filled(&self, place: &str, value: &str) -> Vec<String> {
        self.arguments.iter().map(|argument| argument.replace(place, value)).collect()
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.program)
    }
}

/// When another node is started in place of one that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Restart {
    /// However it ended.
    Always,
    /// Unless somebody told it to stop and it did so with status 0.
    #[default]
    OnFailure,
    /// Not at all.
    Never,
}

/// Who takes an empty node process to where it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// This program, at once.
    #[default]
    Auto,
    /// A caller with the right `lifecycle`, by Node.BaseInitialize and Node.AppInitMain.
    Manual,
}

/// A node that this program starts.
#[derive(Debug, Clone)]
pub struct SpawnConfig {
    /// What is started.
    pub command: Command,
    /// Whether it is started again.
    pub restart: Restart,
    /// Who makes it run.
    pub start: Start,
    /// See [`STOP_LIMIT`].
    pub stop_limit: Duration,
    /// Data directory of a node that is not told another, if it is known.
    pub usual_data: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(text: &str) -> Command {
        Command::new(text.split(' ').map(str::to_owned)).unwrap()
    }

    #[test]
    fn places_are_filled() {
        let one = command("node --fd={fd} -x");
        assert!(one.names_descriptor() && !one.names_socket());
        assert_eq!(one.with_descriptor(3), ["--fd=3", "-x"]);
        let other = command("node -ipcbind=unix:{socket}");
        assert!(other.names_socket() && !other.names_descriptor());
        assert_eq!(other.with_socket("/s"), ["-ipcbind=unix:/s"]);
    }

    #[test]
    fn a_wrapper_is_not_plain() {
        assert!(command("bitcoin-node -regtest -datadir=/d").is_plain());
        assert!(command("bitcoin-node").is_plain());
        for wrapper in ["bitcoin -m node", "bitcoin node -regtest", "env X=1 bitcoin-node"] {
            assert!(!command(wrapper).is_plain(), "{wrapper}");
        }
        assert_eq!(Command::new([String::new()]), None);
        assert_eq!(Command::new([]), None);
    }
}
