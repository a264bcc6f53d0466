//! What a node reads out of `Data`.
//!
//! The rules are those of Bitcoin Core's serialization, written down here once more on purpose: what the contract
//! refuses and what ends a node must not come from the same lines.

use bitcoin::consensus::encode::{Decodable, deserialize_partial, serialize};
use bitcoin::{Block, OutPoint, Transaction};

use super::table::Kind;

/// Bytes of a hash.
const HASH: usize = 32;

/// Bytes of an outpoint: a hash and the number of an output.
const OUT_POINT: usize = HASH + 4;

/// Largest size that is read (`serialize.h`, MAX_SIZE).
const MAX_SIZE: u64 = 0x0200_0000;

/// Longest address that is read, of whatever network (`netaddress.h`, MAX_ADDRV2_SIZE).
const MAX_ADDRESS: u64 = 512;

/// What a coin's script begins with if it is packed as a kind and a hash or key; other kinds are lengths plus this
/// (`compressor.h`, nSpecialScripts).
const SPECIAL_SCRIPTS: u64 = 6;

/// Why bytes cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::socket) enum Unreadable {
    /// An exception while reading.
    Throws(String),
    /// No exception: the node follows a null pointer.
    Crashes(&'static str),
}

type Read<T> = Result<T, Unreadable>;

fn throws<T>(why: impl Into<String>) -> Read<T> {
    Err(Unreadable::Throws(why.into()))
}

/// How a generation packs fee rates.
#[derive(Debug, Clone, Copy)]
pub(in crate::socket) struct Forms {
    /// Bytes of a fee rate: 8, or 12 with a size behind.
    pub(in crate::socket) fee_rate: usize,
}

/// What a node takes `data` for: what it reads of it if something follows that, or what stands for none. Nothing if that
/// is `data` as it is.
pub(super) fn read(kind: Kind, data: Option<&[u8]>, forms: Forms) -> Read<Option<Vec<u8>>> {
    match data {
        None => absent(kind, forms),
        Some(data) => {
            let used = used(kind, data, forms)?;
            Ok((used < data.len()).then(|| data[..used].to_vec()))
        }
    }
}

/// What stands for a null pointer: the default of the type.
fn absent(kind: Kind, forms: Forms) -> Read<Option<Vec<u8>>> {
    match kind {
        Kind::Hash | Kind::Hashes => Ok(Some(vec![0; HASH])),
        Kind::OutPoint | Kind::OutPoints => Ok(Some(serialize(&OutPoint::null()))),
        Kind::FeeRate => Ok(Some(vec![0; forms.fee_rate])),
        Kind::Locator => Ok(Some(vec![0; 5])),
        Kind::Block => Ok(Some(crate::wire::null_block())),
        Kind::Transaction => Err(Unreadable::Crashes("there is no transaction")),
        // What is done without one differs, and is decided where it is done.
        Kind::Coinbase | Kind::Address | Kind::Coin | Kind::Coins => Ok(None),
    }
}

/// How many of the bytes a node reads.
fn used(kind: Kind, data: &[u8], forms: Forms) -> Read<usize> {
    let mut bytes = Bytes(data);
    match kind {
        Kind::Hash | Kind::Hashes => drop(bytes.take(HASH)?),
        Kind::OutPoint | Kind::OutPoints => drop(bytes.take(OUT_POINT)?),
        Kind::FeeRate => drop(bytes.take(forms.fee_rate)?),
        Kind::Locator => locator(&mut bytes)?,
        Kind::Coin | Kind::Coins => coin(&mut bytes)?,
        Kind::Address => address(&mut bytes)?,
        Kind::Transaction => return decoded::<Transaction>(data),
        // An empty one is as good as none.
        Kind::Coinbase if data.is_empty() => return Ok(0),
        Kind::Coinbase => return decoded::<Transaction>(data),
        Kind::Block => return decoded::<Block>(data),
    }
    Ok(data.len() - bytes.0.len())
}

fn decoded<T: Decodable>(data: &[u8]) -> Read<usize> {
    match deserialize_partial::<T>(data) {
        Ok((_, used)) => Ok(used),
        Err(error) => throws(error.to_string()),
    }
}

fn locator(bytes: &mut Bytes<'_>) -> Read<()> {
    bytes.take(4)?;
    for _ in 0..bytes.compact_size()? {
        bytes.take(HASH)?;
    }
    Ok(())
}

/// Height and coinbase flag, amount, script.
fn coin(bytes: &mut Bytes<'_>) -> Read<()> {
    bytes.var_int()?;
    bytes.var_int()?;
    let length = match bytes.var_int()? {
        0 | 1 => 20,
        2..SPECIAL_SCRIPTS => 32,
        long => long - SPECIAL_SCRIPTS,
    };
    bytes.skip(length)
}

/// Network, length, address (BIP 155). Unknown networks are skipped.
fn address(bytes: &mut Bytes<'_>) -> Read<()> {
    let network = bytes.byte()?;
    let length = bytes.compact_size()?;
    let wanted = match network {
        1 => Some(4),
        2 | 6 => Some(16),
        4 | 5 => Some(32),
        _ => None,
    };
    if wanted.is_some_and(|wanted| wanted != length) || length > MAX_ADDRESS {
        return throws(format!("an address of network {network} with {length} bytes"));
    }
    bytes.skip(length)
}

