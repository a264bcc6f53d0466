//! Where Bitcoin Core keeps its socket.
//! Source: Bitcoin Core's documentation of its files (doc/files.md) and of `-datadir`.

use std::path::{Path, PathBuf};

/// Name of the socket in the data directory of a chain, with `-ipcbind=unix`.
const SOCKET: &str = "node.sock";

/// Longest path of a socket, in bytes. The system's structure holds one more for the final zero.
#[cfg(target_os = "linux")]
pub(super) const MAX_SOCKET_PATH: usize = 107;
/// Longest path of a socket, in bytes, on BSD and its descendants.
#[cfg(not(target_os = "linux"))]
pub(super) const MAX_SOCKET_PATH: usize = 103;

/// A chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Chain {
    /// The chain with the money.
    #[default]
    Main,
    /// The fourth test network.
    Testnet4,
    /// The signed test network.
    Signet,
    /// A chain of one's own.
    Regtest,
}

impl Chain {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "main" => Ok(Self::Main),
            "testnet4" => Ok(Self::Testnet4),
            "signet" => Ok(Self::Signet),
            "regtest" => Ok(Self::Regtest),
            _ => Err("is none of main, testnet4, signet, regtest".to_owned()),
        }
    }

    /// Its directory within the data directory; the main chain is kept in that itself.
    const fn directory(self) -> Option<&'static str> {
        match self {
            Self::Main => None,
            Self::Testnet4 => Some("testnet4"),
            Self::Signet => Some("signet"),
            Self::Regtest => Some("regtest"),
        }
    }
}

/// The socket of a node that uses this data directory.
pub(super) fn socket(data: &Path, chain: Chain) -> PathBuf {
    chain.directory().map_or_else(|| data.to_owned(), |directory| data.join(directory)).join(SOCKET)
}

/// Bitcoin Core's data directory if it is not told otherwise.
pub(super) fn default_data_directory(home: &Path) -> PathBuf {
    if cfg!(target_os = "macos") {
        home.join("Library/Application Support/Bitcoin")
    } else {
        home.join(".bitcoin")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_by_chain() {
        let data = Path::new("/d");
        assert_eq!(socket(data, Chain::Main), Path::new("/d/node.sock"));
        assert_eq!(socket(data, Chain::Testnet4), Path::new("/d/testnet4/node.sock"));
        assert_eq!(socket(data, Chain::Signet), Path::new("/d/signet/node.sock"));
        assert_eq!(socket(data, Chain::Regtest), Path::new("/d/regtest/node.sock"));
    }
}
