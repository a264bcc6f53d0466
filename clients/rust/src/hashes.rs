//! Hashes are 32 bytes in internal byte order in every message; people are shown the reverse.

use std::fmt::Write;

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAHash;

impl std::fmt::Display for NotAHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a hash is written as 64 hexadecimal digits")
    }
}

impl std::error::Error for NotAHash {}

/// The hash as explorers and bitcoin-cli show it.
#[must_use]
pub fn display(internal: &[u8]) -> String {
    internal.iter().rev().fold(String::with_capacity(2 * internal.len()), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes, in internal order, of a hash that is written as explorers show it.
///
/// # Errors
/// When it is not 64 hexadecimal digits.
pub fn internal(display: &str) -> Result<[u8; 32], NotAHash> {
    let digits = display.as_bytes();
    if digits.len() != 64 {
        return Err(NotAHash);
    }
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().rev().zip(digits.chunks_exact(2)) {
        *byte = (digit(pair[0])? << 4) | digit(pair[1])?;
    }
    Ok(hash)
}

fn digit(letter: u8) -> Result<u8, NotAHash> {
    let value = char::from(letter).to_digit(16).ok_or(NotAHash)?;
    u8::try_from(value).map_err(|_| NotAHash)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first block of every regtest chain (Bitcoin Core, kernel/chainparams.cpp).
    const GENESIS: &str = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206";

    #[test]
    fn a_hash_is_shown_reversed() {
        let hash = internal(GENESIS).unwrap();
        assert_eq!((hash[0], hash[31]), (0x06, 0x0f));
        assert_eq!(display(&hash), GENESIS);
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        let x = "x".repeat(64);
        for text in ["", &GENESIS[1..], &format!("{GENESIS}0"), &x] {
            assert_eq!(internal(text), Err(NotAHash), "{text}");
        }
    }
}
