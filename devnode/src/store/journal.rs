//! The file of records: each has a length in front (4 bytes, little endian) and a checksum behind (the first 4 bytes of
//! the double SHA-256).
//!
//! A record is written with one call of the system, so that a process that is killed leaves at most one, the last one,
//! incomplete. It is cut off at the next start.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bitcoin::hashes::{Hash, sha256d};

use super::{Record, StoreError, failed};

/// What the file begins with: a name and a version.
const BEGINNING: &[u8; 8] = b"devnode\x01";

/// Longest record, in bytes: a block of 4,000,000 weight is never longer than that, and little comes with it.
const MAX_RECORD: usize = 4_100_000;

/// Length of the length and of the checksum, in bytes.
const FRAME_PART: usize = 4;

/// The journal, open for more.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    /// Why a record could not be written. Nothing is written after it.
    failure: Option<StoreError>,
}

/// What the next bytes of the file are.
enum Next {
    Record(Vec<u8>),
    /// The file ends here.
    End,
    /// The file ends inside of a record.
    Torn,
    /// It is no record.
    Damaged(&'static str),
}

impl Journal {
    /// Opens a journal, made if there is none, and hands its records to `each`. What is torn at its end is cut off.
    pub(super) fn open(path: &Path, mut each: impl FnMut(Record)) -> Result<Self, StoreError> {
        let io = |source| failed(path, source);
        let options =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path);
        let mut file = options.map_err(io)?;
        let end = replay(&file, path, &mut each)?;
        file.set_len(end).map_err(io)?;
        file.seek(SeekFrom::End(0)).map_err(io)?;
        if end == 0 {
            file.write_all(BEGINNING).map_err(io)?;
        }
        Ok(Self { file, path: path.to_owned(), failure: None })
    }

    /// Adds a record.
    pub(crate) fn append(&mut self, record: &Record) {
        if self.failure.is_some() {
            return;
        }
        let body = record.encode();
        let outcome = match body.len() <= MAX_RECORD {
            true => self.file.write_all(&framed(&body)),
            false => Err(io::Error::other("a record is too long")),
        };
        self.failure = outcome.err().map(|source| failed(&self.path, source));
    }

    /// Why a record could not be written, if that ever happened.
    #[must_use]
    pub fn failure(&self) -> Option<&StoreError> {
        self.failure.as_ref()
    }

    /// Hands everything to the disk. Gives the failure if there was one.
    pub(super) fn close(self) -> Result<(), StoreError> {
        match self.failure {
            Some(failure) => Err(failure),
            None => self.file.sync_all().map_err(|source| failed(&self.path, source)),
        }
    }
}

/// Reads all records. Returns where the last complete one ends, or zero for a file that has not even a beginning.
fn replay(file: &File, path: &Path, each: &mut impl FnMut(Record)) -> Result<u64, StoreError> {
    let length = file.metadata().map_err(|source| failed(path, source))?.len();
    let mut reader = BufReader::new(file);
    let beginning =
        read_up_to(&mut reader, BEGINNING.len()).map_err(|source| failed(path, source))?;
    if beginning.len() < BEGINNING.len() && BEGINNING.starts_with(&beginning) {
        return Ok(0);
    }
    if beginning != BEGINNING {
        return Err(StoreError::Foreign(path.to_owned()));
    }
    let mut at = BEGINNING.len() as u64;
    loop {
        let damaged = |why: String| StoreError::Damaged { path: path.to_owned(), at, why };
        match next(&mut reader, length - at).map_err(|source| failed(path, source))? {
            Next::End | Next::Torn => return Ok(at),
            Next::Damaged(why) => return Err(damaged(why.to_owned())),
            Next::Record(body) => {
                each(Record::decode(&body).map_err(damaged)?);
                at += (body.len() + 2 * FRAME_PART) as u64;
            }
        }
    }
}

/// The next record of a file that has so many bytes left.
fn next(reader: &mut impl Read, left: u64) -> io::Result<Next> {
    let length = read_up_to(reader, FRAME_PART)?;
    let Ok(length) = <[u8; FRAME_PART]>::try_from(length.as_slice()) else {
        return Ok(if length.is_empty() { Next::End } else { Next::Torn });
    };
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_RECORD {
        return Ok(Next::Damaged("its length is out of bounds"));
    }
    let whole = (length + 2 * FRAME_PART) as u64;
    if left < whole {
        return Ok(Next::Torn);
    }
    let body = read_up_to(reader, length)?;
    let sum = read_up_to(reader, FRAME_PART)?;
    Ok(match (sum == checksum(&body), left == whole) {
        (true, _) => Next::Record(body),
        // Its room was there before its bytes, when the machine went down.
        (false, true) => Next::Torn,
        (false, false) => Next::Damaged("its checksum is wrong"),
    })
}

/// So many bytes, or fewer if the file ends.
fn read_up_to(reader: &mut impl Read, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(count);
    reader.take(count as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn framed(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes();
    [&length, body, &checksum(body)].concat()
}

fn checksum(body: &[u8]) -> [u8; FRAME_PART] {
    let [a, b, c, d, ..] = sha256d::Hash::hash(body).to_byte_array();
    [a, b, c, d]
}