/// Bytes that are left to be read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Read<&'a [u8]> {
        match self.0.split_at_checked(count) {
            Some((taken, rest)) => {
                self.0 = rest;
                Ok(taken)
            }
            None => throws(format!("{} bytes where {count} should be", self.0.len())),
        }
    }

    fn skip(&mut self, count: u64) -> Read<()> {
        self.take(usize::try_from(count).unwrap_or(usize::MAX)).map(drop)
    }

    fn byte(&mut self) -> Read<u8> {
        Ok(self.take(1)?[0])
    }

    /// A size in one, three, five or nine bytes, in the shortest form.
    fn compact_size(&mut self) -> Read<u64> {
        let (width, least) = match self.byte()? {
            0xfd => (2, 0xfd),
            0xfe => (4, 0x1_0000),
            0xff => (8, 0x1_0000_0000),
            small => return Ok(small.into()),
        };
        let mut size = [0; 8];
        size[..width].copy_from_slice(self.take(width)?);
        match u64::from_le_bytes(size) {
            size if size < least => throws("a size that is longer than it need be"),
            size if size > MAX_SIZE => throws("a size beyond all bounds"),
            size => Ok(size),
        }
    }

    /// A number in groups of seven bits, highest first; all but the last have the high bit set.
    fn var_int(&mut self) -> Read<u64> {
        let mut number = 0_u64;
        loop {
            let byte = self.byte()?;
            if number > u64::MAX >> 7 {
                return throws("a number beyond all bounds");
            }
            number = number << 7 | u64::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
            number = match number.checked_add(1) {
                Some(number) => number,
                None => return throws("a number beyond all bounds"),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMS: Forms = Forms { fee_rate: 12 };

    fn reads(kind: Kind, data: &[u8]) -> Read<Option<Vec<u8>>> {
        read(kind, Some(data), FORMS)
    }

    #[test]
    fn too_few_bytes_cannot_be_read_and_what_follows_is_not_looked_at() {
        for (kind, length) in [(Kind::Hash, 32), (Kind::OutPoint, 36), (Kind::FeeRate, 12)] {
            let data = vec![7; length + 1];
            assert!(matches!(reads(kind, &[]), Err(Unreadable::Throws(_))), "{kind:?}");
            assert!(matches!(reads(kind, &data[..length - 1]), Err(Unreadable::Throws(_))));
            assert_eq!(reads(kind, &data[..length]), Ok(None));
            assert_eq!(reads(kind, &data), Ok(Some(vec![7; length])));
        }
        assert_eq!(read(Kind::FeeRate, Some(&[1; 8]), Forms { fee_rate: 8 }), Ok(None));
    }

    #[test]
    fn null_pointers_are_the_default_of_their_type() {
        assert_eq!(read(Kind::Hash, None, FORMS), Ok(Some(vec![0; 32])));
        let null = [vec![0; 32], vec![0xff; 4]].concat();
        assert_eq!(read(Kind::OutPoint, None, FORMS), Ok(Some(null)));
        assert_eq!(read(Kind::Address, None, FORMS), Ok(None));
        assert!(matches!(read(Kind::Transaction, None, FORMS), Err(Unreadable::Crashes(_))));
    }

    #[test]
    fn locators_hold_as_many_hashes_as_they_say() {
        let one = [&[0; 4][..], &[1], &[9; 32]].concat();
        assert_eq!(reads(Kind::Locator, &one), Ok(None));
        assert!(reads(Kind::Locator, &one[..36]).is_err());
        assert_eq!(reads(Kind::Locator, &[0; 5]), Ok(None));
        assert!(reads(Kind::Locator, &[0; 4]).is_err());
        let absurd = [&[0x80, 0x11, 1, 0][..], &[0xff; 9]].concat();
        assert!(reads(Kind::Locator, &absurd).is_err());
        assert!(reads(Kind::Locator, &[0, 0, 0, 0, 0xfd, 0, 0]).is_err(), "a size in long form");
    }

    #[test]
    fn coins_are_height_amount_and_script() {
        let recorded = [0x80, 0x62, 0x27, 0x07, 0x51];
        assert_eq!(reads(Kind::Coin, &recorded), Ok(None));
        assert!(reads(Kind::Coin, &recorded[..4]).is_err());
        assert!(reads(Kind::Coin, &[]).is_err());
        assert_eq!(reads(Kind::Coin, &[[0; 3].as_slice(), &[7; 20]].concat()), Ok(None));
        assert!(reads(Kind::Coin, &[0xff; 12]).is_err());
    }

    #[test]
    fn addresses_have_the_length_of_their_network() {
        assert_eq!(reads(Kind::Address, &[1, 4, 127, 0, 0, 1]), Ok(None));
        assert!(reads(Kind::Address, &[1, 4, 1]).is_err());
        assert!(reads(Kind::Address, &[1, 5, 1, 2, 3, 4, 5]).is_err());
        assert_eq!(reads(Kind::Address, &[99, 2, 1, 2]), Ok(None), "an unknown network");
        assert!(reads(Kind::Address, &[99, 0xfd, 1, 2]).is_err());
    }
}
