//! A data directory: what a node knows, over its end.
//!
//! `journal` is a file of records, one for everything that changed the chain, in order; replaying it makes the same chain,
//! with the same branches, invalid marks and preferences. `record` is one of them. `mempool` keeps what waits, in the
//! format of Bitcoin Core, written at a clean end only, as there. Nothing else is kept: peers, bans, settings and the clock
//! are those of the new start.

mod journal;
mod mempool;
mod record;

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use bitcoin::Transaction;
use rustix::fs::{FlockOperation, flock};

pub use journal::Journal;
pub(crate) use record::Record;

/// Name of the file that is locked while a process uses the directory.
const LOCK: &str = "lock";

/// Name of the journal.
const JOURNAL: &str = "journal.dat";

/// Name of the file with what waits.
const MEMPOOL: &str = "mempool.dat";

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system does not let us.
    #[error("{path}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process uses it.
    #[error("{0} is in use by another process")]
    InUse(PathBuf),
    /// The journal is none, or that of another version.
    #[error("{0} is no journal of this version")]
    Foreign(PathBuf),
    /// A record in the middle of the journal cannot be read.
    #[error("{path} is damaged at byte {at}: {why}")]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// Where the record begins.
        at: u64,
        /// What is wrong with it.
        why: String,
    },
}

/// A data directory that this process has to itself.
#[derive(Debug)]
pub struct DataDir {
    folder: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

impl DataDir {
    /// Makes the directory if it is not there, and locks it.
    ///
    /// # Errors
    /// When that cannot be done, or another process has it.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder).map_err(|source| failed(folder, source))?;
        let path = folder.join(LOCK);
        let open = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let lock = open.map_err(|source| failed(&path, source))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { folder: folder.to_owned(), _lock: lock }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(StoreError::InUse(folder.to_owned())),
            Err(error) => Err(failed(&path, error.into())),
        }
    }

    /// Opens the journal, and hands what is in it to `each`.
    pub(crate) fn open_journal(&self, each: impl FnMut(Record)) -> Result<Journal, StoreError> {
        Journal::open(&self.folder.join(JOURNAL), each)
    }

    /// Ends a journal: everything is on the disk then.
    pub(crate) fn close_journal(&self, journal: Journal) -> Result<(), StoreError> {
        journal.close()
    }

    /// What waited at the last clean end, parents first, with its times in seconds since 1970.
    pub(crate) fn read_mempool(&self) -> Result<Vec<(Transaction, i64)>, StoreError> {
        mempool::read(&self.folder.join(MEMPOOL))
    }

    /// Writes what waits, parents first, with its times in seconds since 1970.
    pub(crate) fn write_mempool<'a>(
        &self,
        transactions: impl ExactSizeIterator<Item = (&'a Transaction, i64)>,
    ) -> Result<(), StoreError> {
        mempool::write(&self.folder.join(MEMPOOL), transactions)
    }
}

fn failed(path: &Path, source: io::Error) -> StoreError {
    StoreError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
