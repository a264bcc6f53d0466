//! A block template that the node keeps for a client.

use std::cell::RefCell;

use bitcoin::Block;

use crate::miner::{BlockTemplate, TemplateOptions};

/// A template, how it was made, and the block as the last solution left it.
pub(super) struct Template {
    /// The options it was made with; the next one is made with the same.
    pub(super) options: TemplateOptions,
    /// The template as it was made.
    pub(super) made: BlockTemplate,
    /// The block: the template's, or the last one that was submitted, accepted or not.
    pub(super) block: RefCell<Block>,
}

impl Template {
    pub(super) fn new(options: TemplateOptions, made: BlockTemplate) -> Self {
        let block = RefCell::new(made.block.clone());
        Self { options, made, block }
    }

    /// All fees of the template, in satoshi.
    pub(super) fn fees(&self) -> i64 {
        self.made.fees.iter().sum()
    }
}
