//! One thing that changed the chain.

use bitcoin::block::Header;
use bitcoin::consensus::encode::{deserialize, serialize};
use bitcoin::{Block, BlockHash};

/// Something that changed the chain, or was meant to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Record {
    /// A block came in.
    Block(Box<Block>),
    /// A header came in without its block.
    Header(Header),
    /// A block was declared invalid.
    Invalidate(BlockHash),
    /// Such a declaration was taken back.
    Reconsider(BlockHash),
    /// A block was preferred to others with the same work.
    Prefer(BlockHash),
    /// The blocks below a height were thrown away.
    Prune(u32),
}

impl Record {
    /// A number for its kind, then what it says as on the network.
    pub(super) fn encode(&self) -> Vec<u8> {
        let (kind, body) = match self {
            Self::Block(block) => (1, serialize(block.as_ref())),
            Self::Header(header) => (2, serialize(header)),
            Self::Invalidate(hash) => (3, serialize(hash)),
            Self::Reconsider(hash) => (4, serialize(hash)),
            Self::Prefer(hash) => (5, serialize(hash)),
            Self::Prune(height) => (6, height.to_le_bytes().to_vec()),
        };
        [vec![kind], body].concat()
    }

    /// The record that was encoded so, or what is wrong.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let (kind, body) = bytes.split_first().ok_or("it is empty")?;
        let hash = || deserialize(body).map_err(|error| error.to_string());
        Ok(match kind {
            1 => Self::Block(Box::new(deserialize(body).map_err(|error| error.to_string())?)),
            2 => Self::Header(deserialize(body).map_err(|error| error.to_string())?),
            3 => Self::Invalidate(hash()?),
            4 => Self::Reconsider(hash()?),
            5 => Self::Prefer(hash()?),
            6 => {
                let height = body.try_into().map_err(|_| "it has no height")?;
                Self::Prune(u32::from_le_bytes(height))
            }
            _ => return Err(format!("there is no record of kind {kind}")),
        })
    }
}
