//! What waits, in a file: the first version of Bitcoin Core's `mempool.dat`.
//!
//! Version (8 bytes), count (8 bytes), for each transaction its bytes as on the network, the time when it came and a
//! change of its fee (8 bytes each, always zero here); then two lists that are always empty here: changes of fees of
//! transactions that do not wait, and transactions that nobody was told of.

use std::io;
use std::path::Path;

use bitcoin::Transaction;
use bitcoin::consensus::encode::{Decodable, Encodable, Error, serialize};

use super::{StoreError, failed};

/// The version without a key.
const VERSION: u64 = 1;

/// Most transactions that are read back. So many do not fit into the memory that this node is made for.
const MAX_TRANSACTIONS: u64 = 1_000_000;

/// Writes transactions, parents first, with their times in seconds since 1970. The file is replaced as a whole.
pub(super) fn write<'a>(
    path: &Path,
    transactions: impl ExactSizeIterator<Item = (&'a Transaction, i64)>,
) -> Result<(), StoreError> {
    let mut bytes = [VERSION.to_le_bytes(), (transactions.len() as u64).to_le_bytes()].concat();
    for (tx, time) in transactions {
        bytes.extend(serialize(tx));
        bytes.extend(time.to_le_bytes());
        bytes.extend(0i64.to_le_bytes());
    }
    bytes.extend([0, 0]);
    let new = path.with_extension("new");
    let io = |source| failed(path, source);
    std::fs::write(&new, bytes).map_err(io)?;
    std::fs::rename(&new, path).map_err(io)
}

/// Reads them back; none if there is no file. A file that is damaged gives what comes before the damage.
pub(super) fn read(path: &Path) -> Result<Vec<(Transaction, i64)>, StoreError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(path, error)),
    };
    let mut bytes = bytes.as_slice();
    let (Ok(VERSION), Ok(count)) = (next::<u64>(&mut bytes), next::<u64>(&mut bytes)) else {
        return Ok(Vec::new());
    };
    Ok((0..count.min(MAX_TRANSACTIONS)).map_while(|_| entry(&mut bytes).ok()).collect())
}

fn entry(bytes: &mut &[u8]) -> Result<(Transaction, i64), Error> {
    let (tx, time) = (next(bytes)?, next(bytes)?);
    let _fee_change: i64 = next(bytes)?;
    Ok((tx, time))
}

fn next<T: Decodable + Encodable>(bytes: &mut &[u8]) -> Result<T, Error> {
    T::consensus_decode(bytes)
}
