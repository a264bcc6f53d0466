//! Becoming a recorded node.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use super::{BlockVerdict, Node};
use crate::clock::Clock;
use crate::import::{
    ImportError, RecordedBlock, RecordedData, RecordedTransaction, read_blocks, read_mempool,
};

impl Node {
    /// Loads the chain and, if it is given, the mempool of a recording. A mock clock is set to the time of the newest
    /// block if it is earlier.
    pub fn load(&mut self, blocks: &Path, mempool: Option<&Path>) -> Result<(), ImportError> {
        self.import_blocks(read_blocks(BufReader::new(File::open(blocks)?))?)?;
        if let Some(mempool) = mempool {
            self.import_mempool(read_mempool(BufReader::new(File::open(mempool)?))?)?;
        }
        Ok(())
    }

    /// Takes recorded blocks in, in the order of their times, so that every branch is followed as it was then.
    pub fn import_blocks(&mut self, mut blocks: Vec<RecordedBlock>) -> Result<(), ImportError> {
        blocks.sort_by_key(|block| (block.header().time, block.height));
        self.raise_clock(blocks.iter().map(|block| i64::from(block.header().time)).max());
        for block in &blocks {
            self.import_block(block)?;
        }
        for block in blocks {
            let found = self.find_block(&block.hash);
            if found.is_none_or(|view| {
                view.height() != block.height || view.in_active_chain() != block.in_active_chain
            }) {
                return Err(ImportError::Mismatch(format!("block {}", block.hash)));
            }
        }
        Ok(())
    }

    /// Takes recorded waiting transactions in, whatever they pay.
    pub fn import_mempool(
        &mut self,
        mut transactions: Vec<RecordedTransaction>,
    ) -> Result<(), ImportError> {
        while !transactions.is_empty() {
            let (ready, waiting): (Vec<_>, Vec<_>) =
                transactions.iter().cloned().partition(|recorded| {
                    let parents = recorded.tx.input.iter().map(|input| input.previous_output.txid);
                    !transactions
                        .iter()
                        .any(|other| parents.clone().any(|txid| txid == other.tx.compute_txid()))
                });
            if ready.is_empty() {
                return Err(ImportError::Mismatch("a mempool that needs itself".to_owned()));
            }
            ready.into_iter().try_for_each(|recorded| self.import_transaction(recorded))?;
            transactions = waiting;
        }
        Ok(())
    }

    fn import_block(&mut self, recorded: &RecordedBlock) -> Result<(), ImportError> {
        let refused =
            |reject| ImportError::Refused { what: format!("block {}", recorded.hash), reject };
        match &recorded.data {
            RecordedData::Header(header) => self.submit_header(*header).map_err(refused),
            RecordedData::Block(block) => match self.submit_block(block.clone()) {
                BlockVerdict::Invalid { reject, .. } => Err(refused(reject)),
                BlockVerdict::Connected | BlockVerdict::Duplicate | BlockVerdict::Inconclusive => {
                    Ok(())
                }
            },
        }
    }

    fn import_transaction(&mut self, recorded: RecordedTransaction) -> Result<(), ImportError> {
        let txid = recorded.tx.compute_txid();
        let what = format!("transaction {txid}");
        let refused = |reject| ImportError::Refused { what: what.clone(), reject };
        self.admit_at(Arc::new(recorded.tx), true, recorded.time).map_err(refused)?;
        let same = self
            .pool
            .get(&txid)
            .is_some_and(|entry| entry.fee == recorded.fee && entry.vsize() == recorded.vsize);
        if same { Ok(()) } else { Err(ImportError::Mismatch(what)) }
    }

    fn raise_clock(&mut self, newest: Option<i64>) {
        if let (Clock::Mock(now), Some(newest)) = (self.clock, newest)
            && newest > now
        {
            self.set_clock(Clock::Mock(newest));
        }
    }
}
