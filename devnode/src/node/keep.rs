//! What the node leaves in a data directory, and how it comes back from there.

use std::sync::Arc;

use super::Node;
use crate::clock::Clock;
use crate::mempool::Mempool;
use crate::store::{DataDir, Record, StoreError};

impl Node {
    /// Takes over what a data directory holds, and writes every change of the chain there from now on. Anything that
    /// the node knew before is not written. A mock clock is set to the time of the newest block if it is earlier.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn keep_in(&mut self, folder: &DataDir) -> Result<(), StoreError> {
        let journal = folder.open_journal(|record| self.replay(record))?;
        // What reorganisations brought back in the replay did not outlive the process.
        self.pool = Mempool::default();
        for (tx, time) in folder.read_mempool()? {
            // What does not fit any more stays out, as in a node.
            let _ = self.admit_at(Arc::new(tx), false, time);
        }
        self.journal = Some(journal);
        // Nobody has to hear of old things.
        self.take_events();
        Ok(())
    }

    /// Writes what waits, and ends the journal. Nothing if nothing is kept.
    ///
    /// # Errors
    /// When that fails, or writing the journal ever failed.
    pub fn close_in(&mut self, folder: &DataDir) -> Result<(), StoreError> {
        let Some(journal) = self.journal.take() else { return Ok(()) };
        let entries: Vec<_> = self.mempool_transactions();
        folder.write_mempool(entries.iter().map(|entry| (entry.tx.as_ref(), entry.time)))?;
        folder.close_journal(journal)
    }

    /// Writes a change of the chain. A node that cannot do that stops, as real ones do.
    pub(super) fn record(&mut self, record: impl FnOnce() -> Record) {
        let Some(journal) = &mut self.journal else { return };
        journal.append(&record());
        if let Some(failure) = journal.failure() {
            self.warnings = format!("A fatal internal error occurred: {failure}");
            self.shutdown_requested = true;
        }
    }

    /// Does again what was recorded. What failed then fails now, and changes the same.
    fn replay(&mut self, record: Record) {
        match record {
            Record::Block(block) => {
                self.raise_clock_to(block.header.time);
                self.submit_block(*block);
            }
            Record::Header(header) => {
                self.raise_clock_to(header.time);
                let _ = self.submit_header(header);
            }
            Record::Invalidate(hash) => drop(self.invalidate(&hash)),
            Record::Reconsider(hash) => drop(self.reconsider(&hash)),
            Record::Prefer(hash) => drop(self.prefer(&hash)),
            Record::Prune(height) => self.prune_below(height),
        }
    }

    fn raise_clock_to(&mut self, time: u32) {
        if let Clock::Mock(now) = self.clock
            && i64::from(time) > now
        {
            self.set_clock(Clock::Mock(i64::from(time)));
        }
    }
}
