//! Files that decide who may do what. Whoever could write them could do anything.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::regular;

/// Largest such file, in bytes: thousands of identities.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// Permission to write for those who do not own a file.
const OTHERS_WRITE: u32 = 0o022;

/// Reads a file that nobody but its owner may write.
///
/// # Errors
/// With what is wrong with it.
pub(crate) fn read_guarded(path: &Path) -> Result<String, String> {
    let fault = |error| format!("cannot be read: {error}");
    let file = regular::open(path).map_err(fault)?;
    let mode = file.metadata().map_err(fault)?.mode() & 0o777;
    if mode & OTHERS_WRITE != 0 {
        return Err(format!(
            "has the mode {mode:o}: others than its owner can write it and so give themselves rights; chmod go-w"
        ));
    }
    let mut text = String::new();
    file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(fault)?;
    if text.len() as u64 > MAX_FILE {
        return Err(format!("is larger than {MAX_FILE} bytes"));
    }
    Ok(text)
}
