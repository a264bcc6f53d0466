//! Blocks from files that others wrote: one block in hex per line, or a block file of Bitcoin Core.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bitcoin::consensus::encode::{self, deserialize, deserialize_hex};
use bitcoin::p2p::Magic;
use bitcoin::{Block, BlockHash, Network};

use crate::clock::Clock;
use crate::node::{BlockVerdict, Node};
use crate::reject::Reject;

/// Largest file that is read, in bytes. Block files end at 128 MiB; in hex that is twice as much.
const MAX_FILE_BYTES: u64 = 300 << 20;

/// Name of the file with the key that newer nodes hide their block files with.
const KEY_FILE: &str = "xor.dat";

/// Length of that key, in bytes.
const KEY_BYTES: usize = 8;

/// Magic and length before each block of a block file, in bytes.
const PREFIX_BYTES: usize = 8;

/// Why blocks cannot be taken from a file.
#[derive(Debug, thiserror::Error)]
pub enum BlockFileError {
    /// The file, or the key beside it, cannot be read.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// The file is longer than any block file.
    #[error("the file is longer than {MAX_FILE_BYTES} bytes")]
    TooLong,
    /// A line is not a block in hex.
    #[error("line {line} is not a block in hex: {source}")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// Why.
        source: encode::FromHexError,
    },
    /// It is neither text nor a block file of regtest.
    #[error("at byte {0} begins neither a block of regtest nor text")]
    Foreign(usize),
    /// The file ends inside of a block.
    #[error("the block at byte {0} is cut off")]
    CutOff(usize),
    /// A record is not a block.
    #[error("what stands at byte {at} is not a block: {source}")]
    Record {
        /// Its place in the file.
        at: usize,
        /// Why.
        source: encode::Error,
    },
    /// The node refuses a block.
    #[error("block {hash} is refused: {reject}")]
    Refused {
        /// Its hash.
        hash: BlockHash,
        /// Why.
        reject: Reject,
    },
    /// Blocks whose parents are neither in the node nor in the file.
    #[error("{count} blocks do not connect, among them {hash}: the blocks below are missing")]
    Unconnected {
        /// Their number.
        count: usize,
        /// One of them.
        hash: BlockHash,
    },
}

/// Reads all blocks of a file. What kind of file it is shows at its beginning.
///
/// # Errors
/// When it is neither kind, or damaged.
pub fn read_block_file(path: &Path) -> Result<Vec<Block>, BlockFileError> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(BlockFileError::TooLong);
    }
    if let Ok(text) = std::str::from_utf8(&bytes)
        && !text.contains('\0')
    {
        return parse_hex(text);
    }
    if !bytes.starts_with(&magic()) {
        uncover(&mut bytes, path)?;
    }
    parse_records(&bytes)
}

/// One block per line; empty lines and those that begin with `#` do not count.
fn parse_hex(text: &str) -> Result<Vec<Block>, BlockFileError> {
    let lines = text.lines().enumerate().map(|(place, line)| (place + 1, line.trim()));
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(line, text)| {
            deserialize_hex(text).map_err(|source| BlockFileError::Line { line, source })
        })
        .collect()
}

fn magic() -> [u8; 4] {
    Magic::from(Network::Regtest).to_bytes()
}

