//! Chains and mempools from recordings: files with one JSON object per line.

use std::fmt::Display;
use std::io::{self, BufRead};
use std::str::FromStr;

use bitcoin::block::Header;
use bitcoin::consensus::encode::{self, deserialize_hex};
use bitcoin::{Block, BlockHash, Transaction, Txid};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};

use crate::reject::Reject;

/// Why a recording could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file could not be read.
    #[error("cannot read the recording: {0}")]
    Read(#[from] io::Error),
    /// A line is not what it should be.
    #[error("line {line}: {source}")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A block or transaction is not.
    #[error("{what}: {source}")]
    Encoding {
        /// Its hash.
        what: String,
        /// What is wrong with it.
        source: encode::FromHexError,
    },
    /// A block or transaction has another hash, fee or size than the recording says.
    #[error("{0} is not what the recording says")]
    Mismatch(String),
    /// The node refuses it.
    #[error("{what} is refused: {reject}")]
    Refused {
        /// Its hash.
        what: String,
        /// Why.
        reject: Reject,
    },
}

#[derive(Deserialize)]
struct BlockLine {
    height: u32,
    #[serde(deserialize_with = "parsed")]
    hash: BlockHash,
    in_active_chain: bool,
    #[serde(default)]
    header_only: bool,
    hex: String,
}

#[derive(Deserialize)]
struct TransactionLine {
    #[serde(deserialize_with = "parsed")]
    txid: Txid,
    fee_sat: i64,
    vsize: u64,
    time: i64,
    hex: String,
}

/// What was recorded of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordedData {
    /// The node only knew its header.
    Header(Header),
    /// The whole block.
    Block(Block),
}

/// A block that a recorded node knew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedBlock {
    /// Its height.
    pub height: u32,
    /// Its hash.
    pub hash: BlockHash,
    /// Whether it was on the active chain.
    pub in_active_chain: bool,
    /// What was recorded of it.
    pub data: RecordedData,
}

impl RecordedBlock {
    /// Its header.
    pub fn header(&self) -> &Header {
        match &self.data {
            RecordedData::Header(header) => header,
            RecordedData::Block(block) => &block.header,
        }
    }
}

/// A transaction that waited in a recorded mempool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedTransaction {
    /// The transaction.
    pub tx: Transaction,
    /// Its fee, in satoshi.
    pub fee: i64,
    /// Its size, in virtual bytes.
    pub vsize: u64,
    /// When it came, in seconds since 1970.
    pub time: i64,
}

/// Reads a `blocks.jsonl`.
pub fn read_blocks(reader: impl BufRead) -> Result<Vec<RecordedBlock>, ImportError> {
    lines(reader)?.into_iter().map(recorded_block).collect()
}

/// Reads a `mempool.jsonl`.
pub fn read_mempool(reader: impl BufRead) -> Result<Vec<RecordedTransaction>, ImportError> {
    lines(reader)?.into_iter().map(recorded_transaction).collect()
}

fn lines<T: DeserializeOwned>(reader: impl BufRead) -> Result<Vec<T>, ImportError> {
    let mut values = Vec::new();
    for (place, line) in reader.lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let value = serde_json::from_str(&line)
            .map_err(|source| ImportError::Line { line: place + 1, source })?;
        values.push(value);
    }
    Ok(values)
}

/// A value that is written as text, here hashes in display order.
fn parsed<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(
    deserializer: D,
) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

fn recorded_block(line: BlockLine) -> Result<RecordedBlock, ImportError> {
    let what = || format!("block {}", line.hash);
    let encoding = |source| ImportError::Encoding { what: what(), source };
    let data = if line.header_only {
        RecordedData::Header(deserialize_hex(&line.hex).map_err(encoding)?)
    } else {
        RecordedData::Block(deserialize_hex(&line.hex).map_err(encoding)?)
    };
    let block = RecordedBlock {
        height: line.height,
        hash: line.hash,
        in_active_chain: line.in_active_chain,
        data,
    };
    if block.header().block_hash() != line.hash {
        return Err(ImportError::Mismatch(what()));
    }
    Ok(block)
}

fn recorded_transaction(line: TransactionLine) -> Result<RecordedTransaction, ImportError> {
    let what = format!("transaction {}", line.txid);
    let tx: Transaction = deserialize_hex(&line.hex)
        .map_err(|source| ImportError::Encoding { what: what.clone(), source })?;
    if tx.compute_txid() != line.txid {
        return Err(ImportError::Mismatch(what));
    }
    Ok(RecordedTransaction { tx, fee: line.fee_sat, vsize: line.vsize, time: line.time })
}
