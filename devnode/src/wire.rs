//! A few inner encodings of the interfaces.

use bitcoin::consensus::encode::{deserialize_partial, serialize};
use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, OutPoint, Txid};

/// Version that nodes put in front of their locators; nobody reads it.
const LOCATOR_VERSION: i32 = 70_016;

/// Bytes of a header.
const HEADER_BYTES: usize = 80;

/// A locator: version (int32), number of hashes (compact size), hashes in internal byte order.
pub fn encode_locator(hashes: &[BlockHash]) -> Vec<u8> {
    let mut bytes = LOCATOR_VERSION.to_le_bytes().to_vec();
    bytes.extend(serialize(&hashes.to_vec()));
    bytes
}

/// The hashes of a locator; none if the bytes end too early. What follows them is ignored.
pub fn decode_locator(bytes: &[u8]) -> Option<Vec<BlockHash>> {
    let (_version, hashes) = bytes.split_at_checked(4)?;
    deserialize_partial(hashes).ok().map(|(hashes, _)| hashes)
}

/// An output's name: transaction id in internal byte order, number (uint32). None if the bytes end too early.
pub fn decode_outpoint(bytes: &[u8]) -> Option<OutPoint> {
    let (txid, rest) = bytes.split_at_checked(32)?;
    let vout = rest.get(..4)?.try_into().ok()?;
    Some(OutPoint { txid: Txid::from_slice(txid).ok()?, vout: u32::from_le_bytes(vout) })
}

/// The bytes of an output's name.
pub fn encode_outpoint(outpoint: &OutPoint) -> Vec<u8> {
    serialize(outpoint)
}

/// What nodes send in place of a block that they do not have: a header of zeros and no transactions.
pub fn null_block() -> Vec<u8> {
    vec![0; HEADER_BYTES + 1]
}