/// Takes off the key that lies beside a block file, if one does.
fn uncover(bytes: &mut [u8], path: &Path) -> Result<(), BlockFileError> {
    let key = match std::fs::read(path.with_file_name(KEY_FILE)) {
        Ok(key) if key.len() == KEY_BYTES => key,
        Ok(_) => return Err(io::Error::other(format!("{KEY_FILE} beside it is no key")).into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    bytes.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    Ok(())
}

/// Blocks with magic and length before each. Nodes reserve room ahead, so zeros may follow.
fn parse_records(bytes: &[u8]) -> Result<Vec<Block>, BlockFileError> {
    let mut blocks = Vec::new();
    let mut at = 0;
    while bytes[at..].iter().any(|byte| *byte != 0) {
        let rest = &bytes[at..];
        if !rest.starts_with(&magic()) {
            return Err(BlockFileError::Foreign(at));
        }
        let cut_off = || BlockFileError::CutOff(at);
        let length = rest.get(4..PREFIX_BYTES).and_then(|length| length.try_into().ok());
        let length = u32::from_le_bytes(length.ok_or_else(cut_off)?) as usize;
        let block = rest.get(PREFIX_BYTES..PREFIX_BYTES + length).ok_or_else(cut_off)?;
        blocks.push(deserialize(block).map_err(|source| BlockFileError::Record { at, source })?);
        at += PREFIX_BYTES + length;
    }
    Ok(blocks)
}

impl Node {
    /// Takes in the blocks of a file, in whatever order they are; those it knows already are skipped. A mock clock is set
    /// to the time of the newest one if it is earlier. Returns the number of blocks that were in the file.
    ///
    /// # Errors
    /// When the file cannot be read, or a block is refused or hangs in the air. What came before stays.
    pub fn import_file(&mut self, path: &Path) -> Result<usize, BlockFileError> {
        let blocks = read_block_file(path)?;
        let count = blocks.len();
        let newest = blocks.iter().map(|block| i64::from(block.header.time)).max();
        if let (Clock::Mock(now), Some(newest)) = (self.clock(), newest)
            && newest > now
        {
            self.set_clock(Clock::Mock(newest));
        }
        self.import_in_any_order(blocks)?;
        Ok(count)
    }

    fn import_in_any_order(&mut self, blocks: Vec<Block>) -> Result<(), BlockFileError> {
        let mut waiting: HashMap<BlockHash, Vec<Block>> = HashMap::new();
        for block in blocks {
            let parent = block.header.prev_blockhash;
            let genesis =
                self.find_block(&block.block_hash()).is_some_and(|view| view.height() == 0);
            if !genesis && self.find_block(&parent).is_none() {
                waiting.entry(parent).or_default().push(block);
                continue;
            }
            let mut ready = vec![block];
            while let Some(block) = ready.pop() {
                let hash = block.block_hash();
                self.import_one(hash, block)?;
                ready.extend(waiting.remove(&hash).into_iter().flatten().rev());
            }
        }
        let hanging = waiting.values().flatten().next().map(Block::block_hash);
        match hanging {
            None => Ok(()),
            Some(hash) => {
                let count = waiting.values().map(Vec::len).sum();
                Err(BlockFileError::Unconnected { count, hash })
            }
        }
    }

    fn import_one(&mut self, hash: BlockHash, block: Block) -> Result<(), BlockFileError> {
        match self.submit_block(block) {
            BlockVerdict::Invalid { reject, .. } => Err(BlockFileError::Refused { hash, reject }),
            BlockVerdict::Connected | BlockVerdict::Duplicate | BlockVerdict::Inconclusive => {
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::consensus::encode::{serialize, serialize_hex};

    use super::*;
    use crate::NodeOptions;

    /// A node with a branch, and its blocks in the order of arrival, genesis first.
    fn source() -> (Node, Vec<Block>) {
        let mut node = Node::new(NodeOptions::default());
        node.generate(5).unwrap();
        node.reorganise(2).unwrap();
        let blocks = node.index().ids().map(|id| {
            let block = node.index().entry(id).block().unwrap();
            block.as_ref().clone()
        });
        let blocks = blocks.collect();
        (node, blocks)
    }

    fn records(blocks: &[Block]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for block in blocks {
            let block = serialize(block);
            bytes.extend([0xfa, 0xbf, 0xb5, 0xda]);
            bytes.extend(u32::try_from(block.len()).unwrap().to_le_bytes());
            bytes.extend(block);
        }
        bytes
    }

    fn import(file: &[u8], key: Option<&[u8]>) -> Result<Node, BlockFileError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blk00000.dat");
        std::fs::write(&path, file).unwrap();
        if let Some(key) = key {
            std::fs::write(folder.path().join(KEY_FILE), key).unwrap();
        }
        let mut node = Node::new(NodeOptions::default());
        node.import_file(&path).map(|_| node)
    }

    #[test]
    fn every_kind_of_file_gives_the_same_chain() {
        let (node, mut blocks) = source();
        let hex: Vec<String> = blocks.iter().map(serialize_hex).collect();
        let text = format!("# blocks\n\n{}\n", hex.join("\n"));
        let mut padded = records(&blocks);
        padded.extend([0; 1000]);
        let key = [1, 2, 3, 4, 5, 6, 7, 8];
        let hidden: Vec<u8> =
            padded.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        blocks.reverse();
        for (file, key) in [
            (text.into_bytes(), None),
            (padded, None),
            (hidden, Some(key.as_slice())),
            (records(&blocks), None),
        ] {
            let imported = import(&file, key).unwrap();
            assert_eq!(imported.tip().hash(), node.tip().hash());
            assert_eq!(imported.index().len(), node.index().len());
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told() {
        let (_, blocks) = source();
        let whole = records(&blocks);
        let error = |file: &[u8]| import(file, None).unwrap_err().to_string();
        assert!(error(b"00\nxx").starts_with("line 1 is not a block"));
        assert!(error(&[0, 7, 0, 7]).contains("at byte 0 begins neither"));
        assert!(error(&whole[..whole.len() - 1]).contains("is cut off"));
        assert!(error(&records(&blocks[3..])).contains("the blocks below are missing"));
        let mut bad = blocks[1].clone();
        bad.txdata.clear();
        assert!(error(&records(&[bad])).contains("is refused"));
        assert!(import(&whole, Some(b"short")).is_ok(), "the key is not needed");
    }
}
