//! How a hosted node is set up.

use std::path::PathBuf;

use bitcoin::ScriptBuf;
use bitcoin_grpc_contract::Profile;

use super::{HostError, Pace};
use crate::fault::FaultSpec;
use crate::generation::Generation;
use crate::miner::TemplateOptions;
use crate::node::{Node, NodeOptions};

/// What a node on its own thread is made with.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// Where its socket is to be.
    pub socket: PathBuf,
    /// The interface that it speaks.
    pub profile: &'static Profile,
    /// The node itself.
    pub node: NodeOptions,
    /// The chain that it starts with.
    pub chain: ChainOptions,
    /// What it does by itself.
    pub pace: Pace,
    /// Where it keeps its chain; none for in memory only.
    pub data_dir: Option<PathBuf>,
    /// Whether the node knows nothing until its client tells it.
    pub led: bool,
    /// What goes wrong from the start on.
    pub faults: Vec<FaultSpec>,
    /// Who is told when something does not work out while the node runs.
    pub trouble: fn(&str),
}

impl HostOptions {
    /// A node of a generation that does nothing by itself and tells no troubles.
    #[must_use]
    pub fn new(socket: impl Into<PathBuf>, profile: &'static Profile) -> Self {
        let generation = Generation::of_profile(profile.name).unwrap_or_default();
        Self {
            socket: socket.into(),
            profile,
            node: NodeOptions::for_generation(generation),
            chain: ChainOptions::default(),
            pace: Pace::default(),
            data_dir: None,
            led: false,
            faults: Vec::new(),
            trouble: |_| {},
        }
    }
}

/// The chain that a node starts with.
#[derive(Debug, Clone, Default)]
pub struct ChainOptions {
    /// Files with blocks to take in first.
    pub imports: Vec<PathBuf>,
    /// Height that is mined up to.
    pub blocks: u32,
    /// Height below which blocks are thrown away then.
    pub prune_below: Option<u32>,
}

impl ChainOptions {
    /// Brings a fresh node to where it is to start.
    pub(super) fn prepare(&self, node: &mut Node) -> Result<(), HostError> {
        for path in &self.imports {
            node.import_file(path)
                .map_err(|source| HostError::Import { path: path.clone(), source })?;
        }
        self.complete(node, &anyone())
    }

    /// The same for a chain that shares nothing with the usual one: nothing is imported, and coinbases pay to the hash
    /// of the usual script.
    pub(super) fn prepare_another(&self, node: &mut Node) -> Result<(), HostError> {
        self.complete(node, &anyone().to_p2wsh())
    }

    fn complete(&self, node: &mut Node, script: &ScriptBuf) -> Result<(), HostError> {
        let missing = self.blocks.saturating_sub(node.height());
        node.generate_to(missing, script).map_err(HostError::Mining)?;
        if let Some(height) = self.prune_below {
            node.prune_below(height);
        }
        Ok(())
    }
}

/// The script that anyone can spend.
fn anyone() -> ScriptBuf {
    TemplateOptions::default().script_pubkey
}
