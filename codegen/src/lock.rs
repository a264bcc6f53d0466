//! Field numbers, once published, never change: the committed `.proto` files are the lock.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::Error;
use crate::contract::Contract;

/// Folder of the contract below the include root.
pub const PACKAGE_FOLDER: &str = "bitcoin/ipc/v1";

/// Numbers of the committed contract.
#[derive(Debug, Default)]
pub struct Lock {
    numbers: BTreeMap<String, BTreeMap<String, u32>>,
    reserved: BTreeMap<String, BTreeMap<String, u32>>,
}

impl Lock {
    /// Reads the committed contract below `root`; an empty folder locks nothing.
    ///
    /// # Errors
    /// When there are files and they do not compile.
    pub fn read(root: &Path) -> Result<Self, Error> {
        let files = proto_files(root)?;
        if files.is_empty() {
            return Ok(Self::default());
        }
        let set = protox::compile(files, [root])?;
        let mut lock = Self::default();
        for file in set.file.iter().filter(|f| f.package() == "bitcoin.ipc.v1") {
            for message in &file.message_type {
                let numbers =
                    message.field.iter().map(|f| (f.name().to_owned(), f.number().unsigned_abs()));
                lock.numbers.insert(message.name().to_owned(), numbers.collect());
                // Names and numbers are reserved together, in the same order.
                let ranges = message.reserved_range.iter().map(|r| r.start().unsigned_abs());
                let reserved = message.reserved_name.iter().cloned().zip(ranges).collect();
                lock.reserved.insert(message.name().to_owned(), reserved);
            }
        }
        Ok(lock)
    }

    /// Gives every field its number: its own of now or of once, or the next that was never used.
    pub fn apply(&self, contract: &mut Contract) {
        for message in contract.messages.values_mut() {
            let used = self.reserved(&message.name, &BTreeSet::new());
            let mut next = used.values().copied().max().unwrap_or(0) + 1;
            for field in &mut message.fields {
                field.number = used.get(&field.name).copied().unwrap_or_else(|| {
                    next += 1;
                    next - 1
                });
            }
        }
    }

    /// Names and numbers of a message that were once used and are no more.
    #[must_use]
    pub fn reserved(&self, message: &str, present: &BTreeSet<&str>) -> BTreeMap<String, u32> {
        let locked = self.numbers.get(message).into_iter().flatten();
        let reserved = self.reserved.get(message).into_iter().flatten();
        locked
            .chain(reserved)
            .filter(|(name, _)| !present.contains(name.as_str()))
            .map(|(name, number)| (name.clone(), *number))
            .collect()
    }
}

/// The contract's files below `root`, sorted.
///
/// # Errors
/// When the folder exists and cannot be read.
pub fn proto_files(root: &Path) -> Result<Vec<std::path::PathBuf>, Error> {
    let folder = root.join(PACKAGE_FOLDER);
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(&folder).map_err(|e| Error::io(&folder, e))?;
    let mut files: Vec<_> = entries
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "proto"))
        .collect();
    files.sort();
    Ok(files)
}
